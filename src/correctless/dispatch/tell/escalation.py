"""`escalation.md`: what failed, what was tried, and what you need to do.

Derived from the run's events each time and never read back; it is written again when you answer, and removed when the run
continues. A model's text is quoted as inert text; recommendations are computed from codes and counts alone.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from correctless.agents import Activity
from correctless.base import exits, install
from correctless.base.clock import timestamp
from correctless.base.exits import Stop
from correctless.base.files import replace_file
from correctless.base.text import one_line
from correctless.dispatch.core.context import RunContext, plan_of
from correctless.project.paths import Logs
from correctless.review import gate, standing
from correctless.review.gate import GateState
from correctless.review.inert import inert
from correctless.review.standing import Standing
from correctless.runlog import branch as record
from correctless.runlog.branch import Branch, RecordedDecision
from correctless.runlog.events import (
    AgentEnded,
    AttemptFailed,
    LoggedEvent,
    Reverted,
    RunStopped,
    StepChecked,
    StepFinished,
    StepStarted,
)
from correctless.runlog.fold import checked_state
from correctless.runlog.plan import PlannedStep
from correctless.runlog.state import State

FILE = "escalation.md"  # in the run's folder
_TEXT = 500  # characters of one quoted reason
_LISTED = 50  # attempts, and decisions
_LIMITS = {
    "idle": ("was silent for too long", "idle_minutes"),
    "wall": ("took too long", "max_minutes"),
    "turns": ("used up its turns", "max_turns"),
    "usd": ("used up its money", "max_usd"),
}
_PLAIN_PATH = re.compile(r"[\w./+@ -]+\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class AttemptSummary:
    """One attempt, from the run log."""

    step: str
    attempt: int
    outcome: str = "did not end"
    reason: str = ""
    seconds: float = 0.0
    cost_usd: float = 0.0
    estimated: bool = False
    over: str = ""  # the limit that ended it
    check_failed: bool = False
    counted: bool = False  # as a failure of the step


def write(ctx: RunContext, state: State, stopped: RunStopped) -> None:
    """Write the file of a run that is about to stop, durably, if it needs a decision."""
    if stopped.code == exits.PAUSED:
        return  # a limit passes by itself: there is nothing to decide
    path = os.path.join(ctx.logs.folder(state.run), FILE)
    # A damaged log may have stopped the run: then the file says so, without the attempts.
    tried: tuple[AttemptSummary, ...] | None = None
    now: GateState | None = None
    with suppress(Stop, ValueError):
        branch = record.load(ctx.logs)
        tried = attempts(state.run, branch.events)
        now = gate.load(ctx.logs, ctx.repo)[1]
    story = _Story(ctx.logs, ctx.env, replace(state, stopped=stopped), stopped, tried, now)
    try:
        replace_file(path, story.text(ctx.now()).encode(), mode=0o600)
    except OSError as error:
        ctx.activity(Activity("warning", one_line(f"{path} can't be written: {error.strerror}", 1000)))
    else:
        ctx.activity(Activity("waiting", one_line(f"for your decision: {path}", 1000)))


def answered(logs: Logs, branch: Branch, now: GateState, env: Mapping[str, str], time: datetime) -> None:
    """Write the file of a stopped run again, after an answer of yours: what it needs is another now."""
    state = checked_state(logs.run, branch.events)
    path = os.path.join(logs.folder(state.run), FILE)
    if state.stopped is None or not os.path.isfile(path):
        return
    story = _Story(logs, env, state, state.stopped, attempts(state.run, branch.events), now)
    with suppress(OSError):  # only a view
        replace_file(path, story.text(time).encode(), mode=0o600)


def clear(ctx: RunContext, state: State) -> None:
    """Remove the file: the run continues."""
    with suppress(OSError):
        os.unlink(os.path.join(ctx.logs.folder(state.run), FILE))


def attempts(run: str, events: Iterable[LoggedEvent]) -> tuple[AttemptSummary, ...]:
    """Return every attempt of one run, in the order they began."""
    by_number: dict[tuple[str, int], AttemptSummary] = {}
    for event in (item.event for item in events if item.run == run):
        if isinstance(event, StepStarted):
            by_number[event.step, event.attempt] = AttemptSummary(event.step, event.attempt)
        if not isinstance(event, AgentEnded | StepChecked | AttemptFailed | Reverted | StepFinished):
            continue
        summary = by_number.get((event.step, event.attempt), AttemptSummary(event.step, event.attempt))
        match event:
            case AgentEnded():
                summary = replace(
                    summary,
                    outcome=event.outcome,
                    reason=event.reason,
                    seconds=event.seconds,
                    cost_usd=event.cost_usd,
                    estimated=event.cost_estimated,
                    over=event.over,
                )
            case StepChecked(ok=False):
                summary = replace(summary, outcome="check failed", reason=event.detail, check_failed=True)
            case AttemptFailed():
                summary = replace(summary, reason=event.reason or summary.reason, counted=event.counted)
            case Reverted():
                summary = replace(summary, outcome="discarded", reason=event.reason)
            case StepFinished():
                summary = replace(summary, outcome="finished", reason="")
        by_number[event.step, event.attempt] = summary
    return tuple(by_number.values())


def recommend(
    state: State, stopped: RunStopped, tried: Sequence[AttemptSummary], waiting: Sequence[RecordedDecision]
) -> Iterator[str]:
    """Yield what to do, computed from codes, counts and limits alone, not from a model's text."""
    if stopped.code == exits.FAILED and state.step is not None:
        yield from _after_failure(state.step, [t for t in tried if t.step == state.step.name and t.counted])
    elif stopped.code == exits.BUDGET:
        done, steps = len(state.finished), len(plan_of(state).steps)
        if done:
            yield (
                f"{done} of {steps} steps took {state.cost_usd:.2f} USD and {state.seconds / 60:.0f} minutes. At that rate the "
                f"other {steps - done} take {state.cost_usd / done * (steps - done):.2f} USD and "
                f"{state.seconds / 60 / done * (steps - done):.0f} minutes more: grant at least that."
            )
        else:
            yield "No step was finished within the limit. Look at the attempts before you grant more: see above."
    elif stopped.code == exits.PERSON and _at_the_gate(state):
        damaged = sum("damaged" in r.decision.notes for r in waiting)
        if damaged:
            yield f"Begin with the {damaged} that could not be read: the agent's text is in the saved files."
        origins = Counter(r.decision.step for r in waiting if r.decision.step)
        if origins:
            first, count = origins.most_common(1)[0]
            yield (
                f"{count} of {len(waiting)} come from {inert(first)}. If they are wrong, have that step run again with a note "
                "instead of fixing its work by hand."
            )
    elif stopped.code == exits.PERSON:
        yield "Do what the line above says, then continue: no finished step runs again."
    else:
        published = "The pull request is open and was not merged" if state.url else "Nothing was published"
        yield (
            f"{published}. Fix what the line above says, then continue. If it says that a log was changed, "
            "find out who changed it first."
        )


