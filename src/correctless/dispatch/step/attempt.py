"""One attempt's agent, from its held process to its end: only this module starts a run's agents."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any

from correctless.agents import (
    MAX_ANSWER,
    OVER_ANSWER,
    Activity,
    Limits,
    MakeSandbox,
    Outcome,
    PausedAgent,
    Task,
    recorder,
)
from correctless.agents.recorder import Recorder
from correctless.base import exits
from correctless.base.exits import Stop
from correctless.base.files import replace_file
from correctless.base.process import descendants
from correctless.dispatch.core import frozen_files
from correctless.dispatch.core.context import RunContext, attempt_of, plan_of, sha256, step_of
from correctless.dispatch.step import aside, ask, prompt, untrusted, work
from correctless.dispatch.step.check import set_report_aside
from correctless.dispatch.step.recording import Recording
from correctless.publish import submodules
from correctless.runlog.events import AgentEnded, AttemptFailed, StepContinued, StepStarted
from correctless.runlog.state import State
from correctless.skill.contract import SkillContract

_NONCE = "nonce"
_GRACE_SECONDS = 10.0  # from the result to the end, and from SIGTERM to SIGKILL


class Runner:
    """Holds at most one agent, between `step_started` and `agent_ended`."""

    def __init__(self, ctx: RunContext) -> None:
        self.ctx = ctx
        self._agent: PausedAgent | None = None
        self._nonce = ""
        self._prompt = ""
        self._recorder: Recorder | None = None
        self._part = 1
        self._make: MakeSandbox | None = None
        self._sandbox = ""  # the means of the held agent's sandbox
        self._without_recorder = False  # whether that was told
        self._warned = False  # that it is missing, or lacks what the configuration names
        self._earlier_prompts: dict[str, bytes] = {}  # of the earlier parts of the session
        self._earlier_answer = b""  # of those parts, whose decisions are not recorded yet
        self._began: float | None = None  # when the held agent was released

    def start(self, state: State, attempt: int) -> StepStarted:
        """Hold a process for the agent; return the event to log before it runs."""
        ctx, plan, step = self.ctx, plan_of(state), step_of(state)
        status = ctx.repo.status()
        if status.head is not None and (module := submodules.changed_at(ctx.repo, status.head, status.links)):
            raise Stop(
                exits.REFUSED,
                f"{module} is a submodule that is not what this branch's commit names, and no run can commit it. keep what you "
                f"want of it, put it back with: {submodules.put_back(module)}; then continue with: correctless cauto resume",
            )
        if status.changed or status.head is None:
            raise Stop(
                exits.REFUSED,
                f"{ctx.repo.top} has changes that no step of the run made. commit or stash them, "
                "then continue with: correctless cauto resume",
            )
        base = status.head
        folder = ctx.folder(attempt_of(state, attempt))
        os.makedirs(folder, mode=0o700, exist_ok=True)
        if step.report:
            set_report_aside(ctx.repo.top, step.report, ctx.root, folder)
        self._nonce = ctx.token(4)
        session = _uuid(ctx.token(16))

        def write(contract: SkillContract, *, recorder: bool) -> str:
            return prompt.write(
                plan,
                step,
                contract,
                skill_path=frozen_files.skill_path(ctx.logs, state.run, step),
                spec_path=frozen_files.spec_path(ctx.logs, state.run),
                nonce=self._nonce,
                recorder=recorder,
                retry_note=state.retry_note,
                decided=ask.decided(ctx, state.run),
            )

        self._prepare_sandbox(state)
        git_before = untrusted.begin(ctx, state, attempt)
        agent = self._hold(state, attempt, session, write)
        return StepStarted(
            step=step.name,
            attempt=attempt,
            nonce_sha256=sha256(self._nonce.encode()),
            session=session,
            group=agent.pgid,
            mark=agent.mark,
            base=base,
            prompt_sha256=sha256(_bytes(self._prompt)),
            sandbox=self._sandbox,
            git_before=git_before,
        )

    def resume(self, state: State, part: int) -> StepContinued | AttemptFailed:
        """Hold a further process of the current attempt's session; discard the attempt when its worktree differs."""
        ctx, step = self.ctx, step_of(state)
        self._refuse_orphans(state)
        folder = ctx.folder(attempt_of(state))
        nonce = work.read(ctx, os.path.join(folder, _NONCE))
        fault = ""
        if state.phase == "suspended" and ctx.repo.fingerprint() != state.left:
            fault = "the worktree has changed since the agent was interrupted"
        elif sha256(nonce) != state.nonce_sha256:
            fault = "the nonce of its decisions block is no longer on disk"
        before = self._recorded_answer(state) if state.phase == "suspended" else b""
        if before is None:
            fault = fault or "its earlier answer is no longer on disk"
        if fault:
            return work.discard(ctx, state, counted=False, reason=f"its session can't continue: {fault}")
        self._nonce = nonce.decode()
        self._earlier_answer = before or b""
        # While an agent lives, its nonce is not on disk.
        prompts = [name for name in os.listdir(folder) if name.startswith("prompt")]
        self._earlier_prompts = {name: work.read(ctx, os.path.join(folder, name)) for name in prompts}
        for name in (_NONCE, *prompts):
            os.unlink(os.path.join(folder, name))
        self._prepare_sandbox(state)
        git_before = untrusted.begin(ctx, state, state.attempt, part)
        agent = self._hold(
            state,
            state.attempt,
            state.session,
            lambda contract, *, recorder: prompt.resume(  # noqa: ARG005 the block is asked for either way
                contract, self._nonce, reason=state.reason, answers=ask.answers(ctx, state)
            ),
            part=part,
        )
        return StepContinued(
            step=step.name,
            attempt=state.attempt,
            part=part,
            group=agent.pgid,
            mark=agent.mark,
            prompt_sha256=sha256(_bytes(self._prompt)),
            sandbox=self._sandbox,
            git_before=git_before,
        )

    def finish(self, state: State) -> AgentEnded:
        """Run the held agent to its end; one of another dispatcher died with it."""
        ctx = self.ctx
        if self._agent is None:
            self._refuse_orphans(state)
            return self._lost(state)
        self._began = time.monotonic()
        outcome = self._agent.release(ctx.activity)
        self._agent = None
        untrusted.restore_git(ctx, state)
        self._stop_recording()
        return self._ended(state, outcome.kind, outcome)

    def end(self) -> Outcome | None:
        """End a held agent and its whole group; return its outcome if it ran."""
        agent, self._agent = self._agent, None
        outcome = agent.end() if agent is not None else None
        if self._recorder is not None:
            self._recorder.close()
            self._recorder = None
        return outcome if self._began is not None else None

    def cut_off(self, state: State, *, resumable: bool) -> AgentEnded | None:
        """End a running agent and return how it ended; `resumable`: its session may be continued."""
        outcome = self.end()
        if outcome is None or state.phase != "running":
            return None
        try:
            untrusted.restore_git(self.ctx, state)
        except Stop:
            return None  # its end is not recorded: the next resume compares again
        if outcome.kind == "ok":
            # Its answer is complete: a continued session would have nothing to add.
            return self._ended(state, "ok", outcome)
        reason = "interrupted" if resumable else "the dispatcher could not continue"
        return self._ended(
            state, "interrupted", replace(outcome, reason=reason, over=""), resumable=resumable
        )

    def _hold(
        self, state: State, attempt: int, session: str, write: Callable[..., str], *, part: int = 1
    ) -> PausedAgent:
        ctx, plan, step = self.ctx, plan_of(state), step_of(state)
        contract = frozen_files.read_skill(ctx.logs, state.run, step)
        agent = ctx.agent(step.agent, ctx.repo.top)
        servers = frozen_files.servers(ctx.logs, state.run, plan) if agent.takes_recorder else {}
        if agent.takes_recorder:
            recording = Recording(ctx, contract, attempt_of(state, attempt))
            self._recorder = self._recorder_of(recording, servers)
        self._prompt = write(contract, recorder=self._recorder is not None)
        self._part = part
        self._began = None
        task = replace(
            self._task(state, attempt, part),
            prompt=self._prompt,
            session=session,
            sandbox=self._make,
            # a server is named by a project for its agents to use: all of it is allowed
            tools=(*step.tools, *(f"mcp__{name}" for name in servers)),
            mcp_config=self._recorder.config
            if self._recorder
            else recorder.config_without(ctx.folder(attempt_of(state, attempt)), servers),
        )
        if plan.instructions_sha256:
            system = frozen_files.read(
                ctx.logs, state.run, frozen_files.INSTRUCTIONS, plan.instructions_sha256
            )
            task = replace(task, system=system.decode("utf-8", "replace"))
        self._agent = agent.hold(task)
        ctx.lock.note(f"run {state.run}, step {step.name}", group=self._agent.pgid)
        return self._agent

    def _prepare_sandbox(self, state: State) -> None:
        """Make the sandbox before the snapshot of git's files: the files it needs are ours, not an agent's."""
        means, fault, self._make = self.ctx.sandbox(state.run, plan_of(state))
        if not self._warned:
            self._warned = True
            if fault:
                self.ctx.activity(Activity("warning", f"agents run without a sandbox: {fault}"))
            for path in self.ctx.missing(state.run, plan_of(state)) if means else ():
                text = f"{path} is missing, so agents neither see nor write it. make it, or remove it from the configuration"
                self.ctx.activity(Activity("warning", text))
        self._sandbox = means.name if means else ""

    def _task(self, state: State, attempt: int, part: int) -> Task:
        """Return the task of a process without its prompt."""
        ctx, plan, step = self.ctx, plan_of(state), step_of(state)
        return Task(
            run=state.run,
            step=step.name,
            attempt=attempt,
            prompt="",
            system="",
            cwd=ctx.repo.top,
            environment=ctx.environment(plan, attempt_of(state, attempt)),
            tools=step.tools,
            limits=_limits(state),
            session=state.session,
            model=step.model,
            plugin_dirs=(),
            transcript=os.path.join(ctx.folder(attempt_of(state, attempt)), _numbered("transcript", part)),
            inherit=(ctx.lock.fd,),
            resume=part > 1,
            state=ctx.private(state.run),
        )

    def _refuse_orphans(self, state: State) -> None:
        if orphans := descendants.marked(state.mark):
            # What left the agent's group no longer has the lock, and would write into the next attempt.
            raise Stop(
                exits.LOCKED,
                f"process {', '.join(map(str, sorted(orphans)))} of the last attempt of {step_of(state).name} still lives. "
                "wait for it, or end it with: correctless cauto stop",
            )

    def _lost(self, state: State) -> AgentEnded:
        """Return the end of an agent whose dispatcher died: cost and answer are read from its transcript."""
        task = self._task(state, state.attempt, state.part)
        transcript = self.ctx.agent(step_of(state).agent, self.ctx.repo.top).outcome_from_transcript(task)
        seconds = 0.0
        with suppress(OSError):
            # Until its last output: the time from then to the resume is no work.
            seconds = os.path.getmtime(task.transcript) - datetime.fromisoformat(state.began_at).timestamp()
        outcome = replace(
            transcript, reason="the dispatcher ended while the agent ran", resume_at=None, over=""
        )
        answer = _joined(self._recorded_answer(state) or b"", outcome.answer)[:MAX_ANSWER]
        self._write_answer(state, answer)
        return _event(state, "interrupted", outcome, max(0.0, seconds), answer)

    def _recorded_answer(self, state: State) -> bytes | None:
        """Return the recorded answer of the attempt's agent so far; None when it is not on disk any more."""
        if state.answer_sha256 in ("", sha256(b"")):
            return b""
        folder = self.ctx.folder(attempt_of(state))
        answer = work.read(self.ctx, os.path.join(folder, "answer.md"))
        return answer if sha256(answer) == state.answer_sha256 else None

    def _write_answer(self, state: State, answer: bytes) -> None:
        folder = self.ctx.folder(attempt_of(state))
        replace_file(os.path.join(folder, "answer.md"), answer, mode=0o600)

    def _ended(self, state: State, kind: str, outcome: Outcome, *, resumable: bool = True) -> AgentEnded:
        ctx, step = self.ctx, step_of(state)
        ctx.lock.note(f"run {state.run}, step {step.name}")
        folder = ctx.folder(attempt_of(state))
        # Only now: while the agent lived, its nonce was not on disk. Only people read the prompts again, so they are not durable;
        # without the nonce the answer could not be read.
        prompt_name = f"{_numbered('prompt', self._part)}.md"
        for name, text in {**self._earlier_prompts, prompt_name: _bytes(self._prompt)}.items():
            replace_file(os.path.join(folder, name), text, mode=0o600, durable=False)
        self._earlier_prompts = {}
        replace_file(os.path.join(folder, _NONCE), _bytes(self._nonce), mode=0o600)
        assert self._began is not None
        seconds = time.monotonic() - self._began
        self._began = None
        cut_off = kind in ("paused", "interrupted") or outcome.over in ("usd", "wall")
        fingerprint = aside.fingerprint(ctx, state) if step.session and resumable and cut_off else ""
        answer, self._earlier_answer = _joined(self._earlier_answer, outcome.answer), b""
        if len(answer) > MAX_ANSWER:
            answer, fingerprint = answer[:MAX_ANSWER], ""
            if kind == "ok":
                kind, outcome = "failed", replace(outcome, reason=OVER_ANSWER)
        self._write_answer(state, answer)
        return replace(_event(state, kind, outcome, seconds, answer), left=fingerprint)

    def _recorder_of(self, recording: Recording, servers: Mapping[str, Any]) -> Recorder | None:
        if recorder.available():
            return Recorder(recording, on_failure=self._kill, servers=servers)
        if not self._without_recorder:
            self._without_recorder = True
            self.ctx.activity(Activity("warning", recorder.MISSING))
        return None

    def _kill(self) -> None:
        """Kill the agent's group: what it decides can't be recorded any more."""
        if self._agent is not None:
            with suppress(ProcessLookupError):
                # not reaped before `release` returns, so the group id is its own
                os.killpg(self._agent.pgid, signal.SIGKILL)

    def _stop_recording(self) -> None:
        """Accept no more decisions from the attempt's agent, even if some of it still lives."""
        used, self._recorder = self._recorder, None
        if used is not None:
            used.close()
            if used.failed is not None:
                raise used.failed


