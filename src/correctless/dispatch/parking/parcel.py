"""The files of a parked run: packed, and checked before parking and after fetching.

A run that could not be brought back is not parked. A parcel from a remote is hostile: every value in it that becomes a path, a
commit or a process must have the form that runs give it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from correctless.base import below, exits
from correctless.base.exits import Stop
from correctless.dispatch.core import frozen_files, policy
from correctless.dispatch.core.context import sha256
from correctless.dispatch.tell import escalation
from correctless.ledger.check import Anchor
from correctless.ledger.heads import NEW, Heads
from correctless.ledger.record import decode
from correctless.project import config
from correctless.project.git import Repo
from correctless.project.git.objectid import OID
from correctless.project.paths import Logs, logs_beside
from correctless.publish.branch import refuse_name, refuse_protected
from correctless.review import anchors
from correctless.runlog import branch as record
from correctless.runlog.branch import Branch
from correctless.runlog.events import (
    AttemptFailed,
    Consolidated,
    LoggedEvent,
    PublishIntended,
    Rerun,
    Reverted,
    Rewound,
    RunStarted,
    StepContinued,
    StepFinished,
    StepStarted,
)
from correctless.runlog.fold import checked_state
from correctless.runlog.plan import Plan
from correctless.runlog.state import UNDER_WAY, State

CODES = (exits.PERSON, exits.PAUSED, exits.BUDGET, exits.FAILED)  # a run that stopped with one is parked

LOGS = DECISIONS, RUN, CONFIRMATIONS = ("decisions.jsonl", "run.jsonl", "confirmations.jsonl")
_STEM = "autonomous-decisions-parked.jsonl"
_MARK = re.compile(r"CORRECTLESS_MARK_[0-9a-f]{32}\Z")
_STEP = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}\Z")
_UNREADABLE = re.compile(
    r"runs/[0-9]{8}-[0-9]{6}-[0-9a-f]{4}/[A-Za-z0-9][A-Za-z0-9_.-]{0,99}/[A-Za-z0-9][A-Za-z0-9.-]{0,140}\.txt\Z"
)


@dataclass(frozen=True, slots=True)
class Parcel:
    """A parked run, checked; answers can be added to its `logs`."""

    run: str
    parent: str  # the branch's head
    files: Mapping[str, bytes]
    state: State
    plan: Plan
    logs: Logs


def can_be_parked(state: State) -> bool:
    """Whether another machine can continue: no attempt is under way, or only one whose session was cut off."""
    stopped = state.stopped is not None and state.stopped.code in CODES
    return stopped and (state.phase not in {*UNDER_WAY, "rewinding"} or state.phase == "suspended")


def pack(logs: Logs, state: State) -> dict[str, bytes]:
    """Return the files that continue a run: no transcript, patch or answer, but unreadable texts, which you decide about."""
    plan = state.plan
    assert plan is not None
    files = logs_of(logs)
    for path, sha in frozen(plan).items():
        files[f"frozen/{path}"] = frozen_files.read(logs, state.run, path, sha)
    for path in _unreadable_texts(record.load(logs)):
        if os.path.isfile(os.path.join(logs.artifacts, path)):
            files[path] = read(os.path.join(logs.artifacts, path))
    escalation_file = os.path.join(logs.folder(state.run), escalation.FILE)
    if os.path.isfile(escalation_file):
        files[escalation.FILE] = read(escalation_file)
    return files


def logs_of(logs: Logs) -> dict[str, bytes]:
    """Return the three logs as they are now, by their names in a parcel."""
    return {name: read(path) for name, path in places(logs).items()}


def places(logs: Logs) -> dict[str, str]:
    """Return each log's path, by its name in a parcel."""
    return {DECISIONS: logs.decisions, RUN: logs.run, CONFIRMATIONS: logs.confirmations}


def frozen(plan: Plan) -> dict[str, str]:
    """Return each frozen file of a plan with its SHA-256."""
    files = {frozen_files.SPEC: plan.spec_sha256}
    more = ((frozen_files.INSTRUCTIONS, plan.instructions_sha256), (frozen_files.MCP, plan.mcp_sha256))
    files.update({name: sha for name, sha in more if sha is not None})
    for step in plan.steps:
        files.update({f"{step.name}/{path}": sha for path, sha in step.files.items()})
    return files


def texts(files: Mapping[str, bytes]) -> dict[str, str]:
    """Return what a scanner for secrets reads of these files; of a log its values, a line each, for JSON escapes quotes."""
    values = {name: data.decode("utf-8", "replace") for name, data in files.items() if name not in LOGS}
    for name in set(LOGS) & set(files):
        for number, line in enumerate(files[name].split(b"\n")[:-1], 1):
            values[f"{name}, entry {number}"] = "\n".join(_leaves("", decode(line)))
    return values


