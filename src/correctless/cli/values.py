"""Option types, and the options of several commands."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import click

from correctless.base.exits import Stop
from correctless.project import person

Command = Callable[..., Any]

MOST = 1_000_000_000  # the largest value: its seconds and cents still fit into the counters


class Amount(click.FloatRange):
    """Money or minutes: a finite number."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Parse a number; refuse NaN and infinity, which pass every range check."""
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a number. Write one like 2.5", param, ctx)
        return number


class Name(click.ParamType[str]):
    """Name of the user who answers."""

    name = "name"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Parse a name."""
        try:
            return person.named(str(value))
        except Stop as stop:
            self.fail(stop.message, param, ctx)


SOME = Amount(0, MOST, min_open=True)
ANY = Amount(0, MOST)
COUNT = click.IntRange(0, MOST)
NAME = Name()

json_option = click.option("--json", "as_json", is_flag=True, help="For programs.")
as_option = click.option(
    "--as", "by", type=NAME, metavar="NAME", help="Who answers; default: git's user.name."
)


def options(*decorators: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """Return one decorator that adds all these options, in this order."""

    def add(command: Command) -> Command:
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

    return add
