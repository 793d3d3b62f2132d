"""The state machine of a run: a pure function to the next state and effects.

`perform` performs an effect and returns the event to be logged; the log is the only memory. Every effect can be performed again
after a crash: either nothing of it happened, or it finds its result and reports that.
"""

from __future__ import annotations

from correctless.base import exits
from correctless.base.values import frozen
from correctless.runlog.events import LoggedEvent
from correctless.runlog.fold import after
from correctless.runlog.state import State


@frozen
class StartAgent:
    """Begin a new attempt of the current step: hold its process, log `step_started`."""

    attempt: int


@frozen
class ContinueAgent:
    """Begin another process of the current attempt's session."""

    part: int


@frozen
class FinishAgent:
    """Let the held agent run to its end; if none is held, it died with its dispatcher."""


@frozen
class TakeDecisions:
    """Read the answer and append its decisions."""


@frozen
class Ask:
    """Record the questions: the attempt's decisions that need you."""


@frozen
class TakeAnswers:
    """Ask, and record the answers."""


@frozen
class CheckStep:
    """Run the step's own check."""


@frozen
class CommitStep:
    """Commit the work with its trailers."""


@frozen
class Discard:
    """Save the attempt's changes as a patch and revert them."""

    counted: bool


@frozen
class Revert:
    """Revert an untrusted step's work and continue without it."""


@frozen
class Rewind:
    """Reset the branch to the start of a step that is to run again."""


@frozen
class Wait:
    """Wait for a limit or an outage to pass."""

    until: str | None
    reason: str
    tries: int = 1  # consecutive pauses, this one included


@frozen
class Consolidate:
    """Commit what belongs to the branch, with the repository's hooks."""


@frozen
class AskGate:
    """Ask whether everything that needs your confirmation has it."""


@frozen
class TryMerge:
    """Merge the branch on trial with the base as it is now."""


@frozen
class IntendPublish:
    """Record that publication begins."""


@frozen
class Publish:
    """Push, and open or update the pull request."""


@frozen
class AwaitChecks:
    """Record how long the checks of the pull request are watched."""


@frozen
class WatchChecks:
    """Watch them until all have ended, or that time is over."""


@frozen
class Merge:
    """Have the pull request merged under the run contract."""


@frozen
class Complete:
    """The last event."""


@frozen
class Halt:
    """Stop with an exit code and a reason."""

    code: int
    reason: str
    resume_at: str | None = None


Effect = (
    StartAgent
    | ContinueAgent
    | FinishAgent
    | TakeDecisions
    | Ask
    | TakeAnswers
    | CheckStep
    | CommitStep
    | Discard
    | Revert
    | Rewind
    | Wait
    | Consolidate
    | AskGate
    | TryMerge
    | IntendPublish
    | Publish
    | AwaitChecks
    | WatchChecks
    | Merge
    | Complete
    | Halt
)


def step(state: State, event: LoggedEvent) -> tuple[State, tuple[Effect, ...]]:
    """Return the state after `event`, and none or one effect."""
    following = after(state, event)
    effect = decide(following)
    return following, () if effect is None else (effect,)


def decide(state: State) -> Effect | None:
    """Return the next effect of a state; None until you act."""
    if state.stopped is not None:
        return None
    match state.phase:
        case "none" | "complete" | "abandoned":
            return None
        case "ready" | "suspended":
            return _begin(state)
        case "running":
            return FinishAgent()
        case "answered":
            return TakeDecisions()
        case "recorded":
            return Ask() if _asks(state) else CheckStep()
        case "asking":
            return TakeAnswers()
        case "continuing":
            return ContinueAgent(part=state.part + 1)
        case "checked":
            return CommitStep()
        case "failing":
            untrusted = state.step is not None and state.step.untrusted
            if untrusted and state.failed == "check":
                return Revert()  # no retry: a failed check is the result
            return Discard(counted=state.failed in ("failed", "check"))
        case "rewinding":
            return Rewind()
        case "steps_done":
            return Consolidate()
        case "consolidated":
            return AskGate()
        case "closed":
            assert state.gate is not None
            return Halt(exits.PERSON, waiting(len(state.gate.entries) + len(state.gate.inherited)))
        case "open":
            return TryMerge() if state.trial is None and _opens_request(state) else IntendPublish()
        case "publishing":
            return Publish()
        case "published":
            return _published(state)


def waiting(count: int) -> str:
    """Return the one line for a closed gate."""
    what = "1 decision needs" if count == 1 else f"{count} decisions need"
    return f"{what} your confirmation. read and answer with: correctless review"


def _opens_request(state: State) -> bool:
    return state.plan is not None and state.plan.pr != ("skip",)


def _published(state: State) -> Effect:
    plan = state.plan
    assert plan is not None
    if plan.ci_wait_minutes and state.checks is None and _opens_request(state):
        return WatchChecks() if state.watched_until else AwaitChecks()
    return Merge() if plan.merge and not state.merged else Complete()


def _asks(state: State) -> bool:
    """Whether you are asked before the step is checked."""
    plan, current = state.plan, state.step
    assert plan is not None
    assert current is not None
    can_continue = current.session and not current.fork
    return plan.on_escalation == "ask" and can_continue and state.deferred > state.questions


def _over(limit: str, spent: str, step: str) -> Halt:
    more = f"grant more with: correctless cauto resume --max-{limit} N"
    return Halt(exits.BUDGET, f"{spent} are spent, and {step} is not done. {more}")


def _begin(state: State) -> Effect:
    plan, current = state.plan, state.step
    assert plan is not None
    assert current is not None
    if state.pause is not None:
        reason = state.pause.reason
        if plan.on_limit == "wait":
            return Wait(state.pause.resume_at, reason, state.pauses)
        return Halt(
            exits.PAUSED,
            f"{current.name} paused: {reason}. continue with: correctless cauto resume",
            state.pause.resume_at,
        )
    if state.failures >= plan.attempts:
        if current.untrusted:
            return Revert()
        return Halt(
            exits.FAILED,
            f"{current.name} failed {state.failures} times, the last time: {state.reason}. "
            "fix the cause, then retry with: correctless cauto resume",
        )
    if plan.usd is not None and (state.budget == "usd" or state.cost_usd >= plan.usd):
        return _over("usd", f"{state.cost_usd:.2f} of {plan.usd:.2f} USD", current.name)
    if state.budget == "minutes" or state.seconds >= plan.minutes * 60:
        minutes = state.seconds / 60
        spent = f"{minutes:.1f}" if minutes >= 1 else f"{minutes:.2g}"
        return _over("minutes", f"{spent} of {plan.minutes:g} minutes", current.name)
    for window, percent in plan.stop_at_usage.items():
        if state.usage.get(window, 0.0) * 100 >= percent:
            return Halt(
                exits.PAUSED,
                f"{state.usage[window]:.0%} of {window} is used up, stop_at_usage says {percent:g} %. "
                "continue now or later with: correctless cauto resume",
            )
    if plan.on_escalation == "halt" and state.deferred:
        what = "a decision" if state.deferred == 1 else f"{state.deferred} decisions"
        return Halt(
            exits.PERSON,
            f"{state.finished[-1].step} deferred {what}, and on_escalation is halt. read them with: correctless decisions "
            "summary, then continue with: correctless cauto resume",
        )
    if state.phase == "suspended":
        return ContinueAgent(part=state.part + 1)
    return StartAgent(attempt=state.attempt + 1)