def _limits(state: State) -> Limits:
    plan, step = plan_of(state), step_of(state)
    seconds, usd = state.so_far if state.phase in ("suspended", "continuing", "running") else (0.0, 0.0)
    remaining = plan.usd - state.cost_usd if plan.usd is not None else None
    own = step.usd - usd if step.usd is not None else None
    money = [max(amount, 0.01) for amount in (remaining, own) if amount is not None]
    return Limits(
        idle_s=step.idle_minutes * 60,
        wall_s=max(1.0, min(step.minutes * 60 - seconds, plan.minutes * 60 - state.seconds)),
        turns=step.turns,
        usd=min(money) if money else None,
        grace_s=_GRACE_SECONDS,
        extra_usage=plan.extra_usage != "never",
    )


def _numbered(name: str, part: int) -> str:
    return name if part == 1 else f"{name}-{part}"


def _joined(before: bytes, answer: str) -> bytes:
    """Return all messages of a session in order, each on lines of its own."""
    return b"\n".join(part for part in (before, _bytes(answer)) if part)


def _event(state: State, kind: str, outcome: Outcome, seconds: float, answer: bytes) -> AgentEnded:
    return AgentEnded(
        step=step_of(state).name,
        attempt=state.attempt,
        outcome=kind,
        reason=outcome.reason,
        resume_at=outcome.resume_at,
        answer_sha256=sha256(answer),
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
