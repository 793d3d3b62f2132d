"""Figures of branches, counted from their logs.

Each log is read once, front to end, in memory that does not grow with its decisions.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from correctless.base import exits
from correctless.base.exits import Stop
from correctless.decisions.decision import UNLISTED, Decision
from correctless.ledger.chain import Entry
from correctless.ledger.ledger import Ledger
from correctless.metrics.figures import End, Figures, RunFigures, Sums
from correctless.project.paths import Logs
from correctless.runlog.branch import HeadCheck, invalid_entry, typed_events
from correctless.runlog.events import (
    AgentEnded,
    AttemptFailed,
    Event,
    LoggedEvent,
    Reverted,
    RunStarted,
    StepFinished,
    StepStarted,
    discarded,
)
from correctless.runlog.fold import OutOfOrderError, after
from correctless.runlog.plan import Plan
from correctless.runlog.state import State
from correctless.syntax.strict_json import RecordError

_LONGEST = 120  # characters of a skill's name that count: outside of runs anyone may have written it
_MOST = 1e12  # dollars, seconds: no agent took more, and what is larger can't be added up exactly
_PAUSED = (exits.PAUSED, exits.BUDGET, exits.INTERRUPTED)


@dataclass(frozen=True, slots=True)
class UnreadableBranch:
    """A branch whose logs could not be read, and why; nothing of it is in the figures."""

    branch: str  # its slug
    why: str


def count(
    branches: Iterable[Logs], *, since: datetime | None = None, skill: str | None = None
) -> tuple[Figures, tuple[UnreadableBranch, ...]]:
    """Return the figures of all branches that can be read, and which cannot be."""
    figures, refused = Figures(), []
    for logs in branches:
        try:
            figures.add(of_branch(logs, since=since, skill=skill))
        except Stop as stop:
            refused.append(UnreadableBranch(logs.branch_slug, stop.message))
    return figures, tuple(refused)


def of_branch(logs: Logs, *, since: datetime | None = None, skill: str | None = None) -> Figures:
    """Return the figures of one branch.

    Raises: Stop(3) when a log is damaged, foreign, or not what the run log noted of it.
    """
    counting = _Counting(logs, since, skill)
    heads = HeadCheck(logs.decisions, counting.events(typed_events(logs)))
    exists = os.path.lexists(logs.decisions)
    for entry in Ledger(logs.decisions, root=logs.root).entries() if exists else ():
        heads.check(entry)
        counting.decision(entry)
    heads.end(exists=exists)
    return counting.figures


class _Counting:
    """Adds up the events of one branch, then its decisions."""

    def __init__(self, logs: Logs, since: datetime | None, skill: str | None) -> None:
        self.figures = Figures()
        self._logs = logs
        self._since = since
        self._skill = skill
        self._state = State()
        self._run: RunFigures | None = None  # None where the run began before `since`, or lacks the skill
        self._began = datetime.min.replace(tzinfo=UTC)
        self._runs: dict[str, tuple[RunFigures | None, dict[str, str]]] = {}  # with the skill of each step
        self._known: dict[tuple[str, ...], dict[str, str]] = {}  # runs of one pipeline share theirs
        self._discarded: set[tuple[str, str, int]] = set()

    def events(self, items: Iterable[LoggedEvent]) -> Iterator[LoggedEvent]:
        """Yield each event once it is counted."""
        for number, item in enumerate(items, 1):
            try:
                # The figures need the phase of the run alone: what grows with its attempts is dropped.
                before = self._state
                self._state = replace(after(before, item), spent=(), warnings=())
                # A review closes the gate over entries written by hand also after a run: nothing of that run.
                if before.unfinished or isinstance(item.event, RunStarted):
                    self._event(item)
            except (OutOfOrderError, RecordError) as error:
                why = error if isinstance(error, RecordError) else RecordError(str(error))
                raise invalid_entry(self._logs.run, number, why) from None
            yield item

    def _event(self, item: LoggedEvent) -> None:
        event = item.event
        when = moment(item.timestamp)
        if isinstance(event, RunStarted):
            self._begin(item.run, item.timestamp, when, event)
        self._discarded |= discarded([item])
        if self._run is None:
            return
        self._run.end = end(self._state)
        self._run.wall = max(self._run.wall, round((when - self._began).total_seconds() * 1000))
        step = getattr(event, "step", None)
        if isinstance(event, StepStarted | AttemptFailed | AgentEnded | StepFinished | Reverted):
            name = self._runs[item.run][1].get(str(step), str(step))
            self._add(self._run, name, _of_event(event))

    def _begin(self, run: str, started: str, when: datetime, event: RunStarted) -> None:
        names = tuple(step.name for step in event.plan.steps)
        if names not in self._known:
            self._known[names] = skills(event.plan)
        of_step = self._known[names]
        self._run = None
        if (self._since is None or when >= self._since) and (
            self._skill is None or self._skill in of_step.values()
        ):
            self._run = RunFigures(run, event.plan.branch, started, bool(event.tried))
            self.figures.runs.append(self._run)
        self._began = when
        self._runs[run] = (self._run, of_step)

    def decision(self, entry: Entry) -> None:
        try:
            decision = Decision.of(entry.fields)
            when = moment(decision.timestamp)
        except RecordError as error:
            raise invalid_entry(self._logs.decisions, entry.seq, error) from None
        sums = Sums(
            decisions=1,
            deferred=int(decision.escalation_deferred),
            unlisted=int(decision.decision_id.startswith(UNLISTED)),
            superseded=int((decision.run, decision.step, decision.attempt) in self._discarded),
        )
        if decision.run in self._runs:
            run, of_step = self._runs[decision.run]
            if run is not None:
                self._add(run, of_step.get(decision.step or "", decision.skill[:_LONGEST]), sums)
        elif (self._since is None or when >= self._since) and self._skill in (None, decision.skill):
            self.figures.outside.add(sums)

    def _add(self, run: RunFigures, skill: str, sums: Sums) -> None:
        if self._skill is None or skill == self._skill:
            run.sums.add(sums)
            self.figures.skill(skill).add(sums)


def _of_event(event: Event) -> Sums:
    match event:
        case StepStarted():
            return Sums(attempts=1)
        case AttemptFailed(counted=counted):
            return Sums(failed=int(counted), given_up=int(not counted))
        case StepFinished():
            return Sums(steps=1)
        case Reverted():
            return Sums(steps=1, reverted=1)
        case AgentEnded():
            return Sums(
                tokens=event.tokens,
                micro_usd=_whole(event.cost_usd, 1_000_000, "cost_usd"),
                estimated=int(event.cost_estimated),
                milliseconds=_whole(event.seconds, 1000, "seconds"),
            )
        case _:
            return Sums()


def _whole(value: float, unit: int, name: str) -> int:
    if not 0 <= value < _MOST:
        raise RecordError(f"field '{name}' is {value:g}")
    return round(value * unit)


def skills(plan: Plan) -> dict[str, str]:
    """Return the skill of each step: its name without the number of a skill's second step in the pipeline."""
    names = {step.name for step in plan.steps} | set(plan.left_out)
    skill_of = {}
    for step in plan.steps:
        base, _, number = step.name.rpartition("-")
        skill_of[step.name] = base if base in names and number.isdigit() and int(number) > 1 else step.name
    return skill_of


def end(state: State) -> End:
    """Return the state of a run, in one word of the figures."""
    if state.phase in ("complete", "abandoned"):
        return "complete" if state.phase == "complete" else "abandoned"
    if state.stopped is None:
        return "waiting" if state.phase == "closed" else "running"
    if state.stopped.code == exits.PERSON:
        return "waiting"
    if state.stopped.code in _PAUSED:
        return "paused"
    return "failed" if state.stopped.code == exits.FAILED else "stopped"


def moment(timestamp: str) -> datetime:
    """Return when a line of a log was written.

    Raises: RecordError when that is not a time.
    """
    try:
        when = datetime.fromisoformat(timestamp)
    except ValueError:
        raise RecordError(f"timestamp '{timestamp[:40]}' is not a time") from None
    if when.tzinfo is None:
        raise RecordError(f"timestamp '{timestamp[:40]}' names no zone")
    return when
