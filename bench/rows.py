"""What was measured, as frozen values: rows in, a table for people or JSON for programs out."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """One thing that was measured; times in the row's unit, None where it was not asked for."""

    name: str
    median: float
    p99: float | None = None
    peak_mb: float | None = None
    per_second: float | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """A figure beside its floor: what could not be faster; `floor` None and `missing` the reason when there is none."""

    figure: Figure
    unit: str  # "ms" or "s"
    floor: Figure | None
    rounds: int
    goal: float | None = None  # of the ratio
    most: float | None = None  # of the median itself
    missing: str = ""
    # Of the rates, not the medians: who gives a lock back and takes it again at once has a fine median, the others wait.
    by_rate: bool = False

    @property
    def ratio(self) -> float | None:
        if self.floor is None:
            return None
        if self.by_rate and self.figure.per_second and self.floor.per_second:
            return self.floor.per_second / self.figure.per_second
        return self.figure.median / self.floor.median


@dataclass(frozen=True, slots=True)
class Found:
    """A run of a benchmark. `load`: the machine's load average over a minute, before and after."""

    rows: tuple[Row, ...]
    folder: str
    python: str
    cores: int
    load: tuple[float, float]


def as_json(found: Found) -> str:
    """The run as one JSON object; each row with its `ratio`, null without a floor."""
    values = asdict(found)
    values["rows"] = [{**asdict(row), "ratio": row.ratio} for row in found.rows]
    return json.dumps(values, indent=2)


def text(found: Found) -> str:
    """The run as a table: a line each for the figure and, under it, its floor."""
    table: list[tuple[str, ...]] = [("", "median", "p99", "peak MB", "per s", "ratio", "")]
    for row in found.rows:
        goal = f"goal {row.goal:.1f}x" if row.goal else f"at most {row.most:g} {row.unit}" if row.most else ""
        ratio = f"{row.ratio:.2f}x" if row.ratio is not None else ""
        table.append((*_cells(row.figure, row.unit), ratio, goal))
        if row.floor:
            table.append((f"  {row.floor.name}", *_cells(row.floor, row.unit)[1:], "", ""))
        else:
            table.append((f"  {row.missing}", *[""] * 6))
    widths = [max(len(line[column]) for line in table) for column in range(7)]
    out = [
        line[0].ljust(widths[0])
        + "".join(f"  {cell.rjust(size)}" for cell, size in zip(line[1:], widths[1:], strict=True))
        for line in table
    ]
    before, after = found.load
    out.append(
        f"\nPython {found.python}, {found.cores} cores, load {before:.1f} before and {after:.1f} after, in {found.folder}"
    )
    return "\n".join(line.rstrip() for line in out)


def _cells(figure: Figure, unit: str) -> tuple[str, str, str, str, str]:
    def time(value: float | None) -> str:
        return f"{value:.3f} {unit}" if value is not None else ""

    peak = f"{figure.peak_mb:.0f}" if figure.peak_mb is not None else ""
    rate = f"{figure.per_second:,.0f}" if figure.per_second is not None else ""
    return figure.name, time(figure.median), time(figure.p99), peak, rate