def check(
    files: Mapping[str, bytes],
    *,
    run: str,
    parent: str,
    repo: Repo,
    env: Mapping[str, str],
    folder: str,
    anchored: Iterable[Anchor] = (),
) -> Parcel:
    """Return the run in `files`. Raises: `Stop(3)` when it is incomplete or inconsistent.

    `parent` is the commit they are parked on, `folder` an empty one for the logs, `anchored` this machine's anchors of the
    decisions log.
    """
    if missing := [name for name in LOGS if name not in files]:
        raise _bad(f"{missing[0]} is missing")
    logs = logs_beside(os.path.join(folder, _STEM))
    for name, path in places(logs).items():
        if files[name] and not files[name].endswith(b"\n"):
            raise _bad(f"the last line of {name} is cut off")
        with open(path, "xb") as file:
            file.write(files[name])
    try:
        branch = record.load(logs)
        state = checked_state(logs.run, branch.events)
    except Stop as stop:
        raise _bad(_named(stop.message, logs)) from None
    plan = state.plan
    if plan is None or state.run != run:
        raise _bad(f"{RUN} ends with run {state.run or 'none'}")
    if not can_be_parked(state):
        raise _bad(f"{RUN} does not end in a state that can be parked")
    _refuse_forms(plan, branch.events)
    _refuse_other_files(files, plan, branch)
    refuse_name(repo, plan.branch)
    refuse_protected(plan.branch, plan.protected)
    _refuse_unapproved(branch, run)
    _refuse_other_policy(repo, plan)
    _refuse_other_commits(repo, parent, state, [item for item in branch.events if item.run == run])
    report = anchors.verify(logs, repo, env, anchored, at=parent)
    for finding in report.findings:
        if finding.severity == "error":
            raise _bad(f"{DECISIONS}:{finding.line}: {finding.message}")
    return Parcel(run, parent, files, state, plan, logs)


def local_anchors(logs: Logs, data: bytes, env: Mapping[str, str]) -> tuple[Anchor, ...]:
    """Return this machine's anchors of the decisions log in `data`. Raises: `Stop(3)` when they are of another log."""
    copies = tuple(Heads(logs.decisions, env).anchors())
    first = sha256(data.partition(b"\n")[0])
    if (
        copies
        and not os.path.lexists(logs.decisions)
        and not any(a.seq == 1 and a.sha256 == first for a in copies)
    ):
        # The parked log may be a replacement by the one who removed the log here.
        raise Stop(
            exits.REFUSED,
            f"{logs.decisions} is missing, and {copies[-1].where} is of another log than the parked one. {NEW}",
        )
    return copies


def head(events: Iterable[LoggedEvent]) -> str:
    """Return the commit that a run's branch is at after its events."""
    at = base = ""
    for event in (item.event for item in events):
        match event:
            case RunStarted(plan=plan):
                at = base = plan.base
            case StepStarted():
                # Your commits while the run waited are below every later attempt.
                at = base = event.base
            case StepFinished(commit=commit) | Consolidated(commit=commit) | Rewound(commit=commit):
                at = base = commit
            case PublishIntended(commit=commit):
                at = commit
            case AttemptFailed() | Reverted():
                at = base
            case _:
                pass
    return at


def _refuse_forms(plan: Plan, events: Iterable[LoggedEvent]) -> None:
    """Refuse names and ids that are unsafe as a path, an argument of git or a process to be ended."""
    for step in plan.steps:
        if not _STEP.match(step.name):
            raise _bad(f"{step.name!r} is no step's name")
        if step.report is not None and not _is_inside(step.report):
            raise _bad(f"the report of {step.name} is outside of the repository")
    if not _is_inside(plan.spec):
        raise _bad("its spec is outside of the repository")
    for item in events:
        event = item.event
        if isinstance(event, StepStarted | StepContinued) and not _MARK.match(event.mark):
            raise _bad(f"{RUN} names processes that no run starts")
        if isinstance(event, RunStarted):
            ids = [event.plan.base]
        elif isinstance(event, StepStarted | Rerun):
            ids = [event.base]
        elif isinstance(event, StepFinished | Rewound | Consolidated | PublishIntended):
            ids = [event.commit]
        else:
            continue
        if not all(OID.match(oid) for oid in ids):
            raise _bad(f"{RUN} names {ids[0]!r} as a commit")


