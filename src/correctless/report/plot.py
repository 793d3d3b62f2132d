"""Geometry of a plot: values over runs as coordinates in an SVG, with axes and a text that says the same."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 560, 230
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 10, 12, 34
_DOTS = 60  # runs up to which each has its dot


@dataclass(frozen=True, slots=True)
class PlotTick:
    """A mark of an axis: where it is, and its label."""

    at: float
    label: str


@dataclass(frozen=True, slots=True)
class PlotDot:
    """One value: where it is, and what it says when it is pointed at."""

    x: float
    y: float
    label: str


@dataclass(frozen=True, slots=True)
class PlotSeries:
    """One row of values: points of its lines (broken where a run has no value), and its dots."""

    name: str
    kind: str  # a or b: its colour and its stroke
    lines: tuple[str, ...]
    dots: tuple[PlotDot, ...]
    hidden: bool  # too many for dots to be seen


@dataclass(frozen=True, slots=True)
class Plot:
    """One plot, ready to be drawn."""

    id: str
    title: str
    text: str
    x_title: str
    series: tuple[PlotSeries, ...]
    x: tuple[PlotTick, ...]
    y: tuple[PlotTick, ...]
    left: float = _LEFT
    right: float = WIDTH - _RIGHT
    top: float = _TOP
    bottom: float = HEIGHT - _BOTTOM
    width: int = WIDTH
    height: int = HEIGHT


def of(
    name: str,
    title: str,
    runs: Sequence[str],
    values: Sequence[tuple[str, Sequence[float | None]]],
    spell: Callable[[float], str],
    *,
    steps: Sequence[float] = (),
) -> Plot:
    """Return the plot of one or two rows of values over `runs`, which are the dates they began at.

    `steps` are those an axis may have, where they are no decimal ones, as of hours.
    """
    highest = max((value for _, row in values for value in row if value is not None), default=0.0)
    step = _step(highest, steps)
    top = step * max(math.ceil(highest / step), 1)
    last = max(len(runs) - 1, 1)

    def x(number: int) -> float:
        return round(_LEFT + 8 + (WIDTH - _LEFT - _RIGHT - 16) * number / last, 1)

    def y(value: float) -> float:
        return round(HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * min(value / top, 1.0), 1)

    series = []
    for (label, row), kind in zip(values, "ab", strict=False):
        dots = [
            PlotDot(x(n), y(value), f"{runs[n]}: {label} {spell(value)}")
            for n, value in enumerate(row)
            if value is not None
        ]
        lines: list[list[str]] = [[]]
        for n, value in enumerate(row):
            if value is None:
                lines.append([])
            else:
                lines[-1].append(f"{x(n)},{y(value)}")
        drawn = tuple(" ".join(points) for points in lines if len(points) > 1)
        series.append(PlotSeries(label, kind, drawn, tuple(dots), len(runs) > _DOTS))
    marks = sorted({0, last // 2, len(runs) - 1}) if runs else []
    return Plot(
        id=name,
        title=title,
        text=_text(runs, values, spell),
        x_title="runs by the day they began",
        series=tuple(series),
        x=tuple(PlotTick(x(n), runs[n]) for n in marks),
        y=tuple(PlotTick(y(step * n), spell(step * n)) for n in range(round(top / step) + 1)),
    )


def _step(highest: float, steps: Sequence[float]) -> float:
    """Return what an axis of four parts or so counts by: the next of `steps`, or 1, 2, 2.5 or 5 times a power of ten."""
    rough = highest / 4
    if rough <= 0:
        return steps[0] if steps else 1.0
    for step in steps:
        if step >= rough:
            return step
    power = 10.0 ** math.floor(math.log10(rough))
    return next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough)


def _text(
    runs: Sequence[str], values: Sequence[tuple[str, Sequence[float | None]]], spell: Callable[[float], str]
) -> str:
    """Return what the plot shows in words, for those who do not see it."""
    parts = []
    for label, row in values:
        known = [value for value in row if value is not None]
        if known:
            middle = sorted(known)[len(known) // 2]
            parts.append(
                f"{label}: from {spell(min(known))} to {spell(max(known))}, median {spell(middle)}, last {spell(known[-1])}"
            )
        else:
            parts.append(f"{label}: no values")
    return f"{len(runs)} runs. {'. '.join(parts)}."
