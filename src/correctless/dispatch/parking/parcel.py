"""The files of a parked run, packed, and checked when they come back.

What packs is held to the same as what unpacks: a run that could not be brought back is not parked. A parcel from a remote is
hostile: every value of it that becomes a path, a commit or a process here is held to the one form that a run gives it.
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
from correctless.runlog.plan import Plan
from correctless.runlog.state import UNDER_WAY, State, checked_state

CODES = (exits.PERSON, exits.PAUSED, exits.BUDGET, exits.FAILED)  # a run that stopped so is parked

LOGS = DECISIONS, RUN, CONFIRMATIONS = ("decisions.jsonl", "run.jsonl", "confirmations.jsonl")
_STEM = "autonomous-decisions-parked.jsonl"
_MARK = re.compile(r"CORRECTLESS_MARK_[0-9a-f]{32}\Z")
_STEP = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}\Z")
_KEPT = re.compile(
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
    """Whether another machine can continue: no attempt is under way.

    Of one whose session was cut off the run knows how to begin the step anew.
    """
    stopped = state.stopped is not None and state.stopped.code in CODES
    return stopped and (state.phase not in {*UNDER_WAY, "rewinding"} or state.phase == "suspended")


def pack(logs: Logs, state: State) -> dict[str, bytes]:
    """Return the files that continue a run; no transcript, patch or answer.

    Of an attempt only the texts that could not be read: a person decides about them, wherever that is.
    """
    plan = state.plan
    assert plan is not None
    files = logs_of(logs)
    for path, sha in frozen(plan).items():
        files[f"frozen/{path}"] = frozen_files.read(logs, state.run, path, sha)
    for path in _kept(record.load(logs)):
        if os.path.isfile(os.path.join(logs.artifacts, path)):
            files[path] = read(os.path.join(logs.artifacts, path))
    said = os.path.join(logs.folder(state.run), escalation.FILE)
    if os.path.isfile(said):
        files[escalation.FILE] = read(said)
    return files


def logs_of(logs: Logs) -> dict[str, bytes]:
    """Return the three logs as they are now, by their names in a parcel."""
    return {name: read(path) for name, path in places(logs).items()}


def places(logs: Logs) -> dict[str, str]:
    """Return each log's path, by its name in a parcel."""
    return {DECISIONS: logs.decisions, RUN: logs.run, CONFIRMATIONS: logs.confirmations}


def frozen(plan: Plan) -> dict[str, str]:
    """Return each frozen file of a plan with its SHA-256."""
    found = {frozen_files.SPEC: plan.spec_sha256}
    more = ((frozen_files.INSTRUCTIONS, plan.instructions_sha256), (frozen_files.MCP, plan.mcp_sha256))
    found.update({name: sha for name, sha in more if sha is not None})
    for step in plan.steps:
        found.update({f"{step.name}/{path}": sha for path, sha in step.files.items()})
    return found


def texts(files: Mapping[str, bytes]) -> dict[str, str]:
    """Return what a scanner for secrets reads of these files.

    Of a log that is its values, a line each: JSON hides quotes.
    """
    found = {name: data.decode("utf-8", "replace") for name, data in files.items() if name not in LOGS}
    for name in set(LOGS) & set(files):
        for number, line in enumerate(files[name].split(b"\n")[:-1], 1):
            found[f"{name}, entry {number}"] = "\n".join(_leaves("", decode(line)))
    return found


