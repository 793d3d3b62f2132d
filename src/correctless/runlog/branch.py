"""What is on record of one branch: its three logs in, verified and typed values out."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from correctless import exits
from correctless.exits import Stop
from correctless.ledger import GENESIS, Entry, Head, Ledger
from correctless.record import Confirmation, Decision, RecordError
from correctless.repo import Logs
from correctless.runlog.events import Logged, RunStarted, logged
from correctless.runlog.plan import Plan

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Recorded:
    """A decision where it stands in its log."""

    decision: Decision
    seq: int
    line: bytes  # exactly as it stands, without its newline


@dataclass(frozen=True, slots=True)
class Branch:
    """Everything that is on record of one branch."""

    decisions: tuple[Recorded, ...]
    events: tuple[Logged, ...]
    confirmations: tuple[Confirmation, ...]
    decisions_head: Head
    run_head: Head

    @property
    def plan(self) -> Plan | None:
        """The plan of the last run."""
        started = [item.event for item in self.events if isinstance(item.event, RunStarted)]
        return started[-1].plan if started else None


def load(logs: Logs) -> Branch:
    """Read and verify all three logs; `Stop(3)` when one is damaged, foreign, or disappeared after a run began."""
    events = _entries(logs.run, logs)
    decisions = _entries(logs.decisions, logs)
    if events and not os.path.exists(logs.decisions):
        raise Stop(
            exits.REFUSED,
            f"{logs.decisions} is missing although a run began it. put it back from a copy, "
            "or start anew with: correctless decisions repair",
        )
    typed = tuple(_typed(logs.run, entry, logged) for entry in events)
    _anchored(logs, typed, decisions)
    return Branch(
        decisions=tuple(Recorded(_typed(logs.decisions, e, Decision.of), e.seq, e.line) for e in decisions),
        events=typed,
        confirmations=tuple(
            _typed(logs.confirmations, e, Confirmation.of) for e in _entries(logs.confirmations, logs)
        ),
        decisions_head=_head(decisions),
        run_head=_head(events),
    )


def _entries(path: str, logs: Logs) -> tuple[Entry, ...]:
    return Ledger(path, root=logs.root).read() if os.path.lexists(path) else ()


def _head(entries: tuple[Entry, ...]) -> Head:
    return Head(entries[-1].seq, entries[-1].head) if entries else Head(0, GENESIS)


def _typed(path: str, entry: Entry, reader: Callable[[Mapping[str, Any]], T]) -> T:
    try:
        return reader(entry.fields)
    except RecordError as error:
        raise Stop(
            exits.REFUSED,
            f"{path}:{entry.seq}: not an entry of this log: {error}. update correctless if it is older than the log",
        ) from None


def _anchored(logs: Logs, events: tuple[Logged, ...], decisions: tuple[Entry, ...]) -> None:
    # The chain can't show that its tail was cut off; what the run log noted of the decisions log can.
    began = _began_anew(decisions)
    for item in events:
        if item.timestamp <= began:
            continue
        seq = getattr(item.event, "log_seq", None)
        if seq is None or seq == 0:
            continue
        head = getattr(item.event, "log_head", "")
        if seq > len(decisions) or decisions[seq - 1].head != head:
            raise Stop(
                exits.REFUSED,
                f"{logs.decisions} is not what the run log noted at entry {seq}. look at it with: "
                "correctless decisions verify",
            )


def _began_anew(decisions: tuple[Entry, ...]) -> str:
    """When `decisions repair` began this log after one that was set aside; "" when it is the first.

    What was noted before is about the lost log. The entry that says so is deferred: until a person confirmed the loss,
    the gate is closed.
    """
    first = decisions[0].fields if decisions else {}
    extra = first.get("extra")
    lost = isinstance(extra, dict) and type(extra.get("lost_seq")) is int
    ours = first.get("source") == "synthesized" and first.get("escalation_deferred") is True
    return str(first.get("timestamp", "")) if lost and ours else ""
