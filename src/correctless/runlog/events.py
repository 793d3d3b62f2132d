"""The events of the run log as frozen values, written to and read from its lines.

A field that comes later has a default: each release reads the logs of all before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, field
from typing import Any, ClassVar, get_args

from correctless.base.values import frozen
from correctless.ledger.record import read
from correctless.runlog.plan import Plan
from correctless.runlog.texts import refuse_unusable
from correctless.syntax.strict_json import RecordError


@frozen
class RunStarted:
    """A run begins: its plan, and the approval of its spec."""

    event: ClassVar[str] = "run_started"
    plan: Plan
    approved_by: str
    approved_channel: str
    version: str
    log_seq: int
    log_head: str
    tried: tuple[str, ...] = ()  # the needs of the run that were checked before; none where you skipped that
    git_settings: str = ""  # SHA-256 of the user's git configuration as the run reads it; "" in older logs


@frozen
class StepStarted:
    """An attempt begins; durable before its agent runs."""

    event: ClassVar[str] = "step_started"
    step: str
    attempt: int
    nonce_sha256: str
    session: str
    group: int  # the agent's process group, stopped until this event is durable
    mark: str  # in the environment of everything the agent starts, also of what leaves its group
    base: str
    prompt_sha256: str
    sandbox: str = ""  # the sandbox's program; "" where the agent has none
    git_before: str = ""  # SHA-256 of git's files before, for recovery after this dispatcher died


@frozen
class StepContinued:
    """The session of an attempt continues in another process; durable before that runs."""

    event: ClassVar[str] = "step_continued"
    step: str
    attempt: int
    part: int  # number of the attempt's process, from 1
    group: int
    mark: str
    prompt_sha256: str
    sandbox: str = ""
    git_before: str = ""


@frozen
class AgentEnded:
    """How an agent ended, what it cost, and the digest of its answer."""

    event: ClassVar[str] = "agent_ended"
    step: str
    attempt: int
    outcome: str  # ok | failed | paused | interrupted | lost (a session that can't be continued)
    reason: str
    resume_at: str | None
    answer_sha256: str
    seconds: float
    cost_usd: float
    cost_estimated: bool
    tokens: int
    turns: int
    over: str = ""  # the limit that ended it: idle, wall, turns or usd
    usage: Mapping[str, float] = field(default_factory=dict)  # window of the account -> share used up, 0 to 1
    left: str = ""  # `commit:tree` of what it left, where its session may continue from exactly that


@frozen
class DecisionsTaken:
    """The decisions of an answer are in the decisions log."""

    event: ClassVar[str] = "decisions_taken"
    step: str
    attempt: int
    count: int
    deferred: int
    warnings: tuple[str, ...]
    log_seq: int
    log_head: str
    pieces: int = 0  # of all blocks of the attempt so far: where the keys of the next block begin


@frozen
class Asking:
    """You are about to be asked at the terminal.

    An answer counts if it is bound to the digest of its entry's line.
    """

    event: ClassVar[str] = "asking"
    step: str
    attempt: int
    challenge: str
    entries: tuple[int, ...]  # the seq of each decision; none: unattended, so they stay deferred
    digests: tuple[str, ...]  # of each entry with the challenge, in the same order


@frozen
class Answered:
    """Your answers are recorded: none, when you did not answer in time."""

    event: ClassVar[str] = "answered"
    step: str
    attempt: int
    by: str
    channel: str
    confirmed: int  # defaults that stay as applied
    changed: int  # decisions to carry out otherwise: the agent's session continues with them
    log_seq: int
    log_head: str


@frozen
class StepChecked:
    """The result of a step's check."""

    event: ClassVar[str] = "step_checked"
    step: str
    attempt: int
    ok: bool
    detail: str


@frozen
class StepFinished:
    """A step's work is committed."""

    event: ClassVar[str] = "step_finished"
    step: str
    attempt: int
    commit: str
    log_seq: int
    log_head: str


@frozen
class AttemptFailed:
    """An attempt failed, and its work was moved into a patch."""

    event: ClassVar[str] = "attempt_failed"
    step: str
    attempt: int
    reason: str
    counted: bool  # an interruption or a pause is no failure of the step
    patch: str | None  # what the attempt left, in the run's folder


@frozen
class Reverted:
    """An untrusted step's work was discarded; the run continues without it."""

    event: ClassVar[str] = "reverted"
    step: str
    attempt: int
    reason: str
    patch: str | None


@frozen
class Superseded:
    """An attempt whose work a re-run reverts."""

    step: str
    attempt: int


@frozen
class Rerun:
    """You want `step` and all after it done again from `base`."""

    event: ClassVar[str] = "rerun"
    step: str
    note: str
    by: str
    channel: str
    base: str
    kept: str  # the ref of the branch's previous head
    discarded: tuple[Superseded, ...]


@frozen
class Rewound:
    """The branch is back at the re-run's base."""

    event: ClassVar[str] = "rewound"
    commit: str


@frozen
class Consolidated:
    """The commits of the run are complete."""

    event: ClassVar[str] = "consolidated"
    commit: str
    left: tuple[str, ...]


