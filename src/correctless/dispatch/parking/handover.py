"""A run that continues elsewhere: parked, taken by one machine, brought here.

Parking is the last thing of a run that stops and changes nothing about it: why it could not be done is said, and the run is
resumed here as ever. What is brought here is checked whole before anything is taken or written.
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
from correctless.dispatch.parking import parcel, remote_ref
from correctless.dispatch.parking.parcel import Parcel
from correctless.dispatch.parking.remote_ref import Parked, ParkHolder, RefMoved, command
from correctless.dispatch.tell.notify import next_command
from correctless.ledger.heads import noting
from correctless.project import config, paths
from correctless.project.git import Repo
from correctless.project.paths import Logs, ensure_artifacts
from correctless.publish import leaks
from correctless.publish.branch import refuse_protected
from correctless.runlog.plan import Plan
from correctless.runlog.state import State
from correctless.syntax.finding import Finding

Token = Callable[[int], str]  # bytes -> hex digits


@dataclass(frozen=True, slots=True)
class Found:
    """A run on a remote, fetched and checked."""

    remote: str
    parked: Parked
    parcel: Parcel


def settle(ctx: RunContext, state: State) -> str | None:
    """Park a stopped run, or release one that ended; return its remote.

    What goes wrong is a warning: a run is what its log says, parked or not.
    """
    plan = state.plan
    if plan is None or plan.park is None:
        return None
    failed = "the run is not parked" if state.unfinished else f"the run is still parked on '{plan.park}'"
    try:
        if not state.unfinished:
            if state.phase == "complete" and plan.pr == ("skip",):
                _keep(ctx, state, plan.park)
            let_go(ctx.repo, plan.park, state.run)
        elif state.stopped is not None and state.stopped.code in parcel.CODES:
            _park(ctx, state, plan.park)
            typed = next_command(state, state.stopped.code, plan.park)
            said = f"run {state.run} is parked on '{plan.park}'. go on in any clone with: {typed}"
            ctx.activity(Activity("waiting", one_line(said, 1000)))
            return plan.park
    except (Stop, OSError, ValueError) as error:
        why = error.message if isinstance(error, Stop) else str(error)
        ctx.activity(Activity("warning", one_line(f"{failed}: {why}", 1000)))
    except KeyboardInterrupt:  # the run has stopped before: only the push is cut short
        ctx.activity(Activity("warning", f"{failed}: interrupted"))
    return None


def let_go(here: Repo, remote: str, run: str) -> None:
    """Remove a run that ended from the remote, if it is still ours."""
    there = remote_ref.known(here, run)
    if there is None:
        return
    with suppress(RefMoved):  # somebody took it over: it is theirs to take away
        remote_ref.put(here, remote, run, None, expected=there)
    remote_ref.note(here, run, None)


@contextmanager
def found(here: Repo, remote: str, run: str, env: Mapping[str, str]) -> Iterator[Found]:
    """Fetch a run from a remote and check it; its logs are in a scratch folder.

    Raises: `Stop(3)` when it is invalid.
    """
    remote_ref.ref(run)
    parked = remote_ref.fetch(here, remote, run)
    with tempfile.TemporaryDirectory(prefix="correctless-") as folder:
        try:
            files = remote_ref.files(here, parked)
            checked = parcel.check(files, run=run, parent=parked.parent, repo=here, env=env, folder=folder)
            _refuse_protected(here, remote, checked.plan)
        except Stop as stop:
            raise Stop(
                exits.REFUSED,
                f"run {run} on '{remote}' is not as correctless parks a run: {stop.message}. nothing was written here",
            ) from None
        yield Found(remote, parked, checked)


def will_run(plan: Plan) -> Iterator[str]:
    """Yield what a run starts and hands out on this machine, a line each."""
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


def refuse_taken(there: Found) -> None:
    """Refuse a run that another machine has.

    Raises: `Stop(75)`.
    """
    if there.parked.holder is not None:
        raise _taken(there.remote, there.parcel.run, there.parked.holder)


def bring(here: Repo, there: Found, me: ParkHolder, env: Mapping[str, str], token: Token) -> Logs:
    """Take the run, bring its branch and logs here, and return the logs.

    The caller holds the run's lock.

    `Stop(3)`, and nothing changed, when something here would be lost; `Stop(75)` when another machine was faster.
    """
    run, plan, parked = there.parcel.run, there.parcel.plan, there.parked
    logs = paths.logs(here, plan.branch)
    _refuse_other_branch(here, plan.branch, parked.parent)
    _refuse_other_logs(logs, there)
    report = parcel.noted_here(logs, there.parcel.files[parcel.DECISIONS], env)
    with tempfile.TemporaryDirectory(prefix="correctless-") as folder:
        # Once more, with what this machine noted of the log itself.
        parcel.check(
            there.parcel.files, run=run, parent=parked.parent, repo=here, env=env, folder=folder, here=report
        )
    taken = _take(here, there.remote, run, parked, me, token)
    _move_branch(here, plan.branch, parked.parent)
    _store(logs, there.parcel, env)
    remote_ref.note(here, run, taken)
    return logs


def take_again(here: Repo, state: State, me: ParkHolder, token: Token, warn: Callable[[str], None]) -> None:
    """Take a run that was parked from here; do nothing for any other.

    `Stop(75)` when another machine has it, `Stop(3)` when it went on there. A remote that can't be asked is a warning.
    """
    plan = plan_of(state)
    known = remote_ref.known(here, state.run)
    if known is None or plan.park is None:
        return
    parked = remote_ref.look(here, state.run, known)
    try:
        taken = _take(here, plan.park, state.run, parked, me, token)
    except Stop as stop:
        if stop.code == exits.LOCKED or isinstance(stop, _Gone):
            raise
        warn(f"another machine may have taken the run meanwhile: {stop.message}")
    else:
        remote_ref.note(here, state.run, taken)


def park_again(here: Repo, there: Found, env: Mapping[str, str], token: Token) -> None:
    """Add your answers to a parked run's logs on the remote.

    Raises: `Stop(75)` when it is no longer there.
    """
    run, parked = there.parcel.run, there.parked
    files = {**there.parcel.files, **parcel.logs_of(there.parcel.logs)}
    if files == there.parcel.files:
        return
    with tempfile.TemporaryDirectory(prefix="correctless-") as folder:
        parcel.check(files, run=run, parent=parked.parent, repo=here, env=env, folder=folder)
    known = leaks.known_secrets(here, there.parcel.plan.base)
    _refuse(leaks.secrets("", parcel.texts({name: files[name] for name in parcel.LOGS}), known=known))
    new = remote_ref.commit(here, run, parent=parked.parent, tree=here.tree_of(files), token=token(8))
    try:
        remote_ref.put(here, there.remote, run, new, expected=parked.commit)
    except RefMoved as moved:
        raise _moved(here, there.remote, run, moved, "your answer was not kept") from None


def _park(ctx: RunContext, state: State, remote: str) -> None:
    here, plan, run = ctx.repo, plan_of(state), state.run
    if not parcel.can_be_parked(state):
        raise Stop(exits.REFUSED, "it stopped in the middle of an attempt, and what that left is here alone")
    if here.branch() != plan.branch:
        raise Stop(exits.REFUSED, f"{here.top} is not on {plan.branch}")
    # What an agent that was cut off left stays here, with its session: elsewhere its step begins anew.
    head = state.step_base if state.phase == "suspended" else here.head()
    files = parcel.pack(ctx.logs, state)
    with tempfile.TemporaryDirectory(prefix="correctless-") as folder:
        parcel.check(files, run=run, parent=head, repo=here, env=ctx.env, folder=folder)
    new = _scanned(ctx, state, head, files)
    try:
        remote_ref.put(here, remote, run, new, expected=remote_ref.known(here, run))
    except RefMoved as moved:
        raise _moved(here, remote, run, moved, "it went on elsewhere") from None
    remote_ref.note(here, run, new)


def _keep(ctx: RunContext, state: State, remote: str) -> None:
    """Put a parked run that published nothing on the remote as it ended: its commits may be nowhere but on this machine."""
    here, plan = ctx.repo, plan_of(state)
    if remote_ref.known(here, state.run) is None:
        return
    remote_ref.keep(here, remote, state.run, _scanned(ctx, state, here.head(), parcel.pack(ctx.logs, state)))
    there = f"git fetch {shlex.quote(remote)} {remote_ref.ended(state.run)} && git branch {shlex.quote(plan.branch)} FETCH_HEAD^"
    said = f"run {state.run} published nothing (pr: skip): its commits are on '{remote}'. fetch them in any clone with: {there}"
    ctx.activity(Activity("waiting", one_line(said, 1000)))


def _scanned(ctx: RunContext, state: State, head: str, files: Mapping[str, bytes]) -> str:
    """The commit to put on a remote for a run; `Stop(10)` for a secret in what it would show."""
    here, plan, run = ctx.repo, plan_of(state), state.run
    if large := leaks.too_large(here, plan.base):
        raise Stop(
            exits.REFUSED, f"{large[0]} is too long to be scanned for secrets, so the branch is not pushed"
        )
    diff, messages = leaks.published(here, plan.base)
    found = leaks.secrets(
        diff, {**messages, **parcel.texts(files)}, known=leaks.known_secrets(here, plan.base)
    )
    _refuse(found)
    return remote_ref.commit(here, run, parent=head, tree=here.tree_of(files), token=ctx.token(8))


def _refuse(secrets: tuple[Finding, ...]) -> None:
    if secrets:
        first = secrets[0]
        more = f" (and {len(secrets) - 1} more)" if len(secrets) > 1 else ""
        raise Stop(exits.PERSON, f"{first.path}:{first.line}: {first.message}{more}")


def _take(here: Repo, remote: str, run: str, parked: Parked, me: ParkHolder, token: Token) -> str:
    taken = remote_ref.commit(here, run, parent=parked.parent, tree=parked.tree, token=token(8), holder=me)
    try:
        remote_ref.put(here, remote, run, taken, expected=parked.commit)
    except RefMoved as moved:
        raise _moved(here, remote, run, moved, "nothing was changed here") from None
    return taken


class _Gone(Stop):
    """The run is no longer where it was parked."""


def _moved(here: Repo, remote: str, run: str, moved: RefMoved, outcome: str) -> Stop:
    """Who has the run, or what became of it."""
    if moved.now is None:
        way = f"to go on here all the same: git update-ref -d {remote_ref.ref(run)}"
        return _Gone(
            exits.REFUSED,
            f"run {run} is no longer on '{remote}': it was completed elsewhere, or taken away. {outcome}. {way}",
        )
    with suppress(Stop):
        parked = remote_ref.fetch(here, remote, run)
        if parked.holder is not None:
            return _taken(remote, run, parked.holder)
    return _Gone(
        exits.REFUSED,
        f"run {run} went on from what is here: it was answered or resumed elsewhere. {outcome}. "
        f"go on with: {command('cauto resume', remote, run)}",
    )


def _taken(remote: str, run: str, holder: ParkHolder) -> Stop:
    return Stop(
        exits.LOCKED,
        f"run {run} was taken by {holder}. wait until it is parked again; if that machine is dead, take it over with: "
        f"{command('cauto resume', remote, run)} --take-over",
    )


def _refuse_protected(here: Repo, remote: str, plan: Plan) -> None:
    # What the parked plan says is protected is the remote's word; what this clone says counts as well.
    data = here.file_at("HEAD", config.PATH)
    protected = config.load(config.parse(data)).protected if data is not None else ()
    default = here.default_branch(remote)
    refuse_protected(plan.branch, (*protected, *((default,) if default else ())))


def _refuse_other_branch(here: Repo, branch: str, head: str) -> None:
    if dirty := here.dirty_files():
        raise Stop(exits.REFUSED, f"{here.top} has uncommitted changes ({dirty[0]}). commit or stash them")
    place = here.worktrees().get(branch)
    if place is not None and os.path.realpath(place) != here.top:
        raise Stop(exits.REFUSED, f"{branch} is checked out in {place}. change into that folder")
    there = here.commit(f"refs/heads/{branch}")
    if there and not here.is_ancestor(there, head):
        raise Stop(
            exits.REFUSED,
            f"{branch} has commits here that the parked run doesn't know ({there[:12]}). "
            f"keep them under another name first: git branch -m {shlex.quote(branch)} NAME",
        )


def _refuse_other_logs(logs: Logs, there: Found) -> None:
    for name, path in parcel.places(logs).items():
        here = parcel.read(path) if os.path.lexists(path) else b""
        data = there.parcel.files[name]
        if data.startswith(here):
            continue
        if here.startswith(data):
            why = "has entries behind what is parked. go on here: correctless cauto resume"
        else:
            why = "is the log of other runs than the parked one's. go on in another clone, or move it away"
        raise Stop(exits.REFUSED, f"{path} {why}")


def _move_branch(here: Repo, branch: str, head: str) -> None:
    if here.branch() != branch:
        exists = here.commit(f"refs/heads/{branch}") is not None
        made = () if exists else ("--no-track", "-c")
        here.git("switch", "--quiet", "--no-recurse-submodules", *made, branch, *(() if exists else (head,)))
    if here.head() != head:
        here.reset_to(head)


def _store(logs: Logs, brought: Parcel, env: Mapping[str, str]) -> None:
    """The logs last, the run log at the very end: what was cut short in the middle is no run here, or still the older one."""
    ensure_artifacts(logs)
    folder = logs.folder(brought.run)
    os.makedirs(folder, mode=0o700, exist_ok=True)
    missing = {
        path: brought.files[f"frozen/{path}"]
        for path, sha in parcel.frozen(brought.plan).items()
        if not _is_frozen(logs, brought.run, path, sha)
    }
    for path in missing:  # there and not what was planned: it is read-only, and written anew
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
