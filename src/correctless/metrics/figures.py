"""Whole-number figures of runs: sums, totals, rates and trend."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from typing import Any, Literal

DISTINCT = 1000  # skills that get a row of their own; what comes after them is counted together
OTHERS = "(others)"

End = Literal["complete", "waiting", "paused", "failed", "stopped", "abandoned", "running"]
ENDS: tuple[End, ...] = ("complete", "waiting", "paused", "failed", "stopped", "abandoned", "running")


@dataclass(slots=True)
class Sums:
    """Counts, money and time in units that add up exactly.

    Fractions of a dollar would depend on their order.
    """

    steps: int = 0  # that finished, reverted or not
    reverted: int = 0  # of them, whose work was discarded
    attempts: int = 0
    failed: int = 0  # of them, which counted as a failure of the step
    given_up: int = 0  # of them, reverted without being a failure: a limit, an interruption, your decision
    decisions: int = 0  # recorded, superseded ones included
    deferred: int = 0
    unlisted: int = 0
    superseded: int = 0  # whose attempt was discarded
    tokens: int = 0
    micro_usd: int = 0
    estimated: int = 0  # parts of attempts whose agent did not say what they cost
    milliseconds: int = 0  # of agents, while the machine was awake

    def add(self, other: Sums) -> None:
        """Add the counts of `other`."""
        for name in _NAMES:
            if more := getattr(other, name):
                setattr(self, name, getattr(self, name) + more)


_NAMES = tuple(each.name for each in fields(Sums))


@dataclass(slots=True)
class RunFigures:
    """One run: when it began, its state, and its sums."""

    id: str
    branch: str
    started: str  # RFC 3339 in UTC, as the log has it
    tried: bool  # what it needs was tried before it started
    end: End = "running"
    wall: int = 0  # milliseconds from its first to its last event, waiting included
    sums: Sums = field(default_factory=Sums)


@dataclass(slots=True)
class Figures:
    """Figures of any number of branches.

    `outside` are entries of decisions logs that belong to no run, written by hand or by others.
    """

    runs: list[RunFigures] = field(default_factory=list)
    skills: dict[str, Sums] = field(default_factory=dict)
    outside: Sums = field(default_factory=Sums)

    def skill(self, name: str) -> Sums:
        """Return the sums of one skill, to be added to."""
        if name not in self.skills and len(self.skills) >= DISTINCT:
            name = OTHERS
        return self.skills.setdefault(name, Sums())

    def add(self, other: Figures) -> None:
        """Add the figures of `other`."""
        self.runs += other.runs
        for name, sums in other.skills.items():
            self.skill(name).add(sums)
        self.outside.add(other.outside)

    @property
    def total(self) -> Sums:
        """Return the sums of all runs, which are those of all skills."""
        return total(run.sums for run in self.runs)


def total(parts: Iterable[Sums]) -> Sums:
    """Return the sum of `parts`."""
    sums = Sums()
    for part in parts:
        sums.add(part)
    return sums


def rate(part: int, whole: int) -> float | None:
    """Return a share between 0 and 1; None where there is nothing to share."""
    return round(part / whole, 4) if whole else None


def ends(runs: Iterable[RunFigures]) -> dict[str, int]:
    """Return how many runs are in each state."""
    numbers: dict[str, int] = dict.fromkeys(ENDS, 0)
    for run in runs:
        numbers[run.end] += 1
    return numbers


@dataclass(frozen=True, slots=True)
class Half:
    """Some runs in a row, as one side of a comparison."""

    runs: int
    first: str  # when the first and the last of them began
    last: str
    complete: int
    sums: Sums


def trend(figures: Figures) -> tuple[Half, Half] | None:
    """Return the older and the newer half of the runs, by when they began; None with fewer than two in a half."""
    ordered = sorted(figures.runs, key=lambda run: (run.started, run.id))
    middle = len(ordered) // 2
    return (_half(ordered[:middle]), _half(ordered[middle:])) if middle > 1 else None


def _half(runs: list[RunFigures]) -> Half:
    complete = ends(runs)["complete"]
    return Half(len(runs), runs[0].started, runs[-1].started, complete, total(run.sums for run in runs))


def as_json(figures: Figures) -> dict[str, Any]:
    """Return the figures as a JSON object, always with its keys runs, total, skills, outside_runs and trend."""
    halves = trend(figures)
    return {
        "runs": {
            "count": len(figures.runs),
            **ends(figures.runs),
            "tried": sum(run.tried for run in figures.runs),
            "wall_seconds": sum(run.wall for run in figures.runs) / 1000,
        },
        "total": _sums(figures.total),
        "skills": [{"skill": name, **_sums(sums)} for name, sums in by_name(figures)],
        "outside_runs": {
            "decisions": figures.outside.decisions,
            "deferred": figures.outside.deferred,
            "unlisted": figures.outside.unlisted,
        },
        "trend": {"older": _half_json(halves[0]), "newer": _half_json(halves[1])} if halves else None,
    }


def by_name(figures: Figures) -> list[tuple[str, Sums]]:
    """Return the skills by name, those counted together last."""
    return sorted(figures.skills.items(), key=lambda item: (item[0] == OTHERS, item[0]))


def _half_json(half: Half) -> dict[str, Any]:
    return {
        "runs": half.runs,
        "complete": half.complete,
        "first": half.first,
        "last": half.last,
        **_sums(half.sums),
    }


def _sums(sums: Sums) -> dict[str, Any]:
    return {
        "steps": sums.steps,
        "reverted": sums.reverted,
        "attempts": sums.attempts,
        "failed": sums.failed,
        "given_up": sums.given_up,
        "failed_rate": rate(sums.failed, sums.attempts),
        "decisions": sums.decisions,
        "deferred": sums.deferred,
        "deferred_rate": rate(sums.deferred, sums.decisions),
        "unlisted": sums.unlisted,
        "unlisted_rate": rate(sums.unlisted, sums.decisions),
        "superseded": sums.superseded,
        "tokens": sums.tokens,
        "cost_usd": sums.micro_usd / 1_000_000,
        "cost_estimated": sums.estimated > 0,
        "agent_seconds": sums.milliseconds / 1000,
    }
