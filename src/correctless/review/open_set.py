"""The open set as you read and answer it."""

from __future__ import annotations

import os
from datetime import datetime

from correctless.base import exits
from correctless.base.clock import timestamp
from correctless.base.exits import Stop
from correctless.decisions.decision import Confirmation
from correctless.ledger.chain import digest as sha256
from correctless.ledger.heads import noting, workspace
from correctless.ledger.ledger import Ledger
from correctless.project.git import Repo
from correctless.project.paths import ARTIFACTS, Logs, ensure_artifacts, logs_beside
from correctless.review import anchors, coverage, gate, inheritance, request, summary
from correctless.review.gate import GateState
from correctless.review.listed_default import ListedDefaults
from correctless.runlog import branch as record
from correctless.runlog.branch import Branch
from correctless.runlog.events import fields_of
from correctless.runlog.fold import checked_state
from correctless.runlog.state import AT_GATE, State


def view(logs: Logs) -> summary.SummaryView:
    """Return everything the summary of a branch shows."""
    branch, state = gate.load(logs)
    return view_of(branch, state, logs)


def summarise(log: str, width: int = 80) -> str:
    """Return the summary of a decisions log by its path, for `width` columns.

    Raises: Stop(3) as `gate.of_log`.
    """
    logs = logs_beside(log)
    anchors.refuse_disproved(logs, None, os.environ)
    return summary.text(view(logs), width)


def view_of(branch: Branch, state: GateState, logs: Logs) -> summary.SummaryView:
    """Return the view of a branch that was read and evaluated already."""
    run_state = checked_state(logs.run, branch.events)
    waiting = {sha256(r.line) for r in state.waiting}
    listed = ListedDefaults(branch, logs)
    return summary.SummaryView(
        branch=run_state.branch or logs.branch_slug,
        run=run_state.run or None,
        items=tuple(
            summary.Item(
                decision=r.decision,
                seq=r.seq,
                open=sha256(r.line) in waiting,
                confirmed_by=_who(state.covered.get(sha256(r.line))),
                decided=_decided(state.covered.get(sha256(r.line))),
                superseded=not r.branch and r.seq in state.superseded,
                branch=r.branch,
                rejected=r.rejected,
                listed="" if r.branch else listed.of(r.decision),
            )
            for r in (*branch.decisions, *state.inherited)
        ),
        steps=run_state.spent,
        warnings=(*request.problems(run_state), *run_state.warnings),
        request=request.good(run_state),
        digest=state.closing.digest if state.closing else None,
    )


def close_gate(
    logs: Logs,
    branch: Branch,
    state: GateState,
    *,
    token: str,
    now: datetime,
    repo: Repo | None = None,
    at: str | None = None,
) -> tuple[Branch, GateState]:
    """Close the gate over the open set, so that its digest can be confirmed.

    Nothing is written when it is closed already. The caller holds the run's lock.

    Raises: Stop(10) while the last run has not reached its gate: its later decisions cannot be confirmed in
    advance. Also while its branch is at another commit than the run made.
    """
    if state.before:
        raise Stop(exits.PERSON, state.before)
    if state.open:
        return branch, state
    run_state = checked_state(logs.run, branch.events)
    if run_state.unfinished and run_state.phase not in AT_GATE:
        raise Stop(
            exits.PERSON,
            f"run {run_state.run} has not reached its gate yet. let it finish first: correctless cauto resume",
        )
    if state.closing is not None:
        return branch, state
    if not os.path.lexists(logs.decisions):  # a branch that has no run of its own, and inherits
        ensure_artifacts(logs)
        Ledger(logs.decisions, root=logs.root).create()
    # Without a run of its own a branch has no commit that a run made: then you are asked about the one it is at.
    own = coverage.commits(branch)
    repo = repo or inheritance.repo_of(logs)
    head = own.get(run_state.run, at or (inheritance.tip(repo, logs, branch) if repo is not None else ""))
    event = gate.close(state.waiting, token, head)
    _ledger(logs.run, logs).append(fields_of(run_state.run, timestamp(now), event))
    return gate.load(logs, repo, at=at)


def answer(
    logs: Logs, digest: str, *, kind: str, by: str, channel: str, note: str, now: datetime, head: str = ""
) -> Confirmation:
    """Record your answer to what has this digest, about the commit `head`. The caller holds the run's lock."""
    confirmation = Confirmation(kind, digest, by, channel, timestamp(now), note, head)
    _ledger(logs.confirmations, logs).append(confirmation.fields())
    return confirmation


def approve_spec(logs: Logs, digest: str, *, by: str, channel: str, now: datetime) -> Confirmation:
    """Record your approval of a spec, by its hash."""
    confirmation = Confirmation("spec", digest, by, channel, timestamp(now))
    _ledger(logs.confirmations, logs).append(confirmation.fields())
    return confirmation


def spec_approval(logs: Logs, digest: str) -> Confirmation | None:
    """Return the recorded approval of a spec with exactly these bytes, or None."""
    confirmations = record.load(logs).confirmations
    return next((c for c in reversed(confirmations) if c.kind == "spec" and c.digest == digest), None)


def _ledger(path: str, logs: Logs) -> Ledger:
    """Return one of a branch's logs; for a parked run in a scratch folder, without a private copy."""
    if workspace(path).endswith(ARTIFACTS):
        return noting(path, logs.root, os.environ)
    return Ledger(path, root=logs.root)


def state_of(logs: Logs) -> State:
    """Return the state of a branch's last run."""
    return checked_state(logs.run, record.load(logs).events)


def _decided(confirmation: Confirmation | None) -> str:
    # A note beside a digest that was confirmed is not a decision.
    return confirmation.note if confirmation is not None and confirmation.kind == "answer" else ""


def _who(confirmation: Confirmation | None) -> str:
    if confirmation is None:
        return ""
    ahead = ", ahead" if confirmation.kind == "ahead" else ""
    return f"{confirmation.by} ({confirmation.channel}{ahead})"
