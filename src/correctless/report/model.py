"""Contents of a run's report as frozen values.

Texts are as the logs have them: `page` makes them inert when it writes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from correctless.audit.claims import Claim
from correctless.review.changes import FileDiff, StepChange

Tone = Literal["good", "attention", "bad", "info", "quiet"]
MARKS = ("open", "deferred", "unlisted", "differs", "damaged", "confirmed", "superseded")  # to filter by


@dataclass(frozen=True, slots=True)
class Spent:
    """Cost, tokens and seconds; `estimated` where an agent did not report its cost."""

    usd: float = 0.0
    tokens: int = 0
    seconds: float = 0.0
    estimated: bool = False


@dataclass(frozen=True, slots=True)
class TimeSpan:
    """A span of the run's time in seconds since its start, and what it was."""

    start: float
    end: float
    tone: Tone
    label: str


@dataclass(frozen=True, slots=True)
class AttemptView:
    """One attempt of a step."""

    number: int
    outcome: str
    tone: Tone
    reason: str
    spans: tuple[TimeSpan, ...]  # one for each of its processes, with the check behind it
    spent: Spent
    check: str  # "" without one that ran
    patch: str  # what a failed one left, in the run's folder
    superseded: bool


@dataclass(frozen=True, slots=True)
class StepView:
    """One step of the plan, with its attempts; `change` only of a finished one."""

    name: str
    state: str
    tone: Tone
    why: str
    attempts: tuple[AttemptView, ...]
    spent: Spent
    decisions: int
    deferred: int
    check: str  # the command
    report: str
    commit: str
    change: StepChange | None


@dataclass(frozen=True, slots=True)
class ShownDecision:
    """One entry of a decisions log, with its status for the gate and who answered it."""

    number: int  # on the page
    seq: int
    branch: str  # of its log, where that is another one
    skill: str
    step: str
    attempt: int | None
    id: str
    default: str
    rationale: str
    reason: str
    recorded: str
    status: str
    tone: Tone
    marks: tuple[str, ...]  # of MARKS
    remark: str
    source: str
    claimed: str
    stored: str  # where a text that could not be read is
    fault: str
    answered_by: str
    answered_at: str
    decided: str  # what was decided in place of the default


@dataclass(frozen=True, slots=True)
class DeferredDecision:
    """A decision that needs your confirmation or had it, with the changes of the step that took it."""

    decision: ShownDecision
    commit: str
    files: tuple[FileDiff, ...]
    more: int  # files of that step that are not among them


@dataclass(frozen=True, slots=True)
class SkillCounts:
    """Live decisions of one skill in numbers."""

    skill: str
    decisions: int
    deferred: int
    unlisted: int
    differs: int
    open: int


@dataclass(frozen=True, slots=True)
class AnswerView:
    """An answer or approval: who gave it, when, by which channel, and to what."""

    when: str
    by: str
    channel: str
    what: str
    tone: Tone
    digest: str
    note: str
    counts: bool  # the plan's policy lets it open the gate
    entries: tuple[int, ...]  # numbers on the page


@dataclass(frozen=True, slots=True)
class EventView:
    """One event of the run log."""

    seq: int
    when: str
    offset: float
    tone: Tone
    title: str
    detail: str


@dataclass(frozen=True, slots=True)
class RecordView:
    """State of the record: the audit's claims, and one sentence about them."""

    tone: Tone
    sentence: str
    counts: Mapping[str, int]
    claims: tuple[Claim, ...]


@dataclass(frozen=True, slots=True)
class RunReport:
    """Everything the report of a run shows."""

    run: str
    branch: str
    base: str
    target: str
    spec: str
    pipeline: str
    intensity: str
    version: str
    approved_by: str
    started: str
    updated: str
    made: str  # when this report was
    word: str
    why: str
    next: str
    tone: Tone
    url: str
    digest: str
    spent: Spent
    wall_seconds: float
    budget_usd: float | None
    record: RecordView
    steps: tuple[StepView, ...]
    left_out: tuple[tuple[str, str], ...]
    pauses: tuple[TimeSpan, ...]
    decisions: tuple[ShownDecision, ...]
    deferred: tuple[DeferredDecision, ...]
    skills: tuple[SkillCounts, ...]
    answers: tuple[AnswerView, ...]
    events: tuple[EventView, ...]
    warnings: tuple[str, ...]

    def count(self, mark: str) -> int:
        """Return the number of decisions with a mark; superseded ones only for that mark itself."""
        live = mark == "superseded"
        return sum(mark in each.marks and (live or "superseded" not in each.marks) for each in self.decisions)
