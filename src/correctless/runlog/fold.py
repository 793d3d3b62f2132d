"""Fold the events of a run log to the state of its run.

Pure: only the log counts, so the run of a dispatcher that died at any point continues from its log.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Literal

from correctless.base import exits
from correctless.base.exits import Stop
from correctless.runlog.events import (
    Abandoned,
    AgentEnded,
    Answered,
    Asking,
    AttemptFailed,
    ChecksAwaited,
    ChecksSeen,
    Completed,
    Consolidated,
    DecisionsTaken,
    GateClosed,
    GateOpened,
    LoggedEvent,
    Merged,
    Published,
    PublishIntended,
    Rerun,
    Resumed,
    Reverted,
    Rewound,
    RunStarted,
    RunStopped,
    StepChecked,
    StepContinued,
    StepFinished,
    StepStarted,
    TrialMerged,
)
from correctless.runlog.plan import Plan
from correctless.runlog.state import AttemptCost, Phase, State

NEAR = 0.75  # of a limit: at this share a warning


class OutOfOrderError(ValueError):
    """An event that cannot follow the events before it."""


def fold(events: Iterable[LoggedEvent]) -> State:
    """Return the state of the last run in a run log; each run starts from an empty state."""
    state = State()
    for item in events:
        state = after(state, item)
    return state


def checked_state(
    path: str, events: Iterable[LoggedEvent], state: State | None = None, *, behind: int = 0
) -> State:
    """Return the state that events of the run log at `path` lead to.

    `state` is the state before them, `behind` the number of lines before them.

    Raises: `Stop(3)` with the first line that cannot follow those before it.
    """
    state = State() if state is None else state
    for number, item in enumerate(events, behind + 1):
        try:
            state = after(state, item)
        except OutOfOrderError as error:
            what = f"{path}:{number}: it can't follow the lines before it: {error}"
            raise Stop(exits.REFUSED, f"{what}. see what was done with: correctless audit-run") from None
    return state


def after(state: State, item: LoggedEvent) -> State:
    """Return the state after one more event.

    Raises: `OutOfOrderError` when it names another step or run than the current one.
    """
    event = item.event
    if isinstance(event, RunStarted):
        if state.unfinished:
            raise OutOfOrderError(f"run {item.run} started while run {state.run} was unfinished")
        return State(
            run=item.run,
            plan=event.plan,
            started_at=item.timestamp,
            phase="ready",
            git_settings=event.git_settings,
        )
    if isinstance(event, GateClosed) and not state.unfinished:
        return state  # a review beside or after a run closed the gate over entries written by hand
    if item.run != state.run:
        raise OutOfOrderError(f"an event of run {item.run} while run {state.run} is the last")
    match event:
        case StepStarted():
            _at(state, event.step)
            return replace(
                state,
                phase="running",
                failed="",
                attempt=event.attempt,
                attempts={**state.attempts, event.step: event.attempt},
                step_base=event.base,
                mark=event.mark,
                git_before=event.git_before,
                session=event.session,
                part=1,
                left="",
                pieces=0,
                nonce_sha256=event.nonce_sha256,
                answer_sha256="",
                began_at=item.timestamp,
                reason="",
                deferred=0,
                questions=0,
                asking=None,
            )
        case StepContinued():
            _at(state, event.step, event.attempt)
            return replace(
                state,
                phase="running",
                part=event.part,
                mark=event.mark,
                git_before=event.git_before,
                left="",
                # After your reply: the decisions in the agent's answer before it are recorded already.
                answer_sha256=state.answer_sha256 if state.phase == "suspended" else "",
                began_at=item.timestamp,
                reason="",
            )
        case AgentEnded():
            _at(state, event.step, event.attempt)
            spent = AttemptCost(
                event.step,
                event.attempt,
                event.outcome,
                event.seconds,
                event.tokens,
                event.cost_usd,
                event.cost_estimated,
            )
            budget = _budget(state, event)
            can_continue = event.left and (budget or event.outcome in ("paused", "interrupted"))
            return replace(
                state,
                phase="answered" if event.outcome == "ok" else "suspended" if can_continue else "failing",
                failed="" if event.outcome == "ok" else "budget" if budget else event.outcome,
                reason=event.reason,
                answer_sha256=event.answer_sha256,
                left=event.left,
                pause=event if event.outcome == "paused" else None,
                pauses=state.pauses + 1 if event.outcome == "paused" else 0,
                budget=budget,
                usage={**state.usage, **event.usage},
                spent=(*state.spent, spent),
                warnings=(*state.warnings, *_near(state, spent)),
            )
        case DecisionsTaken():
            _at(state, event.step, event.attempt)
            warnings = tuple(f"{event.step}: {warning}" for warning in event.warnings)
            return replace(
                state,
                phase="recorded",
                deferred=event.deferred,
                pieces=event.pieces,
                warnings=(*state.warnings, *warnings),
            )
        case Asking():
            _at(state, event.step, event.attempt)
            phase: Phase = "asking" if event.entries else "recorded"
            return replace(state, phase=phase, questions=state.deferred, asking=event)
        case Answered():
            _at(state, event.step, event.attempt)
            return replace(state, phase="continuing" if event.changed else "recorded")
        case StepChecked():
            _at(state, event.step, event.attempt)
            if event.ok:
                return replace(state, phase="checked")
            # Without costs where only events are counted.
            costs = (*state.spent[:-1], *(replace(each, outcome="check failed") for each in state.spent[-1:]))
            return replace(state, phase="failing", failed="check", reason=event.detail, spent=costs)
        case StepFinished():
            _at(state, event.step, event.attempt)
            return _next_step(state, event)
        case Reverted():
            _at(state, event.step, event.attempt)
            warning = f"{event.step}: its work was discarded: {event.reason}"
            return _next_step(replace(state, deferred=0, warnings=(*state.warnings, warning)), event)
        case AttemptFailed():
            _at(state, event.step, event.attempt)
            return replace(
                state,
                phase="ready",
                failures=state.failures + (1 if event.counted else 0),
                deferred=0,
                reason=event.reason,
                retry_note=event.reason if event.counted else state.retry_note,
            )
        case Rerun():
            return _rerun(state, event)
        case Rewound():
            return replace(state, phase="ready")
        case Consolidated():
            what = "left out of the pull request, not made by a step"
            warnings = (*state.warnings, *(f"{what}: {name}" for name in event.left))
            return replace(state, phase="consolidated", consolidated=event.commit, warnings=warnings)
        case GateClosed():
            return replace(state, phase="closed", gate=event)
        case GateOpened():
            # A published run that waits to be merged is not published a second time.
            if state.url:
                return replace(state, phase="published", opened=event)
            return replace(state, phase="open", opened=event, trial=None)
        case TrialMerged():
            _in(state, "open")
            return replace(state, trial=event)
        case PublishIntended():
            return replace(state, phase="publishing", pushed=state.pushed or event.how != "skip")
        case Published():
            return replace(state, phase="published", url=event.url)
        case ChecksAwaited():
            _in(state, "published")
            return replace(state, watched_until=event.until)
        case ChecksSeen():
            _in(state, "published")
            return replace(state, checks=event)
        case Merged():
            return replace(state, merged=event.commit)
        case Completed():
            return replace(state, phase="complete")
        case RunStopped():
            return replace(state, stopped=event, reason=event.reason)
        case Resumed():
            # You saw the failure and retry the step: it has all its attempts again.
            failed = state.stopped is not None and state.stopped.code == exits.FAILED
            return replace(
                state,
                plan=_raised(state.plan, event),
                git_settings=state.git_settings if event.git_settings is None else event.git_settings,
                # The gate is computed again: an entry may have come while the lock was free.
                phase="consolidated" if state.phase in ("closed", "open", "publishing") else state.phase,
                stopped=None,
                pause=None,
                budget="",
                usage={},
                # Only between two steps have you seen the deferred decisions of the last one.
                deferred=0 if state.phase == "ready" else state.deferred,
                failures=0 if failed else state.failures,
            )
        case Abandoned():
            return replace(state, phase="abandoned", stopped=None)


def _at(state: State, step: str, attempt: int | None = None) -> None:
    current = state.step
    if current is None or current.name != step or (attempt is not None and attempt != state.attempt):
        where = f"{current.name}#{state.attempt}" if current else "the end"
        raise OutOfOrderError(f"an event of {step}#{attempt or '?'} while the run is at {where}")


def _in(state: State, phase: Phase) -> None:
    if state.phase != phase:
        raise OutOfOrderError(f"an event that follows '{phase}' while the run is '{state.phase}'")


def _budget(state: State, event: AgentEnded) -> Literal["", "usd", "minutes"]:
    """Which of the run's own limits ended this attempt; "" when none did, or one of the step's."""
    plan, step = state.plan, state.step
    if event.outcome == "ok" or plan is None or step is None:
        return ""
    seconds, usd = state.so_far
    own_usd = plan.usd if step.usd is None else step.usd - usd
    if event.over == "usd" and plan.usd is not None and own_usd is not None:
        return "usd" if plan.usd - state.cost_usd <= own_usd else ""
    if event.over == "wall" and plan.minutes - state.seconds / 60 <= step.minutes - seconds / 60:
        return "minutes"
    return ""


def _near(state: State, spent: AttemptCost) -> Iterator[str]:
    """A warning for each of the run's limits of which this attempt passed three quarters."""
    plan = state.plan
    if plan is None:
        return
    limits = (
        ("USD", state.cost_usd, spent.cost_usd, plan.usd),
        ("minutes", state.seconds / 60, spent.seconds / 60, plan.minutes),
    )
    for unit, before, more, limit in limits:
        if limit is not None and before < NEAR * limit <= before + more:
            yield f"limit-near: {before + more:.2f} of {limit:.2f} {unit} are spent"


