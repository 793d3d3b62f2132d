"""Stopping a run from outside: its processes, and with `abandon` the run itself."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress

from correctless.agents import Activity
from correctless.base import exits
from correctless.base.exits import Stop
from correctless.base.process import descendants
from correctless.base.text import one_line
from correctless.dispatch.control.rerun import save_head
from correctless.dispatch.core.context import RunContext
from correctless.dispatch.loop import Log, Tell
from correctless.dispatch.step import untrusted, work
from correctless.project import lock
from correctless.project.git import Repo
from correctless.runlog import branch as record
from correctless.runlog.events import Abandoned, AttemptFailed, Event, Rewound, StepFinished
from correctless.runlog.fold import after, checked_state
from correctless.runlog.state import UNDER_WAY, State

_PATIENCE_SECONDS = 30.0  # a dispatcher ends its agent's group first, which may take its grace


def end_processes(repo: Repo, state: State, number: signal.Signals = signal.SIGTERM) -> str:
    """End the dispatcher, by this signal, and the last agent; return what was ended, "" for nothing."""
    ended = [_end_holder(repo, number)] if lock.is_locked(repo) else []
    orphans = descendants.marked(state.mark) if state.mark else frozenset()
    for pid in orphans:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    if orphans:
        ended.append(f"processes the agent had left running: {', '.join(map(str, sorted(orphans)))}")
    return ", ".join(ended)


def _end_holder(repo: Repo, number: signal.Signals) -> str:
    by = lock.holder(repo)
    if by is None:
        raise Stop(exits.LOCKED, f"an unknown process has locked {lock.path(repo)}. end it by hand")
    ended = []
    if _holds(by.pid, lock.path(repo)):
        with suppress(ProcessLookupError, PermissionError):
            os.kill(by.pid, number)
            ended.append(f"process {by.pid} ({by.what})")
        _wait(repo)
    if by.group is not None and lock.is_locked(repo) and descendants.group_alive(by.group):
        # Its dispatcher has ended: the agent is an orphan that still has the lock.
        with suppress(ProcessLookupError):
            os.killpg(by.group, signal.SIGTERM)
        _wait(repo, seconds=5.0)
        with suppress(ProcessLookupError):
            os.killpg(by.group, signal.SIGKILL)
        ended.append(f"the agent's process group {by.group}")
        _wait(repo, seconds=5.0)
    if lock.is_locked(repo):
        raise Stop(
            exits.LOCKED,
            f"{lock.path(repo)} is still locked after {', '.join(ended) or 'nothing could be ended'}. end its holder by hand",
        )
    return ", ".join(ended)


def abandon(ctx: RunContext, tell: Tell, *, by: str) -> State:
    """End an unfinished run for good.

    What its finished steps committed stays; an attempt under way is reverted, and its changes are saved as a patch.
    """
    state = checked_state(ctx.logs.run, record.load(ctx.logs).events)
    if not state.unfinished:
        raise Stop(exits.REFUSED, f"run {state.run} is not unfinished: there is nothing to abandon")
    try:
        untrusted.recover(ctx, state)
    except Stop as stop:  # a warning: the run is abandoned all the same
        ctx.activity(Activity("warning", one_line(stop.message, 1000)))
    log = Log(ctx, tell)
    under_way = _under_way(ctx, state)
    if under_way is not None:
        state = after(state, log.write(state, under_way))
    return after(state, log.write(state, Abandoned(by)))


def _under_way(ctx: RunContext, state: State) -> Event | None:
    """Return the event that ends the current step: no work may stay on the branch whose decisions you are not asked about."""
    if state.phase == "rewinding":
        if ctx.repo.dirty_files():
            raise Stop(
                exits.REFUSED,
                f"{ctx.repo.top} has changes, and a step that was to run again must be reverted. commit or stash them",
            )
        # The re-run's request has saved the head under a ref.
        ctx.repo.reset_to(state.step_base)
        return Rewound(state.step_base)
    if state.step is None or state.phase not in UNDER_WAY:
        return None
    marks = work.trailers(ctx, state, f"{state.step.name}#{state.attempt}")
    if state.phase == "checked" and work.has_trailers(ctx, marks):
        head = ctx.decisions.head()  # it was committed, and only its event is missing
        return StepFinished(state.step.name, state.attempt, ctx.repo.head(), head.seq, head.sha256)
    try:
        if ctx.repo.head() != state.step_base:  # the agent's commits, or yours since it died
            ref = save_head(ctx, state.run)
            ctx.activity(
                Activity("warning", f"the commits since {state.step_base[:12]} are kept under {ref}")
            )
        failed = work.discard(ctx, state, counted=False, reason="abandoned")
        if failed.patch is not None:
            path = os.path.join(ctx.logs.artifacts, failed.patch)
            ctx.activity(Activity("warning", one_line(f"its unfinished changes are saved: {path}", 1000)))
    except Stop as stop:
        left = f"{ctx.repo.top} still has the changes of an unfinished attempt: {stop.message}"
        ctx.activity(Activity("warning", one_line(left, 1000)))
        return AttemptFailed(state.step.name, state.attempt, "abandoned", False, None)
    return failed


def _holds(pid: int, path: str) -> bool:
    # The id in the file may be another process's by now: only one that has this file open is signalled.
    folder = f"/proc/{pid}/fd"
    if not os.path.isdir("/proc/self"):
        return descendants.alive(pid)
    with suppress(OSError):
        return any(_link(os.path.join(folder, name)) == path for name in os.listdir(folder))
    return False


def _link(path: str) -> str:
    with suppress(OSError):
        return os.readlink(path)
    return ""


def _wait(repo: Repo, *, seconds: float = _PATIENCE_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while lock.is_locked(repo) and time.monotonic() < deadline:
        time.sleep(0.05)
