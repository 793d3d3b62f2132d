"""A run that continues on another machine: parked on a remote, taken from it, parked again.

Parking is the last act of a run that stops: when it fails there is a warning, and the run can be resumed here as ever. A run
from a remote is checked completely before it is taken or anything is written.
"""

from __future__ import annotations

import os
import shlex
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from correctless.agents import Activity
from correctless.base import exits
from correctless.base.exits import Stop
from correctless.base.files import replace_file
from correctless.base.text import one_line
from correctless.dispatch.core import frozen_files
from correctless.dispatch.core.context import RunContext, plan_of
from correctless.dispatch.core.frozen_files import FrozenPlan
from correctless.dispatch.finish import secret_scan
from correctless.dispatch.parking import parcel, remote_ref
from correctless.dispatch.parking.parcel import Parcel
from correctless.dispatch.parking.remote_ref import Parked, ParkHolder, RefMoved
from correctless.ledger.heads import noting
from correctless.project import config, paths
from correctless.project.git import Repo
from correctless.project.paths import Logs, ensure_artifacts
from correctless.publish import leaks, lfs
from correctless.publish.branch import refuse_protected
from correctless.review import standing
from correctless.runlog.plan import Plan
from correctless.runlog.state import State

Token = Callable[[int], str]  # bytes -> hex digits


@dataclass(frozen=True, slots=True)
class FetchedRun:
    """A run on a remote, fetched and checked."""

    remote: str
    parked: Parked
    parcel: Parcel


def park_or_release(ctx: RunContext, state: State) -> str | None:
    """Park a stopped run, or release one that ended; return its remote. Errors are only warnings."""
    plan = state.plan
    if plan is None or plan.park is None:
        return None
    failed = "the run is not parked" if state.unfinished else f"the run is still parked on '{plan.park}'"
    try:
        if not state.unfinished:
            if state.phase == "complete" and plan.pr == ("skip",):
                _keep(ctx, state, plan.park)
            release(ctx.repo, plan.park, state.run)
        elif state.stopped is not None and state.stopped.code in parcel.CODES:
            _park(ctx, state, plan.park)
            typed = standing.next_command(state, plan.park)
            text = f"run {state.run} is parked on '{plan.park}'. continue in any clone with: {typed}"
            ctx.activity(Activity("waiting", one_line(text, 1000)))
            return plan.park
    except (Stop, OSError, ValueError) as error:
        ctx.unparked = one_line(error.message if isinstance(error, Stop) else str(error), 1000)
        ctx.activity(Activity("warning", one_line(f"{failed}: {ctx.unparked}", 1000)))
    except KeyboardInterrupt:  # the run has stopped before: only the push is cut short
        ctx.unparked = "interrupted"
        ctx.activity(Activity("warning", f"{failed}: interrupted"))
    return None


def release(repo: Repo, remote: str, run: str) -> None:
    """Remove a run that ended from the remote, if it is still ours."""
    known = remote_ref.known(repo, run)
    if known is None:
        return
    with suppress(RefMoved):  # another machine took it over, and will remove it
        remote_ref.put(repo, remote, run, None, expected=known)
    remote_ref.note(repo, run, None)


@contextmanager
def fetched(repo: Repo, remote: str, run: str, env: Mapping[str, str]) -> Iterator[FetchedRun]:
    """Fetch a run from a remote and check it; its logs are in a temporary folder. Raises: `Stop(3)` when it is invalid."""
    remote_ref.ref(run)
    protected = _protected_here(repo, remote)
    parked = remote_ref.fetch(repo, remote, run)
    with tempfile.TemporaryDirectory(prefix="correctless-") as folder:
        try:
            files = remote_ref.files(repo, parked)
            checked = parcel.check(files, run=run, parent=parked.parent, repo=repo, env=env, folder=folder)
            refuse_protected(checked.plan.branch, protected)
        except Stop as stop:
            raise Stop(
                exits.REFUSED,
                f"the parked run {run} on '{remote}' is invalid: {stop.message}. nothing was written here",
            ) from None
        yield FetchedRun(remote, parked, checked)


