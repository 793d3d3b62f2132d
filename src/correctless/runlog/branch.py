"""The three logs of one branch, verified, as typed values."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from correctless.base import exits
from correctless.base.exits import Stop
from correctless.decisions.decision import AheadConfirmation, Confirmation, Decision
from correctless.ledger.chain import Entry, Head, end_of
from correctless.ledger.heads import Heads
from correctless.ledger.ledger import Ledger
from correctless.project.paths import Logs
from correctless.runlog.events import LoggedEvent, RunStarted, logged
from correctless.runlog.plan import Plan
from correctless.syntax.strict_json import RecordError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RecordedDecision:
    """A decision with its place in its log."""

    decision: Decision
    seq: int
    line: bytes  # its exact bytes, without the newline
    branch: str = ""  # the other branch in whose log it is, where this branch inherits it
    rejected: str = ""  # who rejected it on that branch


@dataclass(frozen=True, slots=True)
class Branch:
    """Everything recorded for one branch."""

    decisions: tuple[RecordedDecision, ...]
    events: tuple[LoggedEvent, ...]
    confirmations: tuple[Confirmation, ...]
    decisions_head: Head
    run_head: Head
    ahead: tuple[AheadConfirmation, ...] = ()

    @property
    def plan(self) -> Plan | None:
        """The plan of the last run."""
        started = [item.event for item in self.events if isinstance(item.event, RunStarted)]
        return started[-1].plan if started else None


def load(logs: Logs) -> Branch:
    """Read and verify all three logs, and what was confirmed ahead.

    Raises: `Stop(3)` when one is damaged, foreign, or disappeared after a run began.
    """
    events = _entries(logs.run, logs)
    run_events = tuple(typed(logs.run, entry, logged) for entry in events)
    decisions = _entries(logs.decisions, logs)
    heads = HeadCheck(logs.decisions, run_events)
    for entry in decisions:
        heads.check(entry)
    heads.end(exists=os.path.lexists(logs.decisions))
    known = Heads(logs.confirmations, os.environ).acknowledged()
    answers = [(e, typed(logs.confirmations, e, Confirmation.of)) for e in _entries(logs.confirmations, logs)]
    return Branch(
        decisions=tuple(
            RecordedDecision(typed(logs.decisions, e, Decision.of), e.seq, e.line) for e in decisions
        ),
        events=run_events,
        # A yes counts only if a command of ours wrote it; a no counts in any case.
        confirmations=tuple(each for entry, each in answers if each.kind == "rejected" or known(entry)),
        decisions_head=end_of(decisions),
        run_head=end_of(events),
        ahead=confirmed_ahead(logs),
    )


def confirmed_ahead(logs: Logs) -> tuple[AheadConfirmation, ...]:
    """Return what you confirmed ahead, in order: only entries that the private copy notes. Raises: `Stop(3)` as `load`."""
    if not os.path.lexists(logs.ahead):
        return ()
    # An agent can write such a file, and unlike a confirmation at the gate it needs no random challenge.
    noted = {(anchor.seq, anchor.sha256) for anchor in Heads(logs.ahead, os.environ).anchors()}
    entries = _entries(logs.ahead, logs)
    if not noted.issubset((each.seq, each.head) for each in entries):
        return ()  # what is missing may be a withdrawal
    return tuple(
        typed(logs.ahead, each, AheadConfirmation.of) for each in entries if (each.seq, each.head) in noted
    )


def _entries(path: str, logs: Logs) -> tuple[Entry, ...]:
    return Ledger(path, root=logs.root).read() if os.path.lexists(path) else ()


def typed_events(logs: Logs) -> Iterator[LoggedEvent]:
    """The run log's entries in turn, as `load` reads them; none where no run began."""
    for entry in Ledger(logs.run, root=logs.root).entries() if os.path.lexists(logs.run) else ():
        yield typed(logs.run, entry, logged)


def typed(path: str, entry: Entry, reader: Callable[[Mapping[str, Any]], T]) -> T:
    """Return what `reader` makes of an entry.

    Raises: `Stop(3)` with file and line for an invalid entry.
    """
    try:
        return reader(entry.fields)
    except RecordError as error:
        raise invalid_entry(path, entry.seq, error) from None


def invalid_entry(path: str, seq: int, why: RecordError) -> Stop:
    """Return the error for a line of a log that is not one of its records."""
    what = f"not an entry of this log: {why}. update correctless if it is older than the log"
    return Stop(exits.REFUSED, f"{path}:{seq}: {what}")


@dataclass(frozen=True, slots=True)
class LostLog:
    """What a decisions log records of the one that `decisions repair` set aside."""

    seq: int  # the number of its entries
    timestamp: str  # when this one began
    events: int | None  # entries of the run log then; None where an older release began it

    def concerns(self, number: int, timestamp: str) -> bool:
        """Tell whether run log entry `number`, written at `timestamp`, is about the lost log."""
        # The number where it is known: a clock that is set back must not turn what came later into what came before.
        return number <= self.events if self.events is not None else timestamp <= self.timestamp


def lost_log(first: Mapping[str, Any]) -> LostLog | None:
    """Return what the first entry of a decisions log records of a lost one, if anything.

    That entry is deferred: the gate is closed until you confirm the loss.
    """
    extra = first.get("extra")
    ours = first.get("source") == "synthesized" and first.get("escalation_deferred") is True
    if not ours or not isinstance(extra, dict) or type(extra.get("lost_seq")) is not int:
        return None
    events = extra.get("run_log_seq")
    return LostLog(extra["lost_seq"], str(first.get("timestamp")), events if type(events) is int else None)


class HeadCheck:
    """Comparison of a decisions log with the heads that the run log notes: its chain cannot show a missing tail.

    `check` every entry in turn, then call `end`; both raise `Stop(3)` at the first entry with another head.
    """

    def __init__(self, path: str, events: Iterable[LoggedEvent]) -> None:
        self._path = path
        self._began = False
        self._lost: LostLog | None = None
        # entry -> each head noted of it, with the number and the time of the note
        self._heads: dict[int, list[tuple[str, int, str]]] = {}
        for number, item in enumerate(events, 1):
            self._began = True
            seq = getattr(item.event, "log_seq", None)
            if seq:
                note = (getattr(item.event, "log_head", ""), number, item.timestamp)
                self._heads.setdefault(seq, []).append(note)

    def check(self, entry: Entry) -> None:
        """Compare one entry of the decisions log with what the run log noted of it."""
        if entry.seq == 1:
            self._lost = lost_log(entry.fields)
        if self._binding(entry.seq) - {entry.head}:
            raise self._differs(entry.seq)
        self._heads.pop(entry.seq, None)

    def end(self, *, exists: bool) -> None:
        """Compare what is noted of later entries; `exists`: whether there is a file at all."""
        if self._began and not exists:
            raise Stop(
                exits.REFUSED,
                f"{self._path} is missing although a run began it. put it back from a copy, "
                "or start anew with: correctless decisions repair",
            )
        for seq in self._heads:  # the remaining ones are of entries behind the end
            if self._binding(seq):
                raise self._differs(seq)

    def _binding(self, seq: int) -> set[str]:
        """The heads noted of entry `seq`, without those of a log that was set aside."""
        before = self._lost
        return {
            head
            for head, number, when in self._heads.get(seq, ())
            if before is None or not before.concerns(number, when)
        }

    def _differs(self, seq: int) -> Stop:
        return Stop(
            exits.REFUSED,
            f"{self._path} is not what the run log noted at entry {seq}. look at it with: "
            "correctless decisions verify",
        )
