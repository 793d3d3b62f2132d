"""The state of a run, as `fold` makes it from the events of its log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Literal

from correctless.base.values import frozen
from correctless.runlog.events import (
    AgentEnded,
    Asking,
    ChecksSeen,
    GateClosed,
    GateOpened,
    Reverted,
    RunStopped,
    StepFinished,
    TrialMerged,
)
from correctless.runlog.plan import Plan, PlannedStep

Phase = Literal[
    "none",  # no run
    "ready",  # the next attempt of the current step may start
    "running",  # an agent was started, and its end is not recorded
    "suspended",  # a limit or you ended the agent; its session may continue, from exactly what it left
    "answered",  # the agent succeeded; next its decisions are recorded
    "recorded",  # next you may be asked, then the step's check runs
    "asking",  # you are asked, and the answer is not recorded
    "continuing",  # next the agent's session continues with the answer
    "checked",  # next the work is committed
    "failing",  # next the attempt's work is saved as a patch and reverted
    "rewinding",  # next the branch goes back to the current step's base
    "steps_done",  # next is consolidation
    "consolidated",  # next is the gate
    "closed",  # the gate waits for your confirmation
    "open",  # publication may begin
    "publishing",  # its intent is recorded, its outcome is not
    "published",  # the watch of its checks or the merge, where planned, or the last event is missing
    "complete",
    "abandoned",
]


# An attempt began, and the outcome of its work is not recorded yet.
UNDER_WAY = frozenset(
    {"running", "suspended", "answered", "recorded", "asking", "continuing", "checked", "failing"}
)

AT_GATE = frozenset({"consolidated", "closed", "open", "publishing", "published"})  # the steps are done


@frozen
class AttemptCost:
    """Time and cost of one attempt; `estimated` when its agent reported no cost."""

    step: str
    attempt: int
    outcome: str
    seconds: float
    tokens: int
    cost_usd: float
    estimated: bool


@frozen
class State:
    """State of one run."""

    run: str = ""
    plan: Plan | None = None
    started_at: str = ""
    phase: Phase = "none"
    index: int = 0  # of the current step in the plan
    attempt: int = 0  # of the current step, the last one begun; never restarts within a run
    attempts: Mapping[str, int] = field(default_factory=dict)  # step -> last attempt begun, over re-runs
    failures: int = 0  # counted ones of the current step since it last began from the start
    step_base: str = ""  # the commit the current attempt started from
    began_at: str = ""  # when it did
    mark: str = ""  # what the current attempt's processes carry in their environment
    git_settings: str = ""  # of the user's git configuration, as it was frozen
    git_before: str = ""  # SHA-256 of git's files before the current attempt's last process
    session: str = ""  # of the current attempt
    part: int = 0  # which process of it is the last one begun
    left: str = ""  # what it left, as `commit:tree`; "" where its session cannot continue
    pieces: int = 0  # keys of the attempt's blocks in use
    nonce_sha256: str = ""  # of the current attempt
    answer_sha256: str = ""  # of the answer of the current attempt's agent
    failed: str = ""  # why the current attempt failed: check, or the agent's outcome
    reason: str = ""  # why the current attempt fails or the run stopped
    retry_note: str = ""  # in the prompt of the next attempt
    finished: tuple[StepFinished | Reverted, ...] = ()
    spent: tuple[AttemptCost, ...] = ()
    warnings: tuple[str, ...] = ()
    consolidated: str | None = None
    pause: AgentEnded | None = None  # the limit or outage to wait for
    pauses: int = 0  # how many in a row
    budget: Literal["", "usd", "minutes"] = ""  # the limit of the run that ended the last attempt
    usage: Mapping[str, float] = field(default_factory=dict)  # of the account's windows, as last reported
    deferred: int = 0  # decisions of the current step, or the one just finished, that need your review
    questions: int = 0  # of them, those you were asked about
    asking: Asking | None = None  # the current or last question to you
    gate: GateClosed | None = None
    opened: GateOpened | None = None
    stopped: RunStopped | None = None  # the run waits for a `resumed`
    trial: TrialMerged | None = None  # since the gate opened last
    url: str = ""
    watched_until: str = ""  # the end of the time in which its checks are watched
    checks: ChecksSeen | None = None
    merged: str = ""  # the commit the pull request became
    pushed: bool = False

    @property
    def step(self) -> PlannedStep | None:
        """The step the run is at, None before the start and after the last."""
        if self.plan is None or self.index >= len(self.plan.steps):
            return None
        return self.plan.steps[self.index]

    @property
    def unfinished(self) -> bool:
        """Whether the run has begun and is neither complete nor abandoned."""
        return self.phase not in ("none", "complete", "abandoned")

    @property
    def branch(self) -> str:
        """The branch of the run's plan, "" before there is a plan."""
        return self.plan.branch if self.plan else ""

    @property
    def cost_usd(self) -> float:
        """US dollars that all attempts of the run cost."""
        return sum(item.cost_usd for item in self.spent)

    @property
    def seconds(self) -> float:
        """Seconds that all agents of the run worked."""
        return sum(item.seconds for item in self.spent)

    @property
    def so_far(self) -> tuple[float, float]:
        """Seconds and US dollars of the current attempt's earlier processes."""
        at = self.step.name if self.step else ""
        mine = [item for item in self.spent if (item.step, item.attempt) == (at, self.attempt)]
        return sum(item.seconds for item in mine), sum(item.cost_usd for item in mine)