def will_run(plan: Plan) -> Iterator[str]:
    """Yield what a run starts on this machine and gives to agents, a line each."""
    yield from dict.fromkeys(f"agent {step.agent}" for step in plan.steps)
    yield from dict.fromkeys(f"check {shlex.join(step.check)}" for step in plan.steps if step.check)
    if len(plan.pr) > 1 or plan.pr[0] not in ("gh", "skip"):
        yield f"pull request {shlex.join(plan.pr)}"
    if plan.notify is not None:
        yield f"notify {shlex.join(plan.notify)}"
    if plan.agent_env:
        yield f"agents get {', '.join(plan.agent_env)} of your environment"
    if plan.publish_credentials:
        yield "agents may push and use your GitHub login"
    if plan.mcp_sha256 is not None:
        yield "MCP servers of the run's frozen mcp.json"


def refuse_other_holder(source: FetchedRun) -> None:
    """Refuse a run that another machine has. Raises: `Stop(75)`."""
    if source.parked.holder is not None:
        raise _holder_error(source.remote, source.parcel.run, source.parked.holder)


def bring(repo: Repo, source: FetchedRun, me: ParkHolder, env: Mapping[str, str], token: Token) -> Logs:
    """Take the run, bring its branch and logs here, and return the logs; the caller holds the run's lock.

    Raises: `Stop(3)` before any change when local work would be lost, `Stop(75)` when another machine was faster.
    """
    run, plan, parked = source.parcel.run, source.parcel.plan, source.parked
    logs = paths.logs(repo, plan.branch)
    _refuse_other_branch(repo, plan.branch, parked.parent)
    _refuse_other_logs(logs, source)
    anchors = parcel.local_anchors(logs, source.parcel.files[parcel.DECISIONS], env)
    with tempfile.TemporaryDirectory(prefix="correctless-") as folder:
        # Again, with this machine's anchors of the log.
        files = source.parcel.files
        parcel.check(
            files, run=run, parent=parked.parent, repo=repo, env=env, folder=folder, anchored=anchors
        )
    commit = _take(repo, source.remote, run, parked, me, token)
    _move_branch(repo, plan.branch, parked.parent)
    _store(logs, source.parcel, env)
    remote_ref.note(repo, run, commit)
    return logs


def take_again(repo: Repo, state: State, me: ParkHolder, token: Token, warn: Callable[[str], None]) -> None:
    """Take a run that was parked from here; do nothing for any other. An unreachable remote is a warning.

    Raises: `Stop(75)` when another machine has it, `Stop(3)` when it has continued there.
    """
    plan = plan_of(state)
    known = remote_ref.known(repo, state.run)
    if known is None or plan.park is None:
        return
    parked = remote_ref.look(repo, state.run, known)
    try:
        commit = _take(repo, plan.park, state.run, parked, me, token)
    except Stop as stop:
        if stop.code == exits.LOCKED or isinstance(stop, _Gone):
            raise
        warn(f"another machine may have taken the run meanwhile: {stop.message}")
    else:
        remote_ref.note(repo, state.run, commit)


def park_again(repo: Repo, source: FetchedRun, env: Mapping[str, str], token: Token) -> None:
    """Add your answers to a parked run's logs on the remote. Raises: `Stop(75)` when it is no longer there."""
    run, parked = source.parcel.run, source.parked
    files = {**source.parcel.files, **parcel.logs_of(source.parcel.logs)}
    if files == source.parcel.files:
        return
    with tempfile.TemporaryDirectory(prefix="correctless-") as folder:
        parcel.check(files, run=run, parent=parked.parent, repo=repo, env=env, folder=folder)
    known = leaks.known_secrets(repo, source.parcel.plan.base)
    leaks.refuse(leaks.secrets("", parcel.texts({name: files[name] for name in parcel.LOGS}), known=known))
    new = remote_ref.commit(repo, run, parent=parked.parent, tree=repo.tree_of(files), token=token(8))
    try:
        remote_ref.put(repo, source.remote, run, new, expected=parked.commit)
    except RefMoved as moved:
        raise _moved(repo, source.remote, run, moved, "your answer was not kept") from None


