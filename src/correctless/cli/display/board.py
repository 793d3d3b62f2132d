"""State of the live display: rows of plain values at one moment."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from correctless.agents import Activity
from correctless.base.text import duration, printable
from correctless.runlog import events
from correctless.runlog.events import LoggedEvent
from correctless.runlog.state import State

Mark = Literal["done", "running", "paused", "waiting", "failed", "left out"]

CONSOLIDATION, PULL_REQUEST = "consolidation", "pr"
_USAGE = re.compile(r"(\d{1,15}) tokens(?:, (~?)(\d{1,9}(?:\.\d{1,9})?) USD)?")


@dataclass(frozen=True, slots=True)
class StepRow:
    """One row of the display: a step, or the total.

    `seconds` is None before it began; `note` says why a step will not be done.
    """

    mark: Mark
    name: str
    attempt: int = 0
    seconds: float | None = None
    tokens: int = 0
    cost_usd: float = 0.0
    estimated: bool = False
    decisions: int = 0
    deferred: int = 0
    note: str = ""


@dataclass(frozen=True, slots=True)
class BoardView:
    """All that is shown at one moment; each text is one printable line."""

    title: str
    rows: tuple[StepRow, ...]
    current: int  # the row the run is at
    total: StepRow
    notes: tuple[tuple[str, str], ...]  # label and text: the last tool, a limit, what the run waits for


class Board:
    """Collector of events and activities for the display.

    One thread calls it. `now` is always in seconds of one monotonic clock.
    """

    def __init__(self) -> None:
        self._state = State()
        self._last = ""  # the timestamp of the last event, and when it arrived
        self._since = 0.0
        self._took: dict[str, float] = {}
        self._decided: dict[tuple[str, int], tuple[int, int]] = {}
        self._usage = (0, 0.0, False)  # of the current attempt: tokens, US dollars, whether estimated
        self._last_activity: tuple[str, float] | None = None
        self._notes: dict[str, str] = {}

    def event(self, state: State, logged: LoggedEvent, now: float) -> None:
        """Add one event, and the state after it."""
        event = logged.event
        if isinstance(event, events.RunStarted):
            self._took, self._decided, self._notes = {}, {}, {}
        elif not isinstance(event, events.Resumed) and self._last:
            # The time before a `resumed` was waiting, or no dispatcher ran.
            self._add(_place(self._state), _between(self._last, logged.timestamp))
        match event:
            case events.StepStarted(step=step, attempt=attempt):
                self._decided[step, attempt] = (0, 0)
            case events.DecisionsTaken(step=step, attempt=attempt, count=count, deferred=deferred):
                self._decided[step, attempt] = (count, deferred)
            case (
                events.AttemptFailed(step=step, attempt=attempt) | events.Reverted(step=step, attempt=attempt)
            ):
                self._decided.pop((step, attempt), None)
            case events.Rerun(discarded=gone):
                for each in gone:
                    self._decided.pop((each.step, each.attempt), None)
            case _:
                pass
        if isinstance(event, events.StepStarted | events.StepContinued | events.AgentEnded):
            self._usage, self._last_activity = (0, 0.0, False), None
        if isinstance(event, events.StepStarted | events.StepContinued | events.AgentEnded | events.Resumed):
            self._notes.pop("waits", None)
        self._state, self._last, self._since = state, logged.timestamp, now

    def activity(self, item: Activity, now: float) -> None:
        """Add one activity of the agent or the dispatcher between two events."""
        text = printable(item.text)
        step = self._state.step
        if item.kind == "decision" and step is not None:
            count, deferred = self._decided.get((step.name, self._state.attempt), (0, 0))
            # The first words of what the recorder answered: "recorded as AD-001, deferred: ...".
            more = ", deferred" in text.partition(":")[0]
            self._decided[step.name, self._state.attempt] = (count + 1, deferred + more)
        elif item.kind == "waiting":
            self._notes["waits"] = text
        elif item.kind == "limit":
            self._notes["limit"] = text
        elif item.kind == "usage" and (usage := _USAGE.match(text)):
            self._usage = (int(usage[1]), float(usage[3] or 0), bool(usage[2]))
        if item.kind == "tool":
            self._last_activity = (text, now)
        elif item.kind not in ("waiting", "limit"):
            self._last_activity = (self._last_activity[0] if self._last_activity else "", now)

    def interrupted(self, times: int) -> None:
        """Note that the user pressed Ctrl-C, once or twice."""
        self._notes["ending"] = (
            "the agent, then pauses. Press Ctrl-C again to end it at once"
            if times == 1
            else "the agent at once"
        )

    def view(self, now: float) -> BoardView:
        """Return what is shown at the moment `now`."""
        state = self._state
        plan = state.plan
        rows = [] if plan is None else [self._step(index, now) for index in range(len(plan.steps))]
        rows += [self._last_step(name, now) for name in (CONSOLIDATION, PULL_REQUEST)]
        current = min(state.index, len(rows) - 1)
        if plan is not None and state.index >= len(plan.steps) and state.consolidated:
            current = len(rows) - 1
        seconds = sum(self._took.values()) + self._running(now)
        total = StepRow(
            "running",
            "all",
            seconds=seconds,
            tokens=sum(row.tokens for row in rows),
            cost_usd=sum(row.cost_usd for row in rows),
            estimated=any(row.estimated for row in rows),
            decisions=sum(count for count, _ in self._decided.values()),
            deferred=sum(deferred for _, deferred in self._decided.values()),
        )
        left_out = plan.left_out if plan else {}
        rows += [StepRow("left out", printable(name), note=printable(why)) for name, why in left_out.items()]
        branch = f" on {plan.branch}" if plan else ""
        return BoardView(
            printable(f"run {state.run}{branch}"), tuple(rows), current, total, self._labelled_notes(now)
        )

    def _labelled_notes(self, now: float) -> tuple[tuple[str, str], ...]:
        labels = ("limit", "waits", "ending")
        notes: list[tuple[str, str]] = [
            (label, self._notes[label]) for label in labels if label in self._notes
        ]
        if self._state.phase == "running":
            tool, when = self._last_activity or ("", None)
            quiet = int(now - when) if when is not None else 0
            ago = "nothing yet" if when is None else f"{duration(quiet)} ago" if quiet >= 2 else "just now"
            notes.insert(0, ("tool", f"{ago}: {tool}") if tool else ("heard", ago))
        return tuple(notes)

    def _step(self, index: int, now: float) -> StepRow:
        state = self._state
        assert state.plan is not None
        name = state.plan.steps[index].name
        spent = [item for item in state.spent if item.step == name]
        current = index == state.index and state.phase == "running"
        decided = [numbers for (step, _), numbers in self._decided.items() if step == name]
        outcome = {item.step: item for item in state.finished}.get(name)
        return StepRow(
            mark=self._mark(index, name),
            name=printable(name),
            attempt=state.attempts.get(name, 0),
            seconds=self._seconds(name, now),
            tokens=sum(item.tokens for item in spent) + (self._usage[0] if current else 0),
            cost_usd=sum(item.cost_usd for item in spent) + (self._usage[1] if current else 0.0),
            estimated=any(item.estimated for item in spent) or (current and self._usage[2]),
            decisions=sum(count for count, _ in decided),
            deferred=sum(deferred for _, deferred in decided),
            note="discarded" if isinstance(outcome, events.Reverted) else "",
        )

    def _mark(self, index: int, name: str) -> Mark:
        state = self._state
        for item in state.finished:
            if item.step == name:
                return "failed" if isinstance(item, events.Reverted) else "done"
        return self._at() if index == state.index else "waiting"

    def _at(self) -> Mark:
        """The mark of what the run is at."""
        state = self._state
        if state.stopped is not None:
            return "failed" if state.stopped.code == 20 else "paused"
        return "paused" if self._waits() else "running"

    def _last_step(self, name: str, now: float) -> StepRow:
        state = self._state
        if name == CONSOLIDATION:
            done, current = state.consolidated is not None, state.phase == "steps_done"
        else:
            done, current = (
                state.phase in ("published", "complete"),
                state.phase in ("consolidated", "closed", "open", "publishing"),
            )
        mark: Mark = "done" if done else "waiting"
        if current:
            mark = "paused" if state.phase == "closed" else self._at()
        return StepRow(mark, name, seconds=self._seconds(name, now))

    def _seconds(self, name: str, now: float) -> float | None:
        running = self._running(now) if _place(self._state) == name else 0.0
        return self._took[name] + running if name in self._took else running or None

    def _running(self, now: float) -> float:
        """Seconds since the last event, while the run is at work."""
        if not self._state.unfinished or self._state.stopped is not None or self._waits():
            return 0.0
        return max(0.0, now - self._since)

    def _waits(self) -> bool:
        return self._state.pause is not None and self._state.phase in ("ready", "suspended")

    def _add(self, name: str, seconds: float) -> None:
        if name:
            self._took[name] = self._took.get(name, 0.0) + seconds


def _place(state: State) -> str:
    """The row whose time passes in this state."""
    if state.step is not None:
        return state.step.name
    return CONSOLIDATION if state.phase == "steps_done" else PULL_REQUEST if state.unfinished else ""


def _between(before: str, after: str) -> float:
    # A clock that was set back takes no time away.
    return max(0.0, (datetime.fromisoformat(after) - datetime.fromisoformat(before)).total_seconds())
