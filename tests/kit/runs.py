"""Values of a run for tests: a plan with steps by name, and a performer that plays effects without doing them."""

from __future__ import annotations

import random
from dataclasses import replace

from correctless.dispatch.core import engine
from correctless.runlog.events import (
    AgentEnded,
    Answered,
    Asking,
    AttemptFailed,
    ChecksAwaited,
    ChecksSeen,
    Completed,
    Consolidated,
    DecisionsTaken,
    Event,
    GateClosed,
    GateOpened,
    LoggedEvent,
    Merged,
    Published,
    PublishIntended,
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
from correctless.runlog.plan import Plan, PlannedStep
from correctless.runlog.state import State

WHEN = "2026-01-02T03:04:05.678Z"


def planned(name: str, **other: object) -> PlannedStep:
    step = PlannedStep(
        name=name,
        files={"SKILL.md": "0" * 64},
        untrusted=name == "simplify",
        tools=("Read",),
        check=("true",),
        report=None,
        agent="command:true",
        model=None,
        minutes=60,
        idle_minutes=10,
        turns=50,
        usd=None,
    )
    return replace(step, **other)  # type: ignore[arg-type]


def plan(*names: str, **other: object) -> Plan:
    made = Plan(
        branch="feature/x",
        base="b" * 40,
        spec="spec.md",
        spec_sha256="5" * 64,
        pipeline="default",
        intensity="standard",
        steps=tuple(planned(name) for name in names),
        left_out={},
        attempts=3,
        confirm_channels=("terminal",),
        confirmers=(),
        protected=(),
        outputs=(),
        agent_env=(),
        publish_credentials=False,
        minutes=480,
        usd=None,
        on_limit="wait",
        pr=("skip",),
        remote="origin",
        target="main",
        message="{step}: {title}",
        signoff=False,
        labels={},
        test=("true",),
        instructions_sha256=None,
    )
    return replace(made, **other)  # type: ignore[arg-type]


def started(made: Plan, run: str = "r1") -> LoggedEvent:
    return LoggedEvent(run, WHEN, RunStarted(made, "Ada", "terminal", "0", 0, "h"))


class Player:
    """Plays effects: each outcome is drawn from `dice`, with the chances a test gives."""

    def __init__(
        self,
        dice: random.Random,
        *,
        fail: float = 0.0,
        check: float = 0.0,
        pause: float = 0.0,
        close: float = 0.0,
        defer: float = 0.0,
    ) -> None:
        self.dice = dice
        self.chances = {"fail": fail, "check": check, "pause": pause, "close": close, "defer": defer}
        self.living: tuple[str, int] | None = None  # the agent this dispatcher holds
        self.ran: list[tuple[str, int]] = []  # agents that were let run
        self.published = 0

    def hits(self, name: str) -> bool:
        return self.dice.random() < self.chances[name]

    def play(self, state: State, effect: engine.Effect) -> Event:
        step = state.step.name if state.step else ""
        match effect:
            case engine.StartAgent(attempt=attempt):
                self.living = (step, attempt)
                return StepStarted(step, attempt, "n", "s", 1, "m", "b", "p")
            case engine.ContinueAgent(part=part):
                self.living = (step, state.attempt)
                return StepContinued(step, state.attempt, part, 1, "m", "p")
            case engine.Ask():
                return Asking(step, state.attempt, "x", (1,), ("d",))
            case engine.TakeAnswers():
                return Answered(step, state.attempt, "Ada", "terminal", 1, self.dice.randint(0, 1), 1, "h")
            case engine.FinishAgent():
                kind = "failed" if self.hits("fail") else "paused" if self.hits("pause") else "ok"
                if self.living is None:
                    kind = "interrupted"
                else:
                    self.ran.append(self.living)
                self.living = None
                left = "c:t" if kind == "paused" and state.step and state.step.session else ""
                return AgentEnded(
                    step, state.attempt, kind, kind, None, "a", 1.0, 0.5, False, 10, 1, left=left
                )
            case engine.TakeDecisions():
                deferred = 1 if self.hits("defer") else state.deferred
                return DecisionsTaken(step, state.attempt, 1, deferred, (), 1, "h", state.pieces + 1)
            case engine.CheckStep():
                return StepChecked(step, state.attempt, not self.hits("check"), "the check said no")
            case engine.CommitStep():
                return StepFinished(step, state.attempt, "c", 1, "h")
            case engine.Discard(counted=counted):
                return AttemptFailed(step, state.attempt, state.reason, counted, None)
            case engine.Revert():
                return Reverted(step, state.attempt, state.reason, None)
            case engine.Rewind():
                return Rewound("b")
            case engine.Wait():
                return Resumed(unclean=False)
            case engine.Consolidate():
                return Consolidated("c", ())
            case engine.AskGate():
                return GateClosed("x", "d", (1,)) if self.hits("close") else GateOpened(None, "", "", 1, "h")
            case engine.TryMerge():
                return TrialMerged("c", "b", "clean")
            case engine.IntendPublish():
                return PublishIntended("c", "skip")
            case engine.Publish():
                self.published += 1
                return Published("", "skip")
            case engine.AwaitChecks():
                return ChecksAwaited(WHEN)
            case engine.WatchChecks():
                return ChecksSeen("c", "green", passed=1)
            case engine.Merge():
                return Merged(1, "c", "m", "r1")
            case engine.Complete():
                return Completed("")
            case engine.Halt(code=code, reason=reason):
                return RunStopped(code, step or None, reason)