def _park(ctx: RunContext, state: State, remote: str) -> None:
    repo, plan, run = ctx.repo, plan_of(state), state.run
    if not parcel.can_be_parked(state):
        raise Stop(
            exits.REFUSED, "it stopped in the middle of an attempt, whose files are only in this worktree"
        )
    if repo.branch() != plan.branch:
        raise Stop(exits.REFUSED, f"{repo.top} is not on {plan.branch}")
    # The files of a cut-off agent stay here, with its session: on another machine its step begins again.
    head = state.step_base if state.phase == "suspended" else repo.head()
    files = parcel.pack(ctx.logs, state)
    with tempfile.TemporaryDirectory(prefix="correctless-") as folder:
        parcel.check(files, run=run, parent=head, repo=repo, env=ctx.env, folder=folder)
    new = _scanned(ctx, state, head, files)
    try:
        remote_ref.put(repo, remote, run, new, expected=remote_ref.known(repo, run))
    except RefMoved as moved:
        raise _moved(repo, remote, run, moved, "it has continued elsewhere") from None
    remote_ref.note(repo, run, new)


def _keep(ctx: RunContext, state: State, remote: str) -> None:
    """Put the end of a parked run that published nothing on the remote: its commits may be on this machine only."""
    repo, plan = ctx.repo, plan_of(state)
    if remote_ref.known(repo, state.run) is None:
        return
    remote_ref.keep(repo, remote, state.run, _scanned(ctx, state, repo.head(), parcel.pack(ctx.logs, state)))
    fetch = f"git fetch {shlex.quote(remote)} {remote_ref.ended(state.run)} && git branch {shlex.quote(plan.branch)} FETCH_HEAD^"
    text = f"run {state.run} published nothing (pr: skip): its commits are on '{remote}'. fetch them in any clone with: {fetch}"
    ctx.activity(Activity("waiting", one_line(text, 1000)))


def _scanned(ctx: RunContext, state: State, head: str, files: Mapping[str, bytes]) -> str:
    """Make the commit to put on a remote for a run. Raises: `Stop` for a secret in it, or files that can't be uploaded."""
    repo, plan, run = ctx.repo, plan_of(state), state.run
    base = secret_scan.base_of(ctx, plan)
    if large := leaks.too_large(repo, base):
        raise Stop(
            exits.REFUSED, f"{large[0]} is too long to be scanned for secrets, so the branch is not pushed"
        )
    leaks.refuse(secret_scan.findings(ctx, base, parcel.texts(files)))
    if plan.park is not None:
        lfs.upload(repo, plan.park, plan.base)
    return remote_ref.commit(repo, run, parent=head, tree=repo.tree_of(files), token=ctx.token(8))


def _take(repo: Repo, remote: str, run: str, parked: Parked, me: ParkHolder, token: Token) -> str:
    commit = remote_ref.commit(repo, run, parent=parked.parent, tree=parked.tree, token=token(8), holder=me)
    try:
        remote_ref.put(repo, remote, run, commit, expected=parked.commit)
    except RefMoved as moved:
        raise _moved(repo, remote, run, moved, "nothing was changed here") from None
    return commit


class _Gone(Stop):
    """The run is no longer where it was parked."""


def _moved(repo: Repo, remote: str, run: str, moved: RefMoved, outcome: str) -> Stop:
    """Return the error that says who has the run, or that it is gone."""
    if moved.now is None:
        way = f"to continue here all the same: git update-ref -d {remote_ref.ref(run)}"
        return _Gone(
            exits.REFUSED,
            f"run {run} is no longer on '{remote}': it was completed elsewhere, or removed. {outcome}. {way}",
        )
    with suppress(Stop):
        parked = remote_ref.fetch(repo, remote, run)
        if parked.holder is not None:
            return _holder_error(remote, run, parked.holder)
    return _Gone(
        exits.REFUSED,
        f"run {run} is newer on '{remote}' than here: it was answered or resumed elsewhere. {outcome}. "
        f"continue with: {standing.command('cauto resume', remote, run)}",
    )


