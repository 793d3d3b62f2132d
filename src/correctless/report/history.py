"""Report of all runs of a repository: rates, cost and time over runs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from correctless.base.text import duration
from correctless.metrics import figures
from correctless.metrics.count import UnreadableBranch
from correctless.metrics.figures import Figures, RunFigures, Sums
from correctless.report import plot
from correctless.report.plot import Plot

PLOTTED = 300  # runs, the newest ones


@dataclass(frozen=True, slots=True)
class HistoryRun:
    """One run as a row: its figures, and its rates where it has decisions."""

    number: int
    id: str
    branch: str
    started: str
    end: str
    tone: str
    decisions: int
    deferred: int
    deferred_rate: float | None
    unlisted: int
    unlisted_rate: float | None
    failed: int
    usd: float
    estimated: bool
    tokens: int
    seconds: float
    wall_seconds: float


@dataclass(frozen=True, slots=True)
class HistorySkill:
    """Figures of one skill over all runs."""

    skill: str
    steps: int
    decisions: int
    deferred_rate: float | None
    unlisted_rate: float | None
    usd: float
    estimated: bool
    seconds: float


@dataclass(frozen=True, slots=True)
class HistoryHalf:
    """One half of the runs, for the comparison of the older with the newer."""

    runs: int
    first: str
    last: str
    complete_rate: float | None
    deferred_rate: float | None
    unlisted_rate: float | None
    usd: float
    estimated: bool
    seconds: float


@dataclass(frozen=True, slots=True)
class HistoryReport:
    """Everything the report of all runs shows."""

    repository: str
    made: str
    ends: tuple[tuple[str, int], ...]
    runs: tuple[HistoryRun, ...]  # by when they began
    skills: tuple[HistorySkill, ...]
    halves: tuple[HistoryHalf, HistoryHalf] | None
    plots: tuple[Plot, ...]
    plotted: int
    total: HistorySkill
    refused: tuple[tuple[str, str], ...]  # branch, and why it is not in the figures


_TONES = {
    "complete": "good",
    "waiting": "attention",
    "paused": "attention",
    "failed": "bad",
    "stopped": "bad",
}


def of(totals: Figures, refused: Iterable[UnreadableBranch], *, repository: str, made: str) -> HistoryReport:
    """Return the report of all runs."""
    ordered = sorted(totals.runs, key=lambda run: (run.started, run.id))
    runs = tuple(_run(number, run) for number, run in enumerate(ordered, 1))
    halves = figures.trend(totals)
    return HistoryReport(
        repository=repository,
        made=made,
        ends=tuple((end, number) for end, number in figures.ends(totals.runs).items() if number),
        runs=runs,
        skills=tuple(_skill(name, sums) for name, sums in figures.by_name(totals)),
        halves=(_half(halves[0]), _half(halves[1])) if halves else None,
        plots=_plots(runs[-PLOTTED:]) if len(runs) > 1 else (),
        plotted=min(len(runs), PLOTTED),
        total=_skill("all", totals.total),
        refused=tuple((each.branch, each.why) for each in refused),
    )


def _run(number: int, run: RunFigures) -> HistoryRun:
    sums = run.sums
    return HistoryRun(
        number=number,
        id=run.id,
        branch=run.branch,
        started=run.started,
        end=run.end,
        tone=_TONES.get(run.end, "quiet"),
        decisions=sums.decisions,
        deferred=sums.deferred,
        deferred_rate=figures.rate(sums.deferred, sums.decisions),
        unlisted=sums.unlisted,
        unlisted_rate=figures.rate(sums.unlisted, sums.decisions),
        failed=sums.failed,
        usd=sums.micro_usd / 1e6,
        estimated=sums.estimated > 0,
        tokens=sums.tokens,
        seconds=sums.milliseconds / 1000,
        wall_seconds=run.wall / 1000,
    )


def _skill(name: str, sums: Sums) -> HistorySkill:
    return HistorySkill(
        skill=name,
        steps=sums.steps,
        decisions=sums.decisions,
        deferred_rate=figures.rate(sums.deferred, sums.decisions),
        unlisted_rate=figures.rate(sums.unlisted, sums.decisions),
        usd=sums.micro_usd / 1e6,
        estimated=sums.estimated > 0,
        seconds=sums.milliseconds / 1000,
    )


def _half(half: figures.Half) -> HistoryHalf:
    sums = half.sums
    return HistoryHalf(
        runs=half.runs,
        first=half.first,
        last=half.last,
        complete_rate=figures.rate(half.complete, half.runs),
        deferred_rate=figures.rate(sums.deferred, sums.decisions),
        unlisted_rate=figures.rate(sums.unlisted, sums.decisions),
        usd=sums.micro_usd / 1e6 / half.runs,
        estimated=sums.estimated > 0,
        seconds=sums.milliseconds / 1000 / half.runs,
    )


def _plots(runs: tuple[HistoryRun, ...]) -> tuple[Plot, ...]:
    days = [run.started[:10] for run in runs]
    rates = (
        ("deferred", [_in_percent(run.deferred_rate) for run in runs]),
        ("unlisted", [_in_percent(run.unlisted_rate) for run in runs]),
    )
    times = (
        ("agents", [run.seconds for run in runs]),
        ("start to end", [run.wall_seconds for run in runs]),
    )
    return (
        plot.of(
            "rates", "Share of decisions that were deferred or unlisted", days, rates, lambda v: f"{v:.3g}%"
        ),
        plot.of(
            "cost", "Cost of a run", days, (("cost", [run.usd for run in runs]),), lambda v: f"${v:,.2f}"
        ),
        plot.of(
            "tokens", "Tokens of a run", days, (("tokens", [float(run.tokens) for run in runs]),), _thousands
        ),
        plot.of("time", "Time of a run", days, times, duration, steps=_SPANS),
    )


def _in_percent(rate: float | None) -> float | None:
    return None if rate is None else 100 * rate


_MINUTE, _HOUR = 60.0, 3600.0
_SPANS = (
    *(1.0, 2.0, 5.0, 10.0, 30.0),
    *(_MINUTE, 2 * _MINUTE, 5 * _MINUTE, 10 * _MINUTE, 15 * _MINUTE, 30 * _MINUTE),
    *(_HOUR, 2 * _HOUR, 3 * _HOUR, 6 * _HOUR, 12 * _HOUR, 24 * _HOUR, 48 * _HOUR, 96 * _HOUR),
)


def _thousands(value: float) -> str:
    for unit, name in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= unit:
            return f"{value / unit:.1f}".removesuffix(".0") + name
    return f"{value:.0f}"