@frozen
class GateClosed:
    """The gate waits for your confirmation of these entries."""

    event: ClassVar[str] = "gate_closed"
    challenge: str
    digest: str
    entries: tuple[int, ...]  # the seq of each entry of the open set
    inherited: tuple[str, ...] = ()  # the SHA-256 of each line of another branch's log in it
    head: str = ""  # the commit you are asked about, which the digest covers too; "" in older logs, and where no run made one


@frozen
class GateOpened:
    """Every entry that needs your confirmation has it."""

    event: ClassVar[str] = "gate_opened"
    digest: str | None  # None: no decision needed confirmation
    by: str
    channel: str
    log_seq: int
    log_head: str


@frozen
class TrialMerged:
    """The branch was merged on trial with the base that was just fetched, or that was not possible."""

    event: ClassVar[str] = "trial_merged"
    head: str
    base: str  # "" where it was not fetched
    outcome: str  # clean | conflict | untried
    conflicts: tuple[str, ...] = ()  # paths, each as one printable line
    more: int = 0  # paths that are not among them
    why: str = ""  # it was not tried


@frozen
class PublishIntended:
    """Publication begins; durable before the push."""

    event: ClassVar[str] = "publish_intended"
    commit: str
    how: str


@frozen
class Published:
    """The branch is pushed, and its pull request is open."""

    event: ClassVar[str] = "published"
    url: str
    how: str


@frozen
class ChecksAwaited:
    """The checks of the pull request are watched; a dispatcher that dies meanwhile is followed by one that watches on."""

    event: ClassVar[str] = "checks_awaited"
    until: str


@frozen
class ChecksSeen:
    """The checks of the pull request as they were when all had ended, or at the end of the time."""

    event: ClassVar[str] = "checks_seen"
    head: str  # the commit they are of
    outcome: str  # green | red | pending | none | unknown
    red: tuple[str, ...] = ()  # the name and result of each that failed, as one printable line
    pending: tuple[str, ...] = ()
    passed: int = 0
    why: str = ""  # they are unknown


@frozen
class Merged:
    """The pull request was found merged at the commit the run made."""

    event: ClassVar[str] = "merged"
    number: int
    head: str
    commit: str
    contract: str  # the run contract that allowed it


@frozen
class Completed:
    """The last event of a run."""

    event: ClassVar[str] = "complete"
    url: str


@frozen
class RunStopped:
    """The run cannot continue by itself: exit code and a one-line reason."""

    event: ClassVar[str] = "run_stopped"
    code: int
    step: str | None
    reason: str
    resume_at: str | None = None


@frozen
class Resumed:
    """A stopped run continues, perhaps with new limits."""

    event: ClassVar[str] = "resumed"
    unclean: bool  # no run_stopped before it: the dispatcher died
    usd: float | None = None  # the run's new limits, where you set some
    minutes: float | None = None
    park: str | None = None  # the remote it was brought from, and is parked on again
    git_sha256: str | None = None  # of git's hooks and settings on the machine it was brought to
    git_settings: str | None = None  # of its user's git configuration


@frozen
class Abandoned:
    """You ended the run for good."""

    event: ClassVar[str] = "abandoned"
    by: str


Event = (
    RunStarted
    | StepStarted
    | StepContinued
    | AgentEnded
    | DecisionsTaken
    | Asking
    | Answered
    | StepChecked
    | StepFinished
    | AttemptFailed
    | Reverted
    | Rerun
    | Rewound
    | Consolidated
    | GateClosed
    | GateOpened
    | TrialMerged
    | PublishIntended
    | Published
    | ChecksAwaited
    | ChecksSeen
    | Merged
    | Completed
    | RunStopped
    | Resumed
    | Abandoned
)

EVENTS: dict[str, type[Event]] = {kind.event: kind for kind in get_args(Event)}


@frozen
class LoggedEvent:
    """An event with the run it belongs to and when it was written."""

    run: str
    timestamp: str
    event: Event


def fields_of(run: str, timestamp: str, event: Event) -> dict[str, Any]:
    """The event as a mapping in log order, ready for `Ledger.append`."""
    return {"event": event.event, "run": run, "timestamp": timestamp, **asdict(event)}


def logged(values: Mapping[str, Any]) -> LoggedEvent:
    """Return the event in one line of a run log.

    Raises: `RecordError` when this release knows no such event.
    """
    name = values.get("event")
    kind = EVENTS.get(name) if isinstance(name, str) else None
    run, when = values.get("run"), values.get("timestamp")
    if kind is None or not isinstance(run, str) or not isinstance(when, str):
        raise RecordError(f"'{name}' is no event of a run log this release knows")
    event = read(kind, values)
    for part in (event, *((event.plan, *event.plan.steps) if isinstance(event, RunStarted) else ())):
        refuse_unusable(part)
    return LoggedEvent(run, when, event)


def discarded(events: Iterable[LoggedEvent]) -> frozenset[tuple[str, str, int]]:
    """Return the attempts (run, step, attempt) whose work was discarded: their decisions are superseded."""
    attempts: set[tuple[str, str, int]] = set()
    for item in events:
        match item.event:
            case AttemptFailed(step=step, attempt=attempt) | Reverted(step=step, attempt=attempt):
                attempts.add((item.run, step, attempt))
            case Rerun(discarded=reverted):
                attempts.update((item.run, each.step, each.attempt) for each in reverted)
            case _:
                pass
    return frozenset(attempts)
