"""The words of a command that is answered without click."""

from __future__ import annotations

from correctless.base import exits
from correctless.base.exits import Stop

TYPE_CHECKING = False  # typing costs 2 ms to import
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


class Args:
    """What was given: `words` that are no options, `flags`, and the values of each option in their order."""

    def __init__(self) -> None:
        self.words: list[str] = []
        self.flags: set[str] = set()
        self.values: dict[str, list[str]] = {}

    def value(self, name: str) -> str | None:
        """The last value of an option; None without one."""
        return self.values[name][-1] if name in self.values else None


def read(
    command: str,
    argv: Sequence[str],
    *,
    flags: Iterable[str] = (),
    values: Iterable[str] = (),
    optional: Mapping[str, str] | None = None,
) -> Args:
    """Return the words of a command line: `--flag`, `--name VALUE`, `--name=VALUE`, and `--` before words alone.

    `optional` are options whose value may be left out, each with what it is then. `-` is a word, and `--help` and `-h` are
    flags of every command. Raises `Stop(2)` for an option that is none of these, or that lacks its value.
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
            raise Stop(exits.USAGE, f"'{word}' {wrong}. see {command} --help")
        else:
            found.words.append(word)
    return found


def wants_help(args: Args) -> bool:
    """Whether the command is asked how it is used."""
    return bool(args.flags & {"--help", "-h"})
