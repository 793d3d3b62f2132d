"""Evidence about one run as values: its events, the logs beside them, and git's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from correctless.base.text import one_line
from correctless.decisions.decision import Confirmation
from correctless.ledger.check import LogReport
from correctless.review.standing import Standing
from correctless.runlog.branch import LostLog, RecordedDecision
from correctless.runlog.events import LoggedEvent
from correctless.runlog.plan import Plan
from correctless.runlog.state import State

T = TypeVar("T")

RUN, STEP, LOG = TRAILERS = ("Correctless-Run", "Correctless-Step", "Correctless-Log")


@dataclass(frozen=True, slots=True)
class RunCommit:
    """Parents and trailers of a commit of the run."""

    parents: tuple[str, ...]
    trailers: Mapping[str, str]  # those of `TRAILERS`; of a repeated one the last


@dataclass(frozen=True, slots=True)
class Git:
    """What git has of a run; replacements and grafts that a repository may define are ignored."""

    where: str | None  # the run's branch, or another ref with its commits; None without one
    branch: Mapping[str, RunCommit]  # its commits since the run's base
    squashed: Mapping[str, RunCommit]  # the commits before the squash, under a ref of their own
    present: frozenset[str]  # of all commits the run log names, those this clone has
    spec: tuple[str, ...]  # SHA-256 of the spec at the run's base, unchanged and with CRLF; none without one
    reports: Mapping[tuple[str, str], bool]  # (commit, path) -> whether it has that file, and not empty
    fault: str = ""  # why git could not be read


@dataclass(frozen=True, slots=True)
class RunEvidence:
    """All evidence about one run."""

    run: str
    plan: Plan
    events: Mapping[int, LoggedEvent]  # by their entry number in the run log
    state: State
    standing: Standing
    fault: str  # where the run log cannot be followed further, or differs from its anchors
    entries: tuple[RecordedDecision, ...]  # every decision of this run, also in a damaged log
    log: LogReport | None  # of the decisions log; None: see `log_fault`
    log_fault: str  # why it could not be checked, or not all of it
    missing: bool  # the decisions log is
    lost: LostLog | None  # what the decisions log records of its predecessor
    confirmations: tuple[Confirmation, ...]
    confirmations_fault: str
    question_digests: frozenset[str]  # of everything you were ever asked on this branch
    line_digests: Mapping[int, tuple[str, ...]]  # run log entry that asks you -> digests of the present lines
    uncovered: Mapping[int, tuple[int, ...]]  # run log entry that opened the gate -> deferred and unconfirmed
    git: Git
    answers: Mapping[tuple[str, int], str] = field(default_factory=dict)  # attempt -> SHA-256 of its answer
    request_fault: str = ""  # why the pull request could not be read
    offline: bool = False
    permit: str = ""  # of the run contract, used for exactly this merge
    permit_fault: str = ""  # why the contract's ledger could not be read

    def all_of(
        self, kind: type[T], step: str | None = None, attempt: int | None = None
    ) -> Iterator[tuple[int, T]]:
        """Yield each event of one kind, or of one kind and attempt, with its entry number in the run log."""
        for seq, item in self.events.items():
            event = item.event
            of_it = (getattr(event, "step", None), getattr(event, "attempt", None)) == (step, attempt)
            if isinstance(event, kind) and (step is None or of_it):
                yield seq, event

    def last(
        self, kind: type[T], step: str | None = None, attempt: int | None = None
    ) -> tuple[int, T] | None:
        """Return the last event that `all_of` yields, None without one."""
        events = list(self.all_of(kind, step, attempt))
        return events[-1] if events else None

    @property
    def over(self) -> bool:
        """Whether the run is complete: what is missing then is missing for good."""
        return self.state.phase == "complete"


def line(text: str) -> str:
    """Return the first line of any text, printable."""
    return one_line(text.strip().partition("\n")[0])


def who(by: str, channel: str) -> str:
    """Return a person and the channel of their answer, printable."""
    return f"{line(by)} ({line(channel)})"
