"""What was acknowledged in a simulation, event by event, and what the engine may do after it."""

from __future__ import annotations

from dataclasses import replace

from correctless.base import exits
from correctless.dispatch.core import engine
from correctless.runlog.events import (
    Abandoned,
    AgentEnded,
    Answered,
    AttemptFailed,
    ChecksAwaited,
    ChecksSeen,
    Completed,
    DecisionsTaken,
    Event,
    GateClosed,
    GateOpened,
    Merged,
    Published,
    PublishIntended,
    Rerun,
    Resumed,
    Reverted,
    RunStopped,
    StepChecked,
    StepContinued,
    StepFinished,
    StepStarted,
    TrialMerged,
)
from correctless.runlog.plan import Plan
from simulated_luck import Broken


class Truth:
    """What was acknowledged, event by event, and what the engine may do after it; knows nothing of `State`."""

    def __init__(self, made: Plan) -> None:
        self.plan = made
        self.names = [step.name for step in made.steps]
        self.done: dict[str, str] = {}  # step -> finished | reverted
        self.begun: dict[str, int] = {}  # step -> its last attempt
        self.failures = 0  # of the step under way that are to be counted
        self.outcome = self.over = ""
        self.check_failed = False
        self.taken = self.checked = False  # of the attempt under way
        self.by_budget = False  # the run's limit ended the last attempt, whoever granted more since
        self.usage = 0.0
        self.deferred = self.escalated = 0  # by the attempt under way; by the step that was just finished
        self.usd = self.seconds = self.so_far = 0.0
        self.limit: AgentEnded | None = None
        self.left = ""  # by the agent that was cut off: its session may go on
        self.told = False  # a person's answer is to be carried out
        self.last: Event | None = None
        self.stopped: RunStopped | None = None
        self.intended = self.published = self.merged = self.complete = self.abandoned = False
        self.tried = self.awaited = self.seen = False

    @property
    def current(self) -> str | None:
        return next((name for name in self.names if name not in self.done), None)

    @property
    def label(self) -> str:
        return f"{self.current}#{self.begun.get(self.current or '', 0)}"

    @property
    def watches(self) -> bool:
        return self.plan.ci_wait_minutes > 0 and self.plan.pr != ("skip",)

    @property
    def spent(self) -> bool:
        usd, minutes = self.plan.usd, self.plan.minutes
        return self.over != "" or (usd is not None and self.usd >= usd) or self.seconds >= minutes * 60

    @property
    def used_up(self) -> bool:
        return any(self.usage * 100 >= percent for percent in self.plan.stop_at_usage.values())

    def asked(self, effect: engine.Effect) -> None:
        """`Broken` when this is nothing to do now."""
        match effect:
            case engine.StartAgent(attempt=attempt):
                if self.current is None:
                    raise Broken("an agent starts after the last step")
                if attempt != self.begun.get(self.current, 0) + 1:
                    raise Broken(f"attempt {attempt} of {self.current} follows {self.label}")
                self._may_begin()
                if self.escalated and self.plan.on_escalation == "halt":
                    raise Broken(f"{self.escalated} decisions were to halt the run, and {self.label} starts")
                if self.failures >= self.plan.attempts:
                    raise Broken(f"{self.current} failed {self.failures} times and starts again")
                if self.check_failed and self._untrusted():
                    raise Broken(f"{self.current} is untrusted, its check failed, and it starts again")
            case engine.ContinueAgent():
                if not self.told:
                    if not self.left:
                        raise Broken(f"{self.label} goes on, and nothing was left to go on from")
                    self._may_begin()
            case engine.Ask() | engine.TakeAnswers():
                step = next(step for step in self.plan.steps if step.name == self.current)
                if self.plan.on_escalation != "ask" or not step.session or step.fork:
                    raise Broken(f"a person is asked about {self.label}")
            case engine.CheckStep():
                if self.told:
                    raise Broken(f"{self.label} is checked before it was told what a person said")
            case engine.Wait(until=until):
                if self.limit is None or self.plan.on_limit != "wait":
                    raise Broken("it waits for no limit")
                if until != self.limit.resume_at:
                    raise Broken(f"it waits until {until} and not {self.limit.resume_at}")
            case engine.Halt(code=exits.PAUSED):
                if not self.used_up and (self.limit is None or self.plan.on_limit != "pause"):
                    raise Broken("it pauses for no limit")
            case engine.Halt(code=exits.PERSON) if self.current is not None:
                if not self.escalated or self.plan.on_escalation != "halt":
                    raise Broken("it halts for no decision")
            case engine.Halt(code=exits.FAILED):
                if self.failures < self.plan.attempts:
                    raise Broken(f"{self.current} is given up after {self.failures} failures")
            case engine.Halt(code=exits.BUDGET):
                if not self.spent:
                    raise Broken("it stops for a budget that is not spent")
            case engine.Revert():
                if not self._untrusted():
                    raise Broken(f"the work of {self.current} is reverted, and it is trusted")
                if not self.check_failed and self.failures < self.plan.attempts:
                    raise Broken(f"{self.current} is reverted after {self.failures} failures")
            case engine.Consolidate():
                if self.current is not None:
                    raise Broken(f"it consolidates before {self.current}")
            case engine.TryMerge():
                if self.tried or self.plan.pr == ("skip",):
                    raise Broken("a merge is tried twice, or for no pull request")
            case engine.IntendPublish():
                if not self.tried and self.plan.pr != ("skip",):
                    raise Broken("it publishes what it did not try to merge since the gate opened")
            case engine.AwaitChecks() | engine.WatchChecks():
                if not self.published or not self.watches or self.seen:
                    raise Broken("it watches checks of nothing, or again")
                if self.awaited == isinstance(effect, engine.AwaitChecks):
                    raise Broken("it watches checks without an end on record, or sets a second one")
            case engine.Publish():
                if not self.intended:
                    raise Broken("it publishes without its intent on record")
            case engine.Merge() | engine.Complete() if self.watches and not self.seen:
                raise Broken("it goes on before it has watched the checks")
            case engine.Merge():
                if not self.published or self.merged or not self.plan.merge:
                    raise Broken("it merges what is not published, not to be merged, or merged")
            case engine.Complete():
                if not self.published:
                    raise Broken("complete, and not published")
                if self.plan.merge and not self.merged:
                    raise Broken("complete, and not merged")
            case _:
                pass

    def _may_begin(self) -> None:
        if self.spent:
            raise Broken(f"{self.usd} USD and {self.seconds} s are spent, and {self.label} starts")
        if self.limit is not None:
            raise Broken("an agent starts although its limit was not waited for")
        if self.used_up:
            raise Broken(f"{self.usage:.0%} of the account is used up, and {self.label} starts")

    def _budget(self, event: AgentEnded) -> str:
        # Steps of the simulation have 60 minutes and no money limit of their own: which one ended it follows.
        if event.over == "usd" and self.plan.usd is not None:
            return "usd"
        if event.over == "wall" and self.plan.minutes - self.seconds / 60 <= 60 - self.so_far / 60:
            return "minutes"
        return ""

    def _untrusted(self) -> bool:
        return any(step.untrusted for step in self.plan.steps if step.name == self.current)

    def note(self, event: Event) -> None:
        """One more event is on disk."""
        if self.complete and not isinstance(event, GateClosed):
            raise Broken(f"{event.event} follows complete")
        self.last = event
        match event:
            case StepStarted(step=step, attempt=attempt):
                if step != self.current:
                    raise Broken(
                        f"{step} runs, {self.done.get(step, 'not its turn')}; {self.current} is next"
                    )
                if attempt <= self.begun.get(step, 0):
                    raise Broken(f"attempt {attempt} of {step} begins twice")
                self.begun[step] = attempt
                self.outcome, self.check_failed, self.deferred = "", False, 0
                self.taken = self.checked = self.told = False
                self.left, self.so_far = "", 0.0
            case StepContinued():
                self.outcome, self.left, self.told, self.taken = "", "", False, False
            case Answered(changed=changed):
                self.told = changed > 0
            case AgentEnded(outcome=outcome):
                self.outcome = outcome
                self.left = event.left
                self.usage = event.usage.get("five_hour", self.usage)
                self.over = self._budget(event) if outcome != "ok" else ""
                self.by_budget = self.over != ""
                self.usd += event.cost_usd
                self.seconds += event.seconds
                self.so_far += event.seconds
                self.limit = event if outcome == "paused" else None
            case DecisionsTaken(deferred=deferred):
                self.deferred, self.taken = deferred, True
            case StepChecked(ok=ok):
                self.check_failed, self.checked = not ok, ok
            case AttemptFailed(counted=counted):
                failed = (self.outcome == "failed" and not self.by_budget) or self.check_failed
                if counted != failed:
                    raise Broken(
                        f"{self.label} {self.outcome or 'ended'} and is {'' if counted else 'not '}counted"
                    )
                self.failures += failed
                self.left = ""
            case StepFinished(step=step) | Reverted(step=step):
                if step != self.current:
                    raise Broken(f"{step} ends while {self.current} is under way")
                if isinstance(event, StepFinished) and not (self.taken and self.checked):
                    raise Broken(f"{self.label} is finished without its decisions or its check")
                if self.outcome != "ok" and isinstance(event, StepFinished):
                    raise Broken(f"{self.label} is finished, and its agent {self.outcome or 'did not end'}")
                self.escalated = self.deferred if isinstance(event, StepFinished) else 0
                self.done[step] = "finished" if isinstance(event, StepFinished) else "reverted"
                self.failures, self.check_failed = 0, False
            case Rerun(step=step):
                for name in self.names[self.names.index(step) :]:
                    self.done.pop(name, None)
                self.failures, self.check_failed, self.limit = 0, False, None
                self.left, self.told = "", False
                self.intended = self.published = self.awaited = self.seen = False
            case Resumed():
                if self.stopped is not None and self.stopped.code == exits.FAILED:
                    self.failures = 0
                self.limit, self.stopped, self.over, self.usage, self.escalated = None, None, "", 0.0, 0
                usd = self.plan.usd if event.usd is None else event.usd
                minutes = self.plan.minutes if event.minutes is None else event.minutes
                self.plan = replace(self.plan, usd=usd, minutes=minutes)
            case RunStopped():
                self.stopped = event
            case GateOpened():
                self.tried = self.tried and self.published
            case TrialMerged():
                self.tried = True
            case ChecksAwaited():
                self.awaited = True
            case ChecksSeen():
                self.seen = True
            case PublishIntended():
                self.intended = True
            case Published():
                self.published = True
            case Merged():
                self.merged = True
            case Completed():
                self.complete = True
            case Abandoned():
                self.abandoned = True
            case _:
                pass
