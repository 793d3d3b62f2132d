"""What a step asks of an agent and what it gets back; `named` turns the word a person wrote into the agent."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, Protocol

from correctless.base.exits import USAGE, Stop
from correctless.base.values import frozen
from correctless.sandbox import Sandbox
from correctless.sandbox.reach import Needs

MakeSandbox = Callable[[Needs, Sequence[str], Mapping[str, str]], Sandbox]  # needs, command, environment

MAX_ANSWER = 8 << 20  # bytes of UTF-8 of all messages of an attempt: more fails it, and is in its transcript


def over_answer() -> str:
    """The reason of an attempt that said more."""
    return f"its answer is over {MAX_ANSWER >> 20} MiB"


@frozen
class Limits:
    """Seconds awake, model turns, US dollars (None: no limit), and the seconds a program gets to end by itself.

    `extra_usage` says whether the account may go on with what is paid for beside its included usage.
    """

    idle_s: float
    wall_s: float
    turns: int
    usd: float | None
    grace_s: float
    extra_usage: bool = True


@frozen
class Task:
    """One attempt of one step, all an agent needs to know.

    `tools` are permission patterns as a skill's allowed-tools writes them; `session` is a UUID, new for each attempt, or
    with `resume` the one to continue; `transcript` is the file the raw output is added to; `inherit` are open files the
    agent's process keeps, such as the run's lock: none in a sandbox, which ends with the dispatcher. `sandbox` makes the
    sandbox around the agent, None for none; `state` is the run's folder for what agents keep.
    """

    run: str
    step: str
    attempt: int
    prompt: str
    system: str
    cwd: str
    environment: Mapping[str, str]
    tools: tuple[str, ...]
    limits: Limits
    session: str
    model: str | None
    plugin_dirs: tuple[str, ...]
    transcript: str
    inherit: tuple[int, ...]
    resume: bool = False
    mcp_config: str | None = None
    sandbox: MakeSandbox | None = None
    state: str = ""


@frozen
class Outcome:
    """How an attempt ended. `answer` is every message of the agent itself in order, its last one included, at most `MAX_ANSWER`
    bytes; it may hold lone surrogates. `reason` is one line for people when it is not ok.

    `paused` is an outage or a usage limit, never the agent's fault; `resume_at` is RFC 3339 in UTC where it is known. `lost` is a
    session that can't be continued: nothing was asked of a model.
    `tokens` counts all of them, cached ones too; `cost_usd` is an estimate where the agent did not say. `usage` is the share of
    each of the account's windows that was used up when last heard, such as ("five_hour", 0.93). `over` is the limit of
    the task that ended it, "" when none did.
    """

    kind: Literal["ok", "failed", "paused", "lost"]
    answer: str
    reason: str = ""
    resume_at: str | None = None
    cost_usd: float = 0.0
    cost_estimated: bool = False
    tokens: int = 0
    turns: int = 0
    exit_code: int | None = None
    session: str = ""
    usage: tuple[tuple[str, float], ...] = ()
    over: Literal["", "idle", "wall", "turns", "usd"] = ""


@frozen
class Activity:
    """Something a watcher may show: `text` is one printable line, `kind` is tool, decision, text, usage, retry, limit, result,
    waiting or warning. A usage is of the whole attempt so far: "48100 tokens, ~0.41 USD", with ~ where it is an estimate.
    """

    kind: str
    text: str


class PausedAgent(Protocol):
    """An agent whose process exists and waits: log `pgid` and `mark` durably, then `release`."""

    @property
    def pgid(self) -> int: ...

    @property
    def mark(self) -> str: ...

    def release(self, on_activity: Callable[[Activity], None]) -> Outcome:
        """Run to the end; whatever happens, also an exception of `on_activity`, nothing of the agent is left running."""

    def end(self) -> Outcome:
        """End everything at once, released or not; what was heard of it until then: `ok` only if that was its last word."""


class Agent(Protocol):
    """Who runs a step."""

    @property
    def spelled(self) -> str:
        """The name a person would write to get this agent again, whatever folder they stand in."""

    @property
    def takes_recorder(self) -> bool:
        """Whether it starts the MCP server of `Task.mcp_config`, so that it can report each decision as it is taken."""

    @property
    def continues(self) -> bool:
        """Whether it can go on with the session of a process that ended (`Task.resume`)."""

    def reckon(self, task: Task) -> Outcome:
        """What the transcript says of an attempt whose end nobody heard; a failure, for its tokens and cost."""

    def check(self, environment: Mapping[str, str], cwd: str) -> None:
        """`Stop(3)` with the fix when the agent cannot be run from `cwd` with this environment."""

    def hold(self, task: Task) -> PausedAgent:
        """Start one attempt and make it wait; `Stop(3)` when that is impossible."""


def named(spelled: str, cwd: str) -> Agent:
    """The agent a person named; what is relative in the name is taken from `cwd`. `Stop(2)` for any other word."""
    # Imported here: these modules are built from the values above, and a run needs only one of them.
    if spelled == "claude":
        from correctless.agents.claude import Claude

        return Claude()
    kind, _, rest = spelled.partition(":")
    if rest.strip() and kind == "command":
        from correctless.agents.command import command

        return command(rest, cwd)
    if rest.strip() and kind == "replay":
        from correctless.agents.replay import Replay

        return Replay.at(rest, cwd)
    raise Stop(USAGE, f"no agent is named '{spelled}'. write claude, 'command:PROGRAM ARG...' or replay:DIR")