def _raised(plan: Plan | None, event: Resumed) -> Plan | None:
    if plan is None:
        return None
    return replace(
        plan,
        usd=plan.usd if event.usd is None else event.usd,
        minutes=plan.minutes if event.minutes is None else event.minutes,
        park=plan.park if event.park is None else event.park,
        git_sha256=plan.git_sha256 if event.git_sha256 is None else event.git_sha256,
    )


def _next_step(state: State, event: StepFinished | Reverted) -> State:
    index = state.index + 1
    assert state.plan is not None
    last = index >= len(state.plan.steps)
    return replace(
        state,
        phase="steps_done" if last else "ready",
        index=index,
        attempt=0 if last else state.attempts.get(state.plan.steps[index].name, 0),
        failures=0,
        reason="",
        retry_note="",
        finished=(*state.finished, event),
    )


def _rerun(state: State, event: Rerun) -> State:
    assert state.plan is not None
    names = [step.name for step in state.plan.steps]
    if event.step not in names:
        raise OutOfOrderError(f"a re-run of {event.step}, which is not a step of the run")
    index = names.index(event.step)
    reverted = set(names[index:])
    return replace(
        state,
        phase="rewinding",
        index=index,
        step_base=event.base,
        attempt=state.attempts.get(event.step, 0),
        failures=0,
        deferred=0,
        reason="",
        retry_note=event.note,
        finished=tuple(item for item in state.finished if item.step not in reverted),
        consolidated=None,
        gate=None,
        opened=None,
        trial=None,
        url="",
        watched_until="",
        checks=None,
        stopped=RunStopped(
            exits.PERSON, event.step, f"{event.step} is to run again. continue with: correctless cauto resume"
        ),
    )
