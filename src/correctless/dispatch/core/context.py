"""A dispatcher's context: repository, logs, lock, clock and agents."""

from __future__ import annotations

import hashlib
import os
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial

from correctless import agents, sandbox
from correctless.agents import Activity, Agent, MakeSandbox
from correctless.agents.environment import environment
from correctless.base.clock import utcnow
from correctless.decisions.decision import Attempt
from correctless.dispatch.core.decisions_log import DecisionsLog
from correctless.ledger.heads import noting
from correctless.project.git import Repo, WorktreeStatus
from correctless.project.git.before import Before
from correctless.project.git.settings import push_urls
from correctless.project.lock import Lock
from correctless.project.paths import Logs
from correctless.runlog.plan import Plan, PlannedStep
from correctless.runlog.state import State


@dataclass(frozen=True, slots=True)
class Question:
    """One deferred decision, as you are asked about it; all but `number` is a model's or a skill's text."""

    number: int  # of its entry in the decisions log
    step: str
    decision_id: str
    applied: str
    rationale: str
    reason: str


@dataclass(frozen=True, slots=True)
class PersonAnswers:
    """Your answers: entry -> "" to accept the default, else your own text; other entries stay deferred."""

    by: str
    channel: str
    texts: Mapping[int, str]


# Takes the questions and seconds; None without an answer.
Ask = Callable[[Sequence[Question], float], PersonAnswers | None]


@dataclass(slots=True)
class RunContext:
    """What every effect uses; tests pass their own clock, sleep and randomness."""

    repo: Repo
    logs: Logs
    lock: Lock
    env: Mapping[str, str]
    agent: Callable[[str, str], Agent] = agents.named
    now: Callable[[], datetime] = utcnow
    sleep: Callable[[float], None] = time.sleep
    token: Callable[[int], str] = secrets.token_hex  # bytes -> hex digits
    activity: Callable[[Activity], None] = field(default=lambda _: None)
    ask: Ask | None = None  # asks you at this terminal; None if unattended
    parked: str | None = None  # the remote on which the run was parked when it stopped
    unparked: str = ""  # why it could not be parked when it stopped
    before: Before | None = None  # the snapshot to restore after something untrusted ran
    settings: dict[str, bytes] = field(default_factory=dict)  # path -> the git configuration that was frozen
    decisions: DecisionsLog = field(init=False)
    # Answers of git since something untrusted ran last, so that it is asked once:
    # the attempt whose check passed, with the worktree after it; and the configuration without frozen settings.
    checked: tuple[Attempt, WorktreeStatus] | None = None
    scoped: tuple[tuple[str, str], ...] | None = None

    def __post_init__(self) -> None:
        # One instance for the whole run: it remembers what it acknowledged, and reads only what is new.
        self.decisions = DecisionsLog(noting(self.logs.decisions, self.logs.root, self.env, alone=True))

    @property
    def root(self) -> str:
        """The folder that contains the run's files, and in which agents may change any folder."""
        return self.logs.root or self.logs.artifacts

    def folder(self, at: Attempt) -> str:
        """Return `Logs.attempt_folder`."""
        assert at.run is not None
        assert at.step is not None
        assert at.attempt is not None
        return self.logs.attempt_folder(at.run, at.step, at.attempt)

    def private(self, run: str) -> str:
        """Return the folder for the private files of a run's sandboxed agents."""
        return sandbox.private(self.logs.folder(run))

    def sandbox(self, run: str, plan: Plan) -> tuple[sandbox.Means | None, str, MakeSandbox | None]:
        """Return `sandbox_for` this run."""
        return sandbox_for(self.repo, plan, self.logs.folder(run), self.env, self.configuration())

    def missing(self, run: str, plan: Plan) -> tuple[str, ...]:
        """Return the paths of a plan's sandbox that do not exist."""
        return sandbox.missing(
            place_of(self.repo, plan, self.logs.folder(run), self.env, self.configuration())
        )

    def configuration(self) -> tuple[tuple[str, str], ...]:
        """Return git's configuration from its present files, by scope."""
        if self.scoped is None:
            self.scoped = replace(self.repo, settings="").scoped_configuration()
        return self.scoped

    def forget(self) -> None:
        """Drop the answers of git, after something ran that could have changed them."""
        self.checked = self.scoped = None

    def environment(self, plan: Plan, at: Attempt) -> dict[str, str]:
        """Return the environment of an agent, and of commands that run its files."""
        assert at.run is not None
        assert at.step is not None
        assert at.attempt is not None
        no_login = os.path.join(self.logs.folder(at.run), "gh")
        os.makedirs(no_login, exist_ok=True)
        return environment(
            self.env,
            agent_env=plan.agent_env,
            run=at.run,
            step=at.step,
            attempt=at.attempt,
            gh_config_dir=no_login,
            push_urls=push_urls(self.repo.configuration(self.configuration())),
            publish_credentials=plan.publish_credentials,
        )


def sandbox_for(
    repo: Repo,
    plan: Plan,
    folder: str,
    env: Mapping[str, str],
    scoped: Sequence[tuple[str, str]] | None = None,
) -> tuple[sandbox.Means | None, str, MakeSandbox | None]:
    """Return the means of a sandbox, or why it is missing, and its maker; the files of its processes go to `folder`.

    Raises: `Stop(3)` where the plan requires a sandbox and this machine has none.
    """
    means, fault = sandbox.find(plan.sandbox, env, exclude=(repo.top, repo.home))
    if means is None:
        return None, fault, None
    place = place_of(repo, plan, folder, env, scoped)
    sandbox.prepare(place)
    return means, "", partial(sandbox.make, means, place)


def place_of(
    repo: Repo,
    plan: Plan,
    folder: str,
    env: Mapping[str, str],
    scoped: Sequence[tuple[str, str]] | None = None,
) -> sandbox.SandboxPlace:
    """Return the values that a sandbox of this plan is made from."""
    # From git's present files, with all conditional includes: the frozen configuration has only those that apply.
    settings = replace(repo, settings="").configuration(scoped)
    return sandbox.SandboxPlace(repo, plan.branch, folder, env, settings, plan.writable, plan.readable)


def plan_of(state: State) -> Plan:
    """Return the plan of a run that has begun."""
    assert state.plan is not None
    return state.plan


def step_of(state: State) -> PlannedStep:
    """Return the current step of a run."""
    assert state.step is not None
    return state.step


def attempt_of(state: State, number: int | None = None) -> Attempt:
    """Return the current attempt of the current step, or its attempt `number`."""
    return Attempt(state.run, step_of(state).name, state.attempt if number is None else number)


def sha256(data: bytes) -> str:
    """Return the SHA-256 of bytes as hex digits."""
    return hashlib.sha256(data).hexdigest()
