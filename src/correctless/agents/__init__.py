"""Interface of agents: the task of an attempt, its outcome, and `named`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, Protocol

from correctless.base.exits import USAGE, Stop
from correctless.base.values import frozen
from correctless.sandbox import Sandbox
from correctless.sandbox.reach import Needs

MakeSandbox = Callable[[Needs, Sequence[str], Mapping[str, str]], Sandbox]  # needs, command, environment

MAX_ANSWER = 8 << 20  # bytes of UTF-8 of all messages of an attempt: more fails it, and is in its transcript

OVER_ANSWER = f"its answer is over {MAX_ANSWER >> 20} MiB"


@frozen
class Limits:
    """Limits of an attempt: seconds awake, model turns, US dollars, grace period.

    None means no limit. The grace period is the seconds a program gets to exit by itself. `extra_usage` says
    whether the account may continue with paid usage beyond its included usage.
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
    agent's process inherits, such as the run's lock: none in a sandbox, which ends with the dispatcher. `sandbox` makes
    the sandbox around the agent, None for none; `state` is the run's folder for the state of agents.
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
    """Outcome of an attempt: how it ended, its answer, tokens and cost.

    `answer` is every message of the agent itself in order, its last one included, at most `MAX_ANSWER` bytes;
    it may contain lone surrogates. `reason` is one line for you when it is not ok.

    `paused` is an outage or a usage limit, never the agent's fault; `resume_at` is RFC 3339 in UTC where it
    is known. `lost` is a session that cannot be continued: nothing was asked of a model. `tokens` counts all
    of them, cached ones too; `cost_usd` is an estimate where the agent gave none. `usage` is the share of
    each of the account's windows that was used up when last reported, such as ("five_hour", 0.93). `over` is
    the limit of the task that ended it, "" when none did.
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
    """One thing a watcher may show; `text` is one printable line.

    `kind` is tool, decision, text, usage, retry, limit, result, waiting or warning. A usage is of the whole
    attempt so far: "48100 tokens, ~0.41 USD", with ~ where it is an estimate.
    """

    kind: str
    text: str


class PausedAgent(Protocol):
    """Agent whose process exists and waits.

    Log `pgid` and `mark` durably, then call `release`.
    """

    @property
    def pgid(self) -> int:
        """Process group id of the agent."""

    @property
    def mark(self) -> str:
        """Mark that recognizes the agent's processes after a crash."""

    def release(self, on_activity: Callable[[Activity], None]) -> Outcome:
        """Run the agent to its end and return the outcome.

        Nothing of the agent is left running, also when `on_activity` raises.
        """

    def end(self) -> Outcome:
        """End everything at once, released or not, and return the outcome so far.

        It is `ok` only if the agent had finished its answer.
        """


class Agent(Protocol):
    """Who runs a step."""

    @property
    def spelled(self) -> str:
        """Name you would write to get this agent again, from any folder."""

    @property
    def takes_recorder(self) -> bool:
        """Whether it starts the MCP server of `Task.mcp_config`.

        It can then report each decision as it is made.
        """

    @property
    def continues(self) -> bool:
        """Whether it can resume the session of a process that ended (`Task.resume`)."""

    def outcome_from_transcript(self, task: Task) -> Outcome:
        """Compute the outcome of an interrupted attempt from its transcript.

        It is a failure, with the tokens and cost the transcript shows.
        """

    def check(self, environment: Mapping[str, str], cwd: str) -> None:
        """Check that the agent can run from `cwd` with this environment.

        Raises: Stop(3) with the fix when it cannot.
        """

    def hold(self, task: Task) -> PausedAgent:
        """Start one attempt and make it wait.

        Raises: Stop(3) when that is impossible.
        """


def named(spelled: str, cwd: str) -> Agent:
    """Return the agent with this name; relative parts are taken from `cwd`.

    Raises: Stop(2) for an unknown name.
    """
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
