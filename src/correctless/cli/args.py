"""Parser for the arguments of commands that are answered without click."""

from __future__ import annotations

from correctless.base import exits
from correctless.base.exits import Stop

TYPE_CHECKING = False  # typing costs 2 ms to import
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


class Args:
    """Parsed arguments: positional ones, flags, and the values of each option in order."""

    def __init__(self) -> None:
        self.positional: list[str] = []
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

    Reads `--flag`, `--name VALUE` and `--name=VALUE`; everything after `--` is positional.

    `optional` maps each option whose value may be left out to its default. `-` is positional, and `--help` and `-h`
    are flags of every command.

    Raises: Stop(2) for an unknown option, or one without its value.
    """
    flags, values, optional = {*flags, "--help", "-h"}, set(values), optional or {}
    parsed, rest = Args(), list(argv)
    while rest:
        argument = rest.pop(0)
        name, equals, value = argument.partition("=")
        if argument == "--":
            parsed.positional += rest
            break
        if name in optional:
            parsed.values.setdefault(name, []).append(value if equals else optional[name])
        elif argument in flags:
            parsed.flags.add(argument)
        elif name in values and (equals or rest):
            parsed.values.setdefault(name, []).append(value if equals else rest.pop(0))
        elif argument.startswith("-") and argument != "-":
            wrong = "needs a value" if argument in values else "is not an option"
            raise Stop(exits.USAGE, f"'{argument}' {wrong}. See {command} --help")
        else:
            parsed.positional.append(argument)
    return parsed


def wants_help(args: Args) -> bool:
    """Return whether the arguments ask for help."""
    return bool(args.flags & {"--help", "-h"})