def check(
    files: Mapping[str, bytes],
    *,
    run: str,
    parent: str,
    repo: Repo,
    env: Mapping[str, str],
    folder: str,
    here: Iterable[Anchor] = (),
) -> Parcel:
    """Return the run in `files`, if it is whole and consistent.

    Raises: `Stop(3)` with what is not.

    `parent` is the commit they are parked on, `folder` an empty one for the logs, `here` what this machine noted of the decisions log.
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
        raise _bad(f"{RUN} does not end where a run is parked")
    _refuse_forms(plan, branch.events)
    _refuse_other_files(files, plan, branch)
    refuse_name(repo, plan.branch)
    refuse_protected(plan.branch, plan.protected)
    _refuse_unapproved(branch, run)
    _refuse_other_policy(repo, plan)
    _refuse_other_commits(repo, parent, state, [item for item in branch.events if item.run == run])
    report = anchors.verify(logs, repo, env, here, at=parent)
    for finding in report.findings:
        if finding.severity == "error":
            raise _bad(f"{DECISIONS}:{finding.line}: {finding.message}")
    return Parcel(run, parent, files, state, plan, logs)


def noted_here(logs: Logs, data: bytes, env: Mapping[str, str]) -> tuple[Anchor, ...]:
    """Return this machine's private copy of the decisions log in `data`.

    Raises: `Stop(3)` when it is of another log.
    """
    noted = tuple(Heads(logs.decisions, env).anchors())
    first = sha256(data.partition(b"\n")[0])
    if (
        noted
        and not os.path.lexists(logs.decisions)
        and not any(a.seq == 1 and a.sha256 == first for a in noted)
    ):
        # Whoever took it away may also have parked the one that is to come in its place.
        raise Stop(
            exits.REFUSED,
            f"{logs.decisions} is gone, and {noted[-1].where} is of another than is parked. {NEW}",
        )
    return noted


def head(events: Iterable[LoggedEvent]) -> str:
    """Return the commit that the events of a run leave its branch at."""
    at = base = ""
    for event in (item.event for item in events):
        match event:
            case RunStarted(plan=plan):
                at = base = plan.base
            case StepStarted():
                # What a person committed while the run waited is below every later attempt.
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
    """Names and ids that later become a path, an argument of git or a process to be ended."""
    for step in plan.steps:
        if not _STEP.match(step.name):
            raise _bad(f"{step.name!r} is no step's name")
        if step.report is not None and not _is_inside(step.report):
            raise _bad(f"the report of {step.name} lies outside of the repository")
    if not _is_inside(plan.spec):
        raise _bad("its spec lies outside of the repository")
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
    """A run goes on only if the approval it says it began with is on record."""
    approved = {(said.digest, said.by, said.channel) for said in branch.confirmations if said.kind == "spec"}
    for item in branch.events:
        event = item.event
        if item.run == run and isinstance(event, RunStarted):
            said = (event.plan.spec_sha256, event.approved_by, event.approved_channel)
            if said not in approved:
                raise _bad(f"{CONFIRMATIONS} has no approval of its spec by {event.approved_by!r}")


def _refuse_other_policy(repo: Repo, plan: Plan) -> None:
    """What no flag can say is what the commit says that the run began at: who parks a run doesn't choose its policy or commands."""
    try:
        data = repo.file_at(plan.base, config.PATH)
        said = config.load(config.parse(data) if data is not None else None)
        steps = said.pipeline(plan.pipeline).steps
    except Stop as stop:
        raise _bad(f"the configuration of its base commit can't be read: {stop.message}") from None
    for key in policy.changed_keys(plan, said):
        raise _bad(f"its plan has another {key} than the configuration of {plan.base[:12]}")
    checks: set[object] = {said.commands.test, *(step.check for step in steps)}
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
    allowed = {*LOGS, escalation.FILE, *(f"frozen/{path}" for path in wanted), *_kept(branch)}
    if more := sorted(files.keys() - allowed):
        raise _bad(f"it holds {more[0]!r}, which belongs to no run")


def _refuse_other_commits(repo: Repo, parent: str, state: State, events: list[LoggedEvent]) -> None:
    plan = state.plan
    assert plan is not None
    if head(events) != parent:
        raise _bad(f"{RUN} leaves {plan.branch} at {head(events)[:12]}, and it is parked on {parent[:12]}")
    if not repo.is_ancestor(plan.base, parent):
        raise _bad(f"{plan.branch} does not go back to {plan.base[:12]}, where the run began")
    made: list[tuple[str, str, str | None]] = [
        (event.commit, f"{event.step}#{event.attempt}", f"{event.log_seq}:{event.log_head}")
        for event in state.finished
        if isinstance(event, StepFinished) and not (plan.squash and state.consolidated)
    ]
    if state.consolidated is not None:
        made.append((state.consolidated, "consolidation#1", None))
    for oid, step, noted in made:
        said = repo.trailers(oid) if repo.is_ancestor(oid, parent) else {}
        log = said.get(anchors.TRAILER)
        ours = (said.get("Correctless-Run"), said.get("Correctless-Step")) == (state.run, step)
        if not ours or log != (noted or log):
            by = step.partition("#")[0]
            raise _bad(f"{plan.branch} has no commit {oid[:12]} that was made by {by} of this run")


def _kept(branch: Branch) -> Iterator[str]:
    """The files that decisions point to for what could not be read."""
    for recorded in branch.decisions:
        kept = recorded.decision.extra.get("kept")
        if isinstance(kept, str) and _KEPT.match(kept) and ".." not in kept:
            yield kept


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
        # Commit and tree of what an attempt left, joined by a colon, look like a token where the first ends in eight digits.
        parts = value.split(":")
        yield from (f"{name}: {part}" for part in (parts if all(map(OID.match, parts)) else [value]))


def read(path: str) -> bytes:
    """Return one file of ours.

    Raises: `Stop(3)` when it cannot be read.
    """
    try:
        return below.read(path)
    except OSError as error:
        raise Stop(
            exits.REFUSED, f"{path} can't be read: {error.strerror}. fix the cause, then try again"
        ) from None


def _named(message: str, logs: Logs) -> str:
    for name, path in places(logs).items():
        message = message.replace(path, name)
    return message.partition(". look at it with")[0]


def _bad(why: str) -> Stop:
    return Stop(exits.REFUSED, why)