def _holder_error(remote: str, run: str, holder: ParkHolder) -> Stop:
    return Stop(
        exits.LOCKED,
        f"run {run} was taken by {holder}. wait until it is parked again; if that machine is dead, take it over with: "
        f"{standing.command('cauto resume', remote, run)} --take-over",
    )


def _protected_here(repo: Repo, remote: str) -> tuple[str, ...]:
    """Return the branches that this clone protects, beside those of the parked plan."""
    data = repo.file_at("HEAD", config.PATH)
    protected = config.load(config.parse(data)).protected if data is not None else ()
    default = repo.default_branch(remote)
    return (*protected, *((default,) if default else ()))


def _refuse_other_branch(repo: Repo, branch: str, head: str) -> None:
    if dirty := repo.dirty_files():
        raise Stop(exits.REFUSED, f"{repo.top} has uncommitted changes ({dirty[0]}). commit or stash them")
    place = repo.worktrees().get(branch)
    if place is not None and os.path.realpath(place) != repo.top:
        raise Stop(exits.REFUSED, f"{branch} is checked out in {place}. change into that folder")
    tip = repo.commit(f"refs/heads/{branch}")
    if tip and not repo.is_ancestor(tip, head):
        raise Stop(
            exits.REFUSED,
            f"{branch} has commits here that the parked run lacks ({tip[:12]}). "
            f"give them another name first: git branch -m {shlex.quote(branch)} NAME",
        )


def _refuse_other_logs(logs: Logs, source: FetchedRun) -> None:
    for name, path in parcel.places(logs).items():
        local = parcel.read(path) if os.path.lexists(path) else b""
        data = source.parcel.files[name]
        if data.startswith(local):
            continue
        if local.startswith(data):
            why = "has entries that the parked run lacks. continue here: correctless cauto resume"
        else:
            why = "is the log of other runs than the parked one's. continue in another clone, or move it away"
        raise Stop(exits.REFUSED, f"{path} {why}")


def _move_branch(repo: Repo, branch: str, head: str) -> None:
    if repo.branch() != branch:
        exists = repo.commit(f"refs/heads/{branch}") is not None
        create = () if exists else ("--no-track", "-c")
        start = () if exists else (head,)
        repo.git("switch", "--quiet", "--no-recurse-submodules", *create, branch, *start)
    if repo.head() != head:
        repo.reset_to(head)


def _store(logs: Logs, brought: Parcel, env: Mapping[str, str]) -> None:
    """Write the files of a run, the run log last: after a crash before it the run is unknown here, or the older one."""
    ensure_artifacts(logs)
    folder = logs.folder(brought.run)
    os.makedirs(folder, mode=0o700, exist_ok=True)
    missing = {
        path: brought.files[f"frozen/{path}"]
        for path, sha in parcel.frozen(brought.plan).items()
        if not _is_frozen(logs, brought.run, path, sha)
    }
    for path in missing:  # one that differs from the plan is read-only, and written again
        with suppress(FileNotFoundError):
            os.unlink(os.path.join(folder, "frozen", path))
    frozen_files.store(logs, brought.run, FrozenPlan(brought.plan, missing))
    for path, data in brought.files.items():
        full = os.path.join(logs.artifacts, path)
        if path.startswith("runs/") and not os.path.lexists(full):
            os.makedirs(os.path.dirname(full), mode=0o700, exist_ok=True)
            replace_file(full, data, mode=0o600)
    places = parcel.places(logs)
    for name in (parcel.CONFIRMATIONS, parcel.DECISIONS, parcel.RUN):
        noting(places[name], logs.root, env).forward(brought.files[name])


def _is_frozen(logs: Logs, run: str, path: str, sha: str) -> bool:
    with suppress(Stop):
        frozen_files.read(logs, run, path, sha)
        return True
    return False
