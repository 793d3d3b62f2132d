"""Gate of a branch: whether it may be published, and what it waits for.

The gate is computed from the logs each time and stored nowhere. An entry is live unless its attempt was
discarded. The open set is every live deferred entry that no valid confirmation covers, of this branch and of
every run whose work it carries; while it is not empty the gate is closed.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from correctless.base import exits
from correctless.base.exits import Stop
from correctless.decisions.decision import Confirmation
from correctless.ledger.chain import digest as sha256
from correctless.project.git import Repo
from correctless.project.paths import Logs, logs_beside
from correctless.review import anchors, coverage, inheritance
from correctless.review.coverage import DEFAULT_CHANNELS as DEFAULT_CHANNELS
from correctless.review.coverage import digest as digest
from correctless.review.inheritance import Inheritance
from correctless.runlog import branch as record
from correctless.runlog.branch import Branch, RecordedDecision
from correctless.runlog.events import GateClosed, discarded
from correctless.runlog.fold import OutOfOrderError, fold
from correctless.runlog.state import AT_GATE


@dataclass(frozen=True, slots=True)
class GateState:
    """The gate of one branch."""

    open: bool
    # The open set: this branch's entries in log order, then inherited ones.
    waiting: tuple[RecordedDecision, ...]
    closing: GateClosed | None  # the one that names exactly this open set: its digest is what you confirm
    rejected: Confirmation | None  # your answer to `closing`, when it was a no
    covered: Mapping[str, Confirmation]  # SHA-256 of a line -> the confirmation that covers it
    superseded: frozenset[int]  # seq of entries whose attempt was discarded
    # Entries of other branches that must be answered on this one.
    inherited: tuple[RecordedDecision, ...] = ()
    # Why the gate is not open whatever you confirmed: its run has not reached it, or the branch is at another commit.
    before: str = ""


def of_log(
    path: str, *, channels: Sequence[str] | None = None, confirmers: Sequence[str] | None = None
) -> GateState:
    """Return the gate of a decisions log by its path.

    The run log and the confirmations are read from the files beside it.

    Raises: Stop(3) as `of`.
    """
    return of(logs_beside(path), None, os.environ, channels=channels, confirmers=confirmers)


def of(
    logs: Logs,
    repo: Repo | None,
    env: Mapping[str, str],
    *,
    channels: Sequence[str] | None = None,
    confirmers: Sequence[str] | None = None,
) -> GateState:
    """Return the gate of a branch's logs; never open before its run reached the gate.

    Raises: Stop(3) when the log is missing, damaged, or disproved by an anchor.
    """
    anchors.refuse_disproved(logs, repo, env)
    branch, state = load(logs, repo, channels=channels, confirmers=confirmers)
    refuse_missing(logs, state)
    before = _before(branch)
    return replace(state, open=False, before=before) if before and not state.before else state


def refuse_missing(logs: Logs, state: GateState | None = None) -> None:
    """Refuse a branch without a decisions log of its own that inherits none. Raises: `Stop(3)`."""
    if not (state is not None and state.inherited) and not os.path.lexists(logs.decisions):
        raise Stop(
            exits.REFUSED, f"no decisions log {logs.decisions} found. start a run, or name another with --log"
        )


def _before(branch: Branch) -> str:
    """Return the state of a run before its gate; "" without one."""
    try:
        state = fold(branch.events)
    except OutOfOrderError as error:
        return f"its run log is invalid ({error}). see what it proves: correctless audit-run"
    if not state.unfinished or state.phase in AT_GATE:
        return ""
    done = f"{len(state.finished)} of {len(state.plan.steps) if state.plan else 0} steps are done"
    if state.stopped is not None:
        return f"run {state.run} stopped before its gate ({done}): {state.stopped.reason}"
    return f"run {state.run} has not reached its gate yet ({done}). see its state: correctless cauto status"


def load(
    logs: Logs,
    repo: Repo | None = None,
    *,
    at: str | None = None,
    base: str | None = None,
    channels: Sequence[str] | None = None,
    confirmers: Sequence[str] | None = None,
) -> tuple[Branch, GateState]:
    """Return the record of a branch, and its gate with all that the branch inherits.

    `repo`, `at` (the branch's commit) and `base` (what was published before) are found from the logs unless
    given.

    Raises: Stop(3) as `inheritance.of`.
    """
    branch = record.load(logs)
    own_policy = coverage.policy(branch, channels, confirmers)
    inherited = inheritance.of(logs, branch, own_policy, repo=repo, at=at, base=base)
    repo = repo or inheritance.repo_of(logs)
    tip = at or (
        inheritance.tip(repo, logs, branch) if repo is not None and _asked_without_run(branch) else ""
    )
    state = evaluate(branch, inherited, channels=channels, confirmers=confirmers, tip=tip)
    moved = _moved(branch, repo, at)
    return branch, replace(state, open=False, before=moved) if moved else state


def _asked_without_run(branch: Branch) -> bool:
    """Whether you were asked about a commit that no run of this branch made."""
    made = coverage.commits(branch)
    return any(
        isinstance(item.event, GateClosed) and item.event.head and item.run not in made
        for item in branch.events
    )


def _moved(branch: Branch, repo: Repo | None, at: str | None) -> str:
    """Return where the branch is instead of at the commit that its run made and asks you about; "" where it is there."""
    try:
        state = fold(branch.events)
    except OutOfOrderError:
        return ""  # see `_before`
    made = state.consolidated
    if repo is None or made is None or not state.unfinished or state.phase == "published":
        return ""
    now = at or repo.commit(f"refs/heads/{state.branch}") or ""
    if now == made:
        return ""
    return (
        f"{state.branch} is at {now[:12] or 'no commit'}, and the run made {made[:12]}: the other commits are neither checked "
        f"nor confirmed. put it back with git reset --keep {made[:12]}, or end the run with: correctless cauto stop --abandon"
    )


def evaluate(
    branch: Branch,
    inherited: Inheritance = inheritance.NOTHING,
    *,
    channels: Sequence[str] | None = None,
    confirmers: Sequence[str] | None = None,
    tip: str = "",
) -> GateState:
    """Compute the gate from a branch's record.

    Channels and confirmers are those of the last run's plan unless given. `tip` is the branch's commit, as in `coverage.of`.
    """
    own_policy = coverage.policy(branch, channels, confirmers)
    covered = dict(coverage.of(branch, own_policy, tip=tip).confirmed)
    discarded_attempts = discarded(branch.events)
    superseded = frozenset(
        r.seq
        for r in branch.decisions
        if _attempt(r) in discarded_attempts and r.seq not in inherited.revived
    )
    waiting = [
        r
        for r in branch.decisions
        if r.decision.escalation_deferred and r.seq not in superseded and sha256(r.line) not in covered
    ]
    for theirs, entries in inherited.entries.items():
        # A confirmer who may not answer where a decision was made may not answer it from another branch.
        answered = coverage.of(branch, own_policy, theirs, tip=tip).confirmed
        for each in entries:
            sha = sha256(each.line)
            if sha in answered:
                covered[sha] = answered[sha]
            else:
                covered.pop(sha, None)
                waiting.append(each)
    made = coverage.commits(branch)
    closings = [(item.event, item.run) for item in branch.events if isinstance(item.event, GateClosed)]
    current, run = closings[-1] if closings else (None, "")
    if current is not None and (
        (current.entries, current.inherited) != _named(waiting)
        or current.head not in ("", made.get(run, tip))
    ):
        current = None
    rejected = coverage.answers(branch, own_policy).get(current.digest) if current else None
    return GateState(
        open=not waiting,
        waiting=tuple(waiting),
        closing=current,
        rejected=rejected if rejected is not None and rejected.kind == "rejected" else None,
        covered=covered,
        superseded=superseded,
        inherited=tuple(each for entries in inherited.entries.values() for each in entries),
    )


def values(state: GateState) -> dict[str, Any]:
    """Return the gate as a mapping, for programs."""
    return {
        "open": state.open,
        "before": state.before,
        "digest": state.closing.digest if state.closing else None,
        "rejected": state.rejected.fields() if state.rejected else None,
        "waiting": [
            {"seq": r.seq, **({"branch": r.branch} if r.branch else {}), **r.decision.fields()}
            for r in state.waiting
        ],
    }


def close(waiting: Iterable[RecordedDecision], challenge: str, head: str = "") -> GateClosed:
    """Return the event that closes the gate; `challenge` is random and new each time, `head` the commit you are asked about."""
    every = tuple(waiting)
    entries, inherited = _named(every)
    return GateClosed(
        challenge=challenge,
        digest=digest(challenge, [r.line for r in every if not r.branch], inherited, head),
        entries=entries,
        inherited=inherited,
        head=head,
    )


def _named(waiting: Iterable[RecordedDecision]) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Return the seq of each entry of this branch, and the SHA-256 of each inherited line."""
    every = tuple(waiting)
    return tuple(r.seq for r in every if not r.branch), tuple(sha256(r.line) for r in every if r.branch)


def _attempt(recorded: RecordedDecision) -> tuple[str | None, str | None, int | None]:
    d = recorded.decision
    return (d.run, d.step, d.attempt)
