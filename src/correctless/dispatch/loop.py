"""The loop of a run: its effects, performed and logged one after the other."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import replace
from typing import Any

from correctless.base import exits
from correctless.base.clock import timestamp
from correctless.base.exits import Stop
from correctless.base.files import replace_file
from correctless.dispatch.core import policy_changes
from correctless.dispatch.core.context import RunContext
from correctless.dispatch.core.engine import TakeAnswers, Wait, decide, step
from correctless.dispatch.host import keep_awake
from correctless.dispatch.parking import handover
from correctless.dispatch.perform import perform
from correctless.dispatch.step import untrusted
from correctless.dispatch.step.attempt import Runner
from correctless.dispatch.tell import escalation, notify
from correctless.ledger.heads import noting
from correctless.runlog import branch as record
from correctless.runlog.events import AgentEnded, Event, LoggedEvent, Resumed, RunStopped, fields_of
from correctless.runlog.fold import after, checked_state
from correctless.runlog.manifest import manifest
from correctless.runlog.state import State

Tell = Callable[[State, LoggedEvent], None]


class Log:
    """The run log of the loop: append, fold, show, write the manifest."""

    def __init__(self, ctx: RunContext, tell: Tell) -> None:
        self.ctx = ctx
        self.tell = tell
        self.ledger = noting(ctx.logs.run, ctx.logs.root, ctx.env, alone=True)
        self.last: State | None = None  # after the newest recorded event
        self.manifest: dict[str, Any] | None = None  # as it was written last

    def write(self, state: State, event: Event, *, run: str | None = None) -> LoggedEvent:
        """Append one event; it is durable when this returns."""
        logged = LoggedEvent(run or state.run, timestamp(self.ctx.now()), event)
        following = after(state, logged)  # first: an event that the fold refuses is never written
        self.ledger.append(fields_of(logged.run, logged.timestamp, event))
        self.last = following
        if (view := manifest(following)) != self.manifest:
            # Not durable: after a power cut the next run of the loop writes it again.
            data = json.dumps(view, indent=2).encode() + b"\n"
            replace_file(self.ctx.logs.manifest, data, durable=False)
            self.manifest = view
        self.tell(following, logged)
        return logged

    def stop(self, state: State, event: RunStopped, ended: AgentEnded | None = None) -> None:
        """Record a stop at the end of the log, unless the run has ended; `ended` is the end of an agent that it cut off."""
        # A caller that was interrupted right after an append has the state before it.
        state = self.last or state
        if state.unfinished:
            # If the log itself failed, only the exit code reports it.
            with suppress(Stop):
                if ended is not None:
                    state = after(state, self.write(state, ended))
                self.write(state, event)


def drive(
    ctx: RunContext,
    tell: Tell,
    *,
    usd: float | None = None,
    minutes: float | None = None,
    park: str | None = None,
    notify_s: float = notify.SECONDS,
) -> State:
    """Perform the effects of a run until it has ended or you must act. Safe to call after any crash.

    `usd` and `minutes` are new limits of the run; `park` is the remote it was brought from.
    `KeyboardInterrupt` (SIGINT, SIGTERM) ends the agent, logs a clean stop and is raised again.
    """
    state = checked_state(ctx.logs.run, record.load(ctx.logs).events)
    log = Log(ctx, tell)
    runner = Runner(ctx)
    machine = ExitStack()
    try:
        if state.plan is not None and state.unfinished:
            if park is None:
                untrusted.use_settings(ctx, state)
            untrusted.recover(ctx, state)
            machine.enter_context(keep_awake.inhibit_sleep(ctx.repo, ctx.env, wanted=state.plan.keep_awake))
        if state.unfinished:
            # Now both logs are this dispatcher's alone: it remembers where they end.
            ctx.decisions.create()
            log.ledger.create()
        began = (
            state.stopped is not None
            or state.phase != "ready"
            or state.attempts
            or (usd or minutes or park) is not None
        )
        if state.unfinished and began:
            # For a run that was brought here this machine's settings count, not those of the machine it began on.
            settings = policy_changes.git_settings(ctx.repo) if park is not None else None
            frozen = untrusted.freeze_settings(ctx, state.run) if park is not None else None
            resumed = Resumed(state.stopped is None, usd, minutes, park, settings, frozen)
            state = after(state, log.write(state, resumed))
            escalation.clear(ctx, state)
        if state.plan is not None and state.unfinished:
            notify.forewarn(ctx, state.plan)
        effect = decide(state)
        while effect is not None:
            if isinstance(effect, Wait):
                notify.about_wait(ctx, state, effect, notify_s)
            if isinstance(effect, TakeAnswers) and ctx.ask is not None:
                notify.about_question(ctx, state, notify_s)
            event = perform(ctx, runner, state, effect)
            if isinstance(event, RunStopped):
                escalation.write(ctx, state, event)
            state, effects = step(state, log.write(state, event))
            effect = effects[0] if effects else None
    except Stop as stop:
        ended = runner.cut_off(log.last or state, resumable=False)
        stopped = RunStopped(stop.code, state.step.name if state.step else None, stop.message)
        escalation.write(ctx, state, stopped)
        log.stop(state, stopped, ended)
        ctx.parked = handover.park_or_release(ctx, log.last or state)
        notify.about(ctx, replace(state, stopped=stopped), notify_s, parked=ctx.parked)
        raise
    except KeyboardInterrupt:
        ended = runner.cut_off(log.last or state, resumable=True)
        reason = "interrupted. continue with: correctless cauto resume"
        log.stop(state, RunStopped(exits.INTERRUPTED, state.step.name if state.step else None, reason), ended)
        raise
    except Exception as error:
        # A full disk, or an error of ours: not recorded, so it is resumed as after a crash, but you are notified.
        runner.end()
        why = f"unexpected {type(error).__name__}: {error}"
        stopped = RunStopped(exits.REFUSED, state.step.name if state.step else None, why)
        notify.about(ctx, replace(state, stopped=stopped), notify_s)
        raise
    finally:
        runner.end()
        machine.close()
    ctx.parked = handover.park_or_release(ctx, state)
    notify.about(ctx, state, notify_s, parked=ctx.parked)
    return state
