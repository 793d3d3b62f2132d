"""One attempt's agent, from its held process to its end; the only place where agents are started."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

from correctless import exits, process
from correctless.agents import Activity, Held, Limits, Outcome, Task, recorder
from correctless.agents.recorder import Recorder
from correctless.dispatch import freeze, prompt
from correctless.dispatch.recording import Recording
from correctless.dispatch.surroundings import Surroundings, plan_of, sha256, step_of
from correctless.exits import Stop
from correctless.repo import replace_file
from correctless.runlog.events import AgentEnded, StepStarted
from correctless.runlog.state import State

_GRACE_SECONDS = 10.0  # from the result to the end, and from SIGTERM to SIGKILL


class Runner:
    """Holds at most one agent, between `step_started` and `agent_ended`."""

    def __init__(self, around: Surroundings) -> None:
        self.around = around
        self._held: Held | None = None
        self._nonce = ""
        self._prompt = ""
        self._recorder: Recorder | None = None

    def start(self, state: State, attempt: int) -> StepStarted:
        """A process that waits to become the agent, and the event that must be durable before it does."""
        around, plan, step = self.around, plan_of(state), step_of(state)
        contract = freeze.check_skill(around.logs, state.run, step)
        if around.repo.dirty_files():
            raise Stop(
                exits.REFUSED,
                f"{around.repo.top} has changes that no step of the run made. commit or stash them, "
                "then go on with: correctless cauto resume",
            )
        base = around.repo.head()
        folder = around.folder(state.run, step.name, attempt)
        os.makedirs(folder, mode=0o700, exist_ok=True)
        if step.report:
            self._set_report_aside(step.report, folder)
        agent = around.agent(step.agent, around.repo.top)
        servers = _servers(around, state) if agent.takes_recorder else {}
        if agent.takes_recorder:
            recording = Recording(around, contract, state.run, step.name, attempt)
            self._recorder = self._recorder_of(recording, servers)
        self._nonce = around.token(4)
        self._prompt = prompt.write(
            plan,
            step,
            contract,
            skill_path=freeze.skill_path(around.logs, state.run, step),
            spec_path=os.path.join(around.logs.folder(state.run), "frozen", freeze.SPEC),
            nonce=self._nonce,
            recorder=self._recorder is not None,
            retry_note=state.retry_note,
        )
        system = b""
        if plan.instructions_sha256:
            system = freeze.read_frozen(around.logs, state.run, freeze.INSTRUCTIONS, plan.instructions_sha256)
        session = _uuid(around.token(16))
        task = Task(
            run=state.run,
            step=step.name,
            attempt=attempt,
            prompt=self._prompt,
            system=system.decode("utf-8", "replace"),
            cwd=around.repo.top,
            environment=around.environment(state.run, plan, step.name, attempt),
            # a server is named by a project for its agents to use: all of it is allowed
            tools=(*step.tools, *(f"mcp__{name}" for name in servers)),
            limits=_limits(state),
            session=session,
            model=step.model,
            plugin_dirs=(),
            transcript=os.path.join(folder, "transcript"),
            inherit=(around.lock.fd,),
            mcp_config=self._recorder.config if self._recorder else _without_recorder(folder, servers),
        )
        self._held = agent.hold(task)
        around.lock.note(f"run {state.run}, step {step.name}", group=self._held.pgid)
        return StepStarted(
            step=step.name,
            attempt=attempt,
            nonce_sha256=sha256(self._nonce.encode()),
            session=session,
            group=self._held.pgid,
            mark=self._held.mark,
            base=base,
            prompt_sha256=sha256(_bytes(self._prompt)),
        )

    def finish(self, state: State) -> AgentEnded:
        """Let the held agent run to its end; one that another dispatcher held died with it."""
        around, step = self.around, step_of(state)
        if self._held is None:
            if left := process.marked(state.mark):
                # What left the agent's group has let go of the lock, and would go on writing into the next attempt.
                raise Stop(
                    exits.LOCKED,
                    f"process {', '.join(map(str, sorted(left)))} of the last attempt of {step.name} still lives. "
                    "wait for it, or end it with: correctless cauto stop",
                )
            outcome = Outcome(kind="failed", answer="", reason="the dispatcher ended while the agent ran")
            seconds = (around.now() - datetime.fromisoformat(state.began_at)).total_seconds()
            return _ended(state, "interrupted", outcome, max(0.0, seconds))
        began = time.monotonic()
        outcome = self._held.release(around.activity)
        self._held = None
        self._stop_recording()
        around.lock.note(f"run {state.run}, step {step.name}")
        folder = around.folder(state.run, step.name, state.attempt)
        # Only now: while the agent lived, nothing on disk told its nonce to anybody.
        for name, text in (
            ("prompt.md", self._prompt),
            ("nonce", self._nonce),
            ("answer.md", outcome.answer),
        ):
            replace_file(os.path.join(folder, name), _bytes(text), mode=0o600)
        return _ended(state, outcome.kind, outcome, time.monotonic() - began)

    def end(self) -> None:
        """End a held agent and its whole group: nothing this dispatcher started outlives it."""
        if self._held is not None:
            self._held.end()
            self._held = None
        if self._recorder is not None:
            self._recorder.close()
            self._recorder = None

    def _recorder_of(self, recording: Recording, servers: Mapping[str, Any]) -> Recorder | None:
        if recorder.available():
            return Recorder(recording, on_failure=self._kill, servers=servers)
        missing = (
            "the MCP SDK is not installed: decisions come by the block alone. install correctless[claude]"
        )
        self.around.activity(Activity("warning", missing))
        return None

    def _kill(self) -> None:
        """The agent's group gone at once: what it decides can't be recorded any more, so it must not go on."""
        if self._held is not None:
            with suppress(ProcessLookupError):
                # not reaped before `release` is over: the id is its own
                os.killpg(self._held.pgid, signal.SIGKILL)

    def _stop_recording(self) -> None:
        """From here on nothing of this attempt is added by its agent, whatever of it still lives."""
        used, self._recorder = self._recorder, None
        if used is not None:
            used.close()
            if used.failed is not None:
                raise used.failed

    def _set_report_aside(self, report: str, folder: str) -> None:
        # A report that is there afterwards was written in this attempt, whatever clocks and commits say.
        path = os.path.join(self.around.repo.top, report)
        if os.path.lexists(path):
            os.replace(path, os.path.join(folder, "report-before"))


def _servers(around: Surroundings, state: State) -> dict[str, Any]:
    frozen = plan_of(state).mcp_sha256
    if frozen is None:
        return {}
    return freeze.mcp_servers(freeze.read_frozen(around.logs, state.run, freeze.MCP, frozen))


def _without_recorder(folder: str, servers: Mapping[str, Any]) -> str | None:
    if not servers:
        return None
    path = os.path.join(folder, freeze.MCP)
    replace_file(path, json.dumps({"mcpServers": servers}).encode(), mode=0o600)
    return path


def _limits(state: State) -> Limits:
    plan, step = plan_of(state), step_of(state)
    left = plan.usd - state.cost_usd if plan.usd is not None else None
    money = [amount for amount in (left, step.usd) if amount is not None]
    return Limits(
        idle_s=step.idle_minutes * 60,
        wall_s=min(step.minutes * 60, plan.minutes * 60 - state.seconds),
        turns=step.turns,
        usd=min(money) if money else None,
        grace_s=_GRACE_SECONDS,
    )


def _ended(state: State, kind: str, outcome: Outcome, seconds: float) -> AgentEnded:
    return AgentEnded(
        step=step_of(state).name,
        attempt=state.attempt,
        outcome=kind,
        reason=outcome.reason,
        resume_at=outcome.resume_at,
        answer_sha256=sha256(_bytes(outcome.answer)),
        seconds=round(seconds, 3),
        cost_usd=outcome.cost_usd,
        cost_estimated=outcome.cost_estimated,
        tokens=outcome.tokens,
        turns=outcome.turns,
        over=outcome.over,
        usage=dict(outcome.usage),
    )


def _uuid(digits: str) -> str:
    # With the version and variant bits of a random UUID; the client refuses others.
    fixed = f"{digits[:12]}4{digits[13:16]}a{digits[17:]}"
    return "-".join((fixed[:8], fixed[8:12], fixed[12:16], fixed[16:20], fixed[20:]))


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
