"""The request that a step runs again: the event that rewinds the run to it."""

from __future__ import annotations

from correctless.base import exits
from correctless.base.exits import Stop
from correctless.base.process import descendants
from correctless.dispatch.core.context import RunContext, plan_of
from correctless.dispatch.loop import Log, Tell
from correctless.dispatch.step import untrusted, work
from correctless.runlog import branch as record
from correctless.runlog.events import Rerun, StepStarted, Superseded
from correctless.runlog.fold import checked_state
from correctless.runlog.state import UNDER_WAY, State


def request(ctx: RunContext, tell: Tell, *, step: str, note: str, by: str, channel: str) -> State:
    """Record that `step` and all after it run again, as new attempts; the branch's head gets a ref of its own.

    The caller holds the lock and resumes. Raises: `Stop(3)` when the step did not finish, or the branch was pushed already.
    """
    events = record.load(ctx.logs).events
    state = checked_state(ctx.logs.run, events)
    if not state.unfinished or state.plan is None:
        raise Stop(
            exits.REFUSED,
            "no run of this branch is unfinished. start a new one: correctless cauto run --spec FILE",
        )
    if state.pushed:
        raise Stop(exits.REFUSED, f"run {state.run} pushed the branch already. start a new run on top of it")
    finished = {item.step: item for item in state.finished}
    if step not in finished:
        known = ", ".join(finished) or "none yet"
        raise Stop(exits.REFUSED, f"'{step}' did not finish in run {state.run}. name one of: {known}")
    if orphans := descendants.marked(state.mark):
        # What left its agent's group no longer has the lock, and would write into the step that runs again.
        raise Stop(
            exits.LOCKED,
            f"process {', '.join(map(str, sorted(orphans)))} of the last attempt still lives. "
            "wait for it, or end it with: correctless cauto stop",
        )
    untrusted.recover(ctx, state)
    log = Log(ctx, tell)
    if state.phase in UNDER_WAY and ctx.repo.dirty_files():
        # What an interrupted attempt left is saved as a patch, as for every other, and is not in the rewound branch.
        failed = work.discard(ctx, state, counted=False, reason=f"{by} had {step} run again")
        log.write(state, failed)
        events = record.load(ctx.logs).events
        state = checked_state(ctx.logs.run, events)
    names = [planned.name for planned in plan_of(state).steps]
    gone = names[names.index(step) :]
    started = [item.event for item in events if item.run == state.run and isinstance(item.event, StepStarted)]
    base = next(s.base for s in reversed(started) if s.step == step and s.attempt == finished[step].attempt)
    if ctx.repo.commit(base) is None:
        raise Stop(
            exits.REFUSED,
            f"the commit {step} began at ({base[:12]}) is not in this clone: the branch was squashed before it came here. "
            "have it run again where the run was parked from",
        )
    ref = save_head(ctx, state.run)
    event = Rerun(
        step=step,
        note=note,
        by=by,
        channel=channel,
        base=base,
        kept=ref,
        discarded=tuple(Superseded(s.step, s.attempt) for s in started if s.step in gone),
    )
    return checked_state(ctx.logs.run, (*events, log.write(state, event)))


def save_head(ctx: RunContext, run: str) -> str:
    """Give the branch's head a ref of its own, before it goes back; return the ref."""
    prefix = f"refs/correctless/kept/{run}/"
    refs = ctx.repo.git("for-each-ref", "--format=%(refname)", prefix).splitlines()
    ref = f"{prefix}{len(refs) + 1}"
    ctx.repo.git("update-ref", ref, "HEAD", "")
    return ref
