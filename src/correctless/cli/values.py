"""Types of option values: numbers and names."""

from __future__ import annotations

import math
from typing import Any

import click

from correctless.base.exits import Stop
from correctless.project import person

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
