"""Evidence about one run as values: its events, the logs beside them, and git's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from correctless.base.text import one_line
from correctless.decisions.decision import Confirmation, Decision
from correctless.ledger.check import LogReport
from correctless.runlog.branch import LostLog
from correctless.runlog.events import Event
from correctless.runlog.plan import Plan
from correctless.runlog.state import State

T = TypeVar("T")

RUN, STEP, LOG = TRAILERS = ("Correctless-Run", "Correctless-Step", "Correctless-Log")


@dataclass(frozen=True, slots=True)
class NumberedEvent:
    """An event of the run with its place in the run log."""

    seq: int
    timestamp: str
    event: Event


@dataclass(frozen=True, slots=True)
class LoggedDecision:
    """A decision of the run with its place in the decisions log."""

    seq: int
    decision: Decision


@dataclass(frozen=True, slots=True)
class RunCommit:
    """Parents and trailers of a commit of the run."""

    parents: tuple[str, ...]
    trailers: Mapping[str, str]  # those of `TRAILERS` it has; of a repeated one the last


@dataclass(frozen=True, slots=True)
class Git:
    """What git has of a run.

    Replacements and grafts that a repository may define are ignored.
    """

    where: str | None  # the run's branch, or another ref that has its commits; None: there is none
    branch: Mapping[str, RunCommit]  # its commits since the run's base
    squashed: Mapping[str, RunCommit]  # what was squashed at the end, kept under a ref of its own
    present: frozenset[str]  # of all commits the run log names, those this clone has
    spec: tuple[str, ...]  # SHA-256 of the spec at the run's base, as it is and with CRLF; none: not there
    reports: Mapping[tuple[str, str], bool]  # (commit, path) -> whether it has that file, and not empty
    fault: str = ""  # why git could not be asked


@dataclass(frozen=True, slots=True)
class RunEvidence:
    """All evidence about one run."""

    run: str
    plan: Plan
    events: tuple[NumberedEvent, ...]
    state: State
    fault: str  # where the run log can't be followed any further, or differs from what was noted of it
    entries: tuple[
        LoggedDecision, ...
    ]  # every line of the decisions log that is one of this run's, also in a damaged log
    log: LogReport | None  # of the decisions log; None: see `log_fault`
    log_fault: str  # why it could not be checked, or not all of it
    missing: bool  # the decisions log is
    lost: LostLog | None  # what the decisions log says of one before it
    confirmations: tuple[Confirmation, ...]
    confirmations_fault: str
    asked: frozenset[str]  # the digest of everything you were ever asked on this branch
    shown: Mapping[
        int, tuple[str, ...]
    ]  # run log entry that asks you -> its digests over the lines as they are
    uncovered: Mapping[int, tuple[int, ...]]  # run log entry that opened the gate -> deferred and unconfirmed
    git: Git
    answers: Mapping[tuple[str, int], str] = field(
        default_factory=dict
    )  # attempt -> SHA-256 of its answer's file
    request_fault: str = ""  # why the pull request could not be asked
    offline: bool = False
    permit: str = ""  # of the run contract, that was used for exactly this merge
    permit_fault: str = ""  # why the contract's ledger could not be read

    def all_of(
        self, kind: type[T], step: str | None = None, attempt: int | None = None
    ) -> Iterator[tuple[int, T]]:
        """Yield the events of one kind, each with its entry number in the run log.

        With `step` and `attempt` only those of that attempt.
        """
        for logged in self.events:
            event = logged.event
            of_it = (getattr(event, "step", None), getattr(event, "attempt", None)) == (step, attempt)
            if isinstance(event, kind) and (step is None or of_it):
                yield logged.seq, event

    def last(
        self, kind: type[T], step: str | None = None, attempt: int | None = None
    ) -> tuple[int, T] | None:
        """Return the last event that `all_of` yields, None without one."""
        found = list(self.all_of(kind, step, attempt))
        return found[-1] if found else None

    @property
    def over(self) -> bool:
        """Whether the run is complete: what is missing then is missing for good."""
        return self.state.phase == "complete"


def line(text: str) -> str:
    """Return the first line of any text, printable."""
    return one_line(text.strip().partition("\n")[0])
