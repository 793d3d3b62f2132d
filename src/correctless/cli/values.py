"""Values of options: what was typed in; a number that counts something, or a name that names somebody, out."""

from __future__ import annotations

import math
from typing import Any

import click

from correctless.base.exits import Stop
from correctless.project import person

MOST = 1_000_000_000  # of anything: seconds and cents of it still fit into what counts them


class Amount(click.FloatRange):
    """Money or minutes. What is no number, or has no end, compares as if it were below and above everything."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r} is no number. write one as 2.5", param, ctx)
        return number


class Name(click.ParamType[str]):
    """Who somebody says they are."""

    name = "name"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return person.named(str(value))
        except Stop as stop:
            self.fail(stop.message, param, ctx)


SOME = Amount(0, MOST, min_open=True)
ANY = Amount(0, MOST)
COUNT = click.IntRange(0, MOST)
NAME = Name()
