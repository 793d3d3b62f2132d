"""Parser for the arguments of commands that are answered without click."""

from __future__ import annotations

from correctless.base import exits
from correctless.base.exits import Stop

TYPE_CHECKING = False  # typing costs 2 ms to import
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


class Args:
    """Parsed arguments: plain words, flags, and the values of each option in order."""

    def __init__(self) -> None:
        self.words: list[str] = []
        self.flags: set[str] = set()
        self.values: dict[str, list[str]] = {}

    def value(self, name: str) -> str | None:
        """Return the last value of an option, or None."""
        return self.values[name][-1] if name in self.values else None


def read(
    command: str,
    argv: Sequence[str],
    *,
    flags: Iterable[str] = (),
    values: Iterable[str] = (),
    optional: Mapping[str, str] | None = None,
) -> Args:
    """Parse a command line.

    Reads `--flag`, `--name VALUE`, `--name=VALUE`, and `--` before words alone.

    `optional` maps each option whose value may be left out to its default. `-` is a word, and `--help` and `-h`
    are flags of every command.

    Raises: Stop(2) for an unknown option, or one without its value.
    """
    flags, values, optional = {*flags, "--help", "-h"}, set(values), optional or {}
    found, rest = Args(), list(argv)
    while rest:
        word = rest.pop(0)
        name, given, value = word.partition("=")
        if word == "--":
            found.words += rest
            break
        if name in optional:
            found.values.setdefault(name, []).append(value if given else optional[name])
        elif word in flags:
            found.flags.add(word)
        elif name in values and (given or rest):
            found.values.setdefault(name, []).append(value if given else rest.pop(0))
        elif word.startswith("-") and word != "-":
            wrong = "needs a value" if word in values else "is not an option"
            raise Stop(exits.USAGE, f"'{word}' {wrong}. See {command} --help")
        else:
            found.words.append(word)
    return found


def wants_help(args: Args) -> bool:
    """Return whether the arguments ask for help."""
    return bool(args.flags & {"--help", "-h"})