def _after_failure(step: PlannedStep, failed: Sequence[AttemptSummary]) -> Iterator[str]:
    if not failed:
        return
    last = failed[-1]
    same = 1
    for earlier in reversed(failed[:-1]):
        if _alike(earlier.reason) != _alike(last.reason):
            break
        same += 1
    if same > 1:
        yield f"The last {same} attempts failed in the same way: a retry without a change will hardly help."
    elif len(failed) > 1:
        yield "The attempts failed in different ways: another try may succeed."
    if last.over in _LIMITS:
        what, key = _LIMITS[last.over]
        yield (
            f"The last attempt {what}. A run keeps the limits it began with: for a higher `{key}` change the "
            "configuration and start a new run, or ask for less in the spec."
        )
    elif last.check_failed and step.report and last.reason.startswith("its report "):
        yield "The step left no valid report. See in its transcript whether it knew the path, and could write it."
    elif last.check_failed:
        yield (
            "Read the check's log of the last attempt. If the check is right, the spec may require the impossible; if the check "
            "is wrong, fix it and start a new run: this one keeps the check it began with."
        )
    else:
        yield "The agent itself failed. Read the end of its transcript, and try its program by hand."


def _alike(reason: str) -> str:
    # Times, counts and addresses differ in each run of the same failing test.
    return " ".join(re.sub(r"0x[0-9a-fA-F]+|\d+", "#", reason).split())


