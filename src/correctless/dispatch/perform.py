"""Performing effects: each returns the event to be logged.

Each can be performed again after a crash at any point: appends have keys, commits have trailers, the pull request has the run's
section, and derived files are written again.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import assert_never

from correctless.agents import Activity
from correctless.base.clock import timestamp
from correctless.dispatch.core import engine
from correctless.dispatch.core.context import RunContext, plan_of, step_of
from correctless.dispatch.finish import ending, trial
from correctless.dispatch.finish.pull_request import publish
from correctless.dispatch.step import ask, work
from correctless.dispatch.step.attempt import Runner
from correctless.runlog.events import (
    ChecksAwaited,
    Completed,
    Event,
    PublishIntended,
    Resumed,
    Reverted,
    Rewound,
    RunStopped,
)
from correctless.runlog.state import State

_BACK_OFF = (1, 2, 5, 10, 20, 30)  # minutes, when a limit names no time; the last one from then on


def perform(ctx: RunContext, runner: Runner, state: State, effect: engine.Effect) -> Event:
    """Perform an effect and return its event. Raises: `Stop` when that is impossible."""
    match effect:
        case engine.StartAgent(attempt=attempt):
            return runner.start(state, attempt)
        case engine.ContinueAgent(part=part):
            return runner.resume(state, part)
        case engine.FinishAgent():
            return runner.finish(state)
        case engine.TakeDecisions():
            return work.take_decisions(ctx, state)
        case engine.Ask():
            return ask.ask(ctx, state)
        case engine.TakeAnswers():
            return ask.take_answers(ctx, state)
        case engine.CheckStep():
            return work.check_step(ctx, state)
        case engine.CommitStep():
            return work.commit_step(ctx, state)
        case engine.Discard(counted=counted):
            return work.discard(ctx, state, counted=counted, reason=state.reason)
        case engine.Revert():
            return Reverted(step_of(state).name, state.attempt, state.reason, work.revert(ctx, state))
        case engine.Rewind():
            ctx.repo.reset_to(state.step_base)
            return Rewound(state.step_base)
        case engine.Wait(until=until, reason=reason, tries=tries):
            return _wait(ctx, until, reason, tries)
        case engine.Consolidate():
            return ending.consolidate(ctx, state)
        case engine.AskGate():
            ending.defer_secrets(ctx, state)
            return ending.ask_gate(ctx, state)
        case engine.TryMerge():
            return trial.try_merge(ctx, state)
        case engine.IntendPublish():
            return PublishIntended(ctx.repo.head(), plan_of(state).pr[0])
        case engine.Publish():
            return publish(ctx, state)
        case engine.AwaitChecks():
            return ChecksAwaited(timestamp(ctx.now() + timedelta(minutes=plan_of(state).ci_wait_minutes)))
        case engine.WatchChecks():
            from correctless.dispatch.finish.checks import watch  # with the run contract: few need it

            return watch(ctx, state)
        case engine.Merge():
            from correctless.dispatch.finish.merging import merge  # with the run contract: few need it

            return merge(ctx, state)
        case engine.Complete():
            return Completed(state.url)
        case engine.Halt(code=code, reason=reason, resume_at=resume_at):
            return RunStopped(code, state.step.name if state.step else None, reason, resume_at)
        case _:
            assert_never(effect)


def _wait(ctx: RunContext, until: str | None, reason: str, tries: int) -> Resumed:
    minutes = _BACK_OFF[min(tries, len(_BACK_OFF)) - 1]
    wake = datetime.fromisoformat(until) if until else ctx.now() + timedelta(minutes=minutes)
    ctx.activity(Activity("waiting", f"{reason}; continues at {timestamp(wake)}"))
    ctx.forget()
    # In slices, so that a clock that is set, or a host that slept, counts.
    while (remaining := (wake - ctx.now()).total_seconds()) > 0:
        ctx.sleep(min(remaining, 30.0))
    return Resumed(unclean=False)