def _refuse_unapproved(branch: Branch, run: str) -> None:
    """Refuse a run whose approval of the spec is not recorded."""
    approved = {
        (approval.digest, approval.by, approval.channel)
        for approval in branch.confirmations
        if approval.kind == "spec"
    }
    for item in branch.events:
        event = item.event
        if item.run == run and isinstance(event, RunStarted):
            approval = (event.plan.spec_sha256, event.approved_by, event.approved_channel)
            if approval not in approved:
                raise _bad(f"{CONFIRMATIONS} has no approval of its spec by {event.approved_by!r}")


def _refuse_other_policy(repo: Repo, plan: Plan) -> None:
    """Refuse a plan that no flag makes of the base commit's configuration: a parked run must not bring its own commands."""
    try:
        data = repo.file_at(plan.base, config.PATH)
        configured = config.load(config.parse(data) if data is not None else None)
        steps = configured.pipeline(plan.pipeline).steps
    except Stop as stop:
        raise _bad(f"the configuration of its base commit can't be read: {stop.message}") from None
    for key in policy.changed_keys(plan, configured):
        raise _bad(f"its plan has another {key} than the configuration of {plan.base[:12]}")
    checks: set[object] = {configured.commands.test, *(step.check for step in steps)}
    models: set[object] = {step.model for step in steps}
    for step in plan.steps:
        for key, chosen, known in (("check", step.check, checks), ("model", step.model, models)):
            if chosen is not None and chosen not in known:
                what = f"its plan has another {key} of {step.name} than the configuration of {plan.base[:12]}"
                raise _bad(what)


def _refuse_other_files(files: Mapping[str, bytes], plan: Plan, branch: Branch) -> None:
    wanted = frozen(plan)
    for path, sha in wanted.items():
        data = files.get(f"frozen/{path}")
        if data is None or sha256(data) != sha:
            raise _bad(f"frozen/{path} is not what was planned")
    allowed = {*LOGS, escalation.FILE, *(f"frozen/{path}" for path in wanted), *_unreadable_texts(branch)}
    if more := sorted(files.keys() - allowed):
        raise _bad(f"it holds {more[0]!r}, which belongs to no run")


def _refuse_other_commits(repo: Repo, parent: str, state: State, events: list[LoggedEvent]) -> None:
    plan = state.plan
    assert plan is not None
    if head(events) != parent:
        raise _bad(f"{RUN} leaves {plan.branch} at {head(events)[:12]}, and it is parked on {parent[:12]}")
    if not repo.is_ancestor(plan.base, parent):
        raise _bad(f"{plan.branch} does not go back to {plan.base[:12]}, where the run began")
    commits: list[tuple[str, str, str | None]] = [
        (event.commit, f"{event.step}#{event.attempt}", f"{event.log_seq}:{event.log_head}")
        for event in state.finished
        if isinstance(event, StepFinished) and not (plan.squash and state.consolidated)
    ]
    if state.consolidated is not None:
        commits.append((state.consolidated, "consolidation#1", None))
    for oid, step, log_end in commits:
        trailers = repo.trailers(oid) if repo.is_ancestor(oid, parent) else {}
        log = trailers.get(anchors.TRAILER)
        ours = (trailers.get("Correctless-Run"), trailers.get("Correctless-Step")) == (state.run, step)
        if not ours or log != (log_end or log):
            by = step.partition("#")[0]
            raise _bad(f"{plan.branch} has no commit {oid[:12]} by {by} of this run")


def _unreadable_texts(branch: Branch) -> Iterator[str]:
    """Yield the files of unreadable texts that decisions point to."""
    for recorded in branch.decisions:
        path = recorded.decision.extra.get("kept")
        if isinstance(path, str) and _UNREADABLE.match(path) and ".." not in path:
            yield path


def _is_inside(path: str) -> bool:
    return bool(path) and not os.path.isabs(path) and ".." not in path.split("/") and path.isprintable()


def _leaves(name: str, value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(key, inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(name, inner)
    elif isinstance(value, str):
        # Commit and tree of a worktree, joined by a colon, look like a token where the first ends in eight digits.
        parts = value.split(":")
        yield from (f"{name}: {part}" for part in (parts if all(map(OID.match, parts)) else [value]))


def read(path: str) -> bytes:
    """Return one file of ours. Raises: `Stop(3)` when it cannot be read."""
    try:
        return below.read(path)
    except OSError as error:
        raise Stop(
            exits.REFUSED, f"{path} can't be read: {error.strerror}. fix the cause, then retry"
        ) from None


def _named(message: str, logs: Logs) -> str:
    for name, path in places(logs).items():
        message = message.replace(path, name)
    return message.partition(". look at it with")[0]


def _bad(why: str) -> Stop:
    return Stop(exits.REFUSED, why)
