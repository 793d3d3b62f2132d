"""The frozen plan of a run, in the first event of its log.

A field that comes later has a default: each release reads the logs of all before it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from correctless.base.values import frozen


@frozen
class PlannedStep:
    """One step as it was frozen at the start."""

    name: str  # the skill's name; `name-2` where it is the second step of that skill
    files: Mapping[str, str]  # the skill's frozen files, relative to the step's frozen folder -> SHA-256
    untrusted: bool  # its work is kept only if the check passes and nothing of ours was touched
    tools: tuple[str, ...]
    check: tuple[str, ...] | None
    report: str | None
    agent: str
    model: str | None
    minutes: float
    idle_minutes: float
    turns: int
    usd: float | None
    report_required: bool = True  # a missing one fails the attempt; else it needs a human decision
    session: bool = False  # its agent can continue a session
    fork: bool = False  # its skill runs isolated: it cannot ask you


@frozen
class Plan:
    """What a run does, decided before its first step and taken from the base commit."""

    branch: str
    base: str  # the commit the run starts from
    spec: str  # path in the repository
    spec_sha256: str
    pipeline: str
    intensity: str
    steps: tuple[PlannedStep, ...]
    left_out: Mapping[str, str]  # step -> why it is not run
    attempts: int
    confirm_channels: tuple[str, ...]
    confirmers: tuple[str, ...]
    protected: tuple[str, ...]
    outputs: tuple[str, ...]
    agent_env: tuple[str, ...]
    publish_credentials: bool
    minutes: float
    usd: float | None
    on_limit: str
    pr: tuple[str, ...]  # ("gh",), ("skip",) or an argv
    remote: str
    target: str  # the branch the pull request is against
    message: str
    signoff: bool
    labels: Mapping[str, str]
    test: tuple[str, ...] | None
    instructions_sha256: str | None  # of the project's own instructions, passed to every agent
    mcp_sha256: str | None = None  # of the file of MCP servers that every agent gets
    on_escalation: str = "defer"  # ask: you at the terminal, before the check; halt: pause after the step
    git_sha256: str = ""  # of git's hooks and settings of the repository at the start; "" in older logs
    squash: bool = False  # the steps' commits become one at consolidation
    ask_minutes: float = 10.0  # time to answer
    silent: str = "warn"  # defer: an attempt that reports no decision point needs your review
    stop_at_usage: Mapping[str, float] = field(default_factory=dict)  # window -> percent at which to pause
    extra_usage: str = "allow"  # or never: pause where the account would pay for more than it includes
    keep_awake: bool = True  # the machine, while a dispatcher works
    notify: tuple[str, ...] | None = None  # the command to run when you are needed
    park: str | None = None  # the remote a stopped run is parked on
    merge: str = ""  # the run contract that may allow the merge of the pull request; "": it is not merged
    merge_minutes: float = 60.0  # how long to wait for its terms
    ci_wait_minutes: float = 0.0  # how long the checks of the pull request are watched; 0: not at all
    sandbox: str = "auto"  # require: no agent starts without one; off: none has one
    writable: tuple[str, ...] = ()  # outside of the worktree, in a sandbox
    readable: tuple[str, ...] = ()  # what a sandbox hides otherwise
    pr_draft: bool = False  # the pull request is opened as a draft
    pr_labels: tuple[str, ...] = ()  # that it gets
    pr_reviewers: tuple[str, ...] = ()  # who are asked to review it: a login, or org/team
    pr_remote: str = ""  # whose repository the pull request is opened in; "": `remote`

    @property
    def base_remote(self) -> str:
        """Return the remote that has the branch the pull request is against."""
        return self.pr_remote or self.remote

    def step(self, name: str) -> PlannedStep | None:
        """Return the step of this name, if there is one."""
        return next((step for step in self.steps if step.name == name), None)