@dataclass(frozen=True, slots=True)
class _Story:
    """What the file tells: a stopped run, its attempts (None: the logs can't be read) and its gate, where that is known."""

    logs: Logs
    env: Mapping[str, str]
    state: State
    stopped: RunStopped
    tried: tuple[AttemptSummary, ...] | None
    gate: GateState | None

    @property
    def waiting(self) -> Sequence[RecordedDecision]:
        return self.gate.waiting if self.gate is not None else ()

    @property
    def standing(self) -> Standing:
        return standing.of(self.state, self.gate)

    def text(self, time: datetime) -> str:
        # Imported here: a run that never stops does not need it.
        import frontmatter

        state, stopped = self.state, self.stopped
        plan, step, at = plan_of(state), state.step, self.standing
        why = at.why if at.word in ("confirmed", "rejected") else stopped.reason
        of_step = [t for t in self.tried or () if step is not None and t.step == step.name]
        front: dict[str, Any] = {
            "schema_version": 1,
            "run": state.run,
            "branch": one_line(plan.branch, _TEXT),
            "base": plan.base,
            "code": stopped.code,
            "meaning": exits.MEANING.get(stopped.code, "could not check or could not run"),
            "status": at.word,
            "step": step.name if step else None,
            "attempts": len(of_step),
            "what_failed": _what(stopped, of_step),
            "reason": one_line(why, _TEXT),
            "waiting": len(self.waiting),
            "timestamp": timestamp(time),
        }
        title = "can continue" if at.word == "confirmed" else "needs your decision"
        lines = [f"# Run {state.run} {title}", "", "## What failed", "", _quoted(why), ""]
        lines += ["## What was tried", ""]
        if self.tried is None:
            lines += ["The run's logs can't be read. Find the damaged line: `correctless decisions verify`"]
        else:
            lines += [line for t in (of_step or self.tried)[-_LISTED:] for line in self._attempt(t)]
            lines += [] if of_step or self.tried else ["No attempt was begun."]
        lines += ["", "## What is needed from you", "", *_needed(state, stopped, at, self.waiting), ""]
        lines += ["## Recommendation", "", *recommend(state, stopped, self.tried or (), self.waiting)]
        text = str(frontmatter.dumps(frontmatter.Post("\n".join(lines), **front), sort_keys=False)) + "\n"
        return install.typable(text, self.env)

    def _attempt(self, tried: AttemptSummary) -> Iterator[str]:
        cost = f"{'about ' if tried.estimated else ''}{tried.cost_usd:.2f} USD"
        why = f": {_quoted(tried.reason)}" if tried.reason else ""
        yield f"- {inert(tried.step)}#{tried.attempt}, {tried.seconds / 60:.1f} minutes, {cost}, {tried.outcome}{why}"
        folder = self.logs.attempt_folder(self.state.run, tried.step, tried.attempt)
        for what, name in (("patch", "left.patch"), ("transcript", "transcript"), ("check", "check.log")):
            path = os.path.join(folder, name)
            if os.path.exists(path):
                yield f"  - {what}: {f'`{path}`' if _PLAIN_PATH.match(path) else inert(path)}"


def _needed(
    state: State, stopped: RunStopped, at: Standing, waiting: Sequence[RecordedDecision]
) -> Iterator[str]:
    end = (
        "- End it; what its finished steps committed stays on the branch: `correctless cauto stop --abandon`"
    )
    if at.word == "confirmed":
        yield f"Nothing more, {_quoted(at.why)}. Continue: `{at.next}`"
    elif at.word == "rejected":
        yield f"It was {_quoted(at.why)}. Decide how the run continues:"
        yield ""
        yield f"- Have a step run again: `{at.next}`"
        yield end
    elif stopped.code == exits.FAILED:
        yield f"Decide how {inert(state.step.name if state.step else 'the run')} continues:"
        yield ""
        yield f"- Retry, up to {plan_of(state).attempts} times more: `{at.next}`"
        yield end
    elif stopped.code == exits.BUDGET:
        yield "Decide whether the run may cost more:"
        yield ""
        yield "- Grant more: `correctless cauto resume` with `--max-usd N` or `--max-minutes N`, for the whole run"
        yield end
    elif stopped.code == exits.PERSON and _at_the_gate(state):
        yield "Decide these: confirm them, reject them, or have a step run again. Read and answer: `correctless review`"
        yield ""
        for r in waiting[:_LISTED]:
            d = r.decision
            why = _quoted((d.original_escalation_reason or d.rationale).rstrip(". "))
            applied = f" Applied: {_quoted(d.default_applied)}" if d.default_applied.strip() else ""
            yield f"- {inert(d.skill)} {inert(d.decision_id)}: {why}.{applied}"
        if len(waiting) > _LISTED:
            yield f"- and {len(waiting) - _LISTED} more"
    else:
        yield "Do what *What failed* says, then decide:"
        yield ""
        yield f"- Continue: `{at.next}`"
        yield end


def _what(stopped: RunStopped, of_step: Sequence[AttemptSummary]) -> str:
    """Return what failed, as one of five values for programs."""
    if stopped.code == exits.FAILED:
        last = of_step[-1] if of_step else None
        return "limit" if last and last.over else "check" if last and last.check_failed else "agent"
    if stopped.code == exits.PERSON:
        return "nothing"
    return "budget" if stopped.code == exits.BUDGET else "dispatcher"


def _at_the_gate(state: State) -> bool:
    return state.phase in ("closed", "consolidated")


def _quoted(text: str) -> str:
    return inert(one_line(text, _TEXT))
