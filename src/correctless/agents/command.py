"""Any program as an agent: prompt on stdin, answer on stdout, exit code 0."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from correctless.agents import MAX_ANSWER, OVER_ANSWER, Activity, Outcome, Task, state
from correctless.agents.running import End, Running, hold, outcome_from_transcript, over_limit
from correctless.base.exits import REFUSED, USAGE, Stop
from correctless.base.process.lines import OutputLine
from correctless.base.text import one_line


@dataclass(frozen=True, slots=True)
class Command:
    """Agent with an argv whose program is absolute or a bare name for PATH.

    `extra` overrides the task's environment.
    """

    spelled: str
    argv: tuple[str, ...]
    extra: Mapping[str, str] = field(default_factory=dict)
    takes_recorder = False
    continues = False

    def check(self, environment: Mapping[str, str], cwd: str) -> None:  # noqa: ARG002 the shape of Agent
        """Check that the program is found.

        Raises: Stop(3) when it is not.
        """
        path = os.pathsep.join(p for p in environment.get("PATH", "").split(os.pathsep) if os.path.isabs(p))
        if shutil.which(self.argv[0], path=path) is None:
            fix = "install it, make it executable, or name it by its path"
            raise Stop(REFUSED, f"the agent's program '{one_line(self.argv[0])}' is not found. {fix}")

    def hold(self, task: Task) -> Running:
        """Start the program and make it wait."""
        env = {**task.environment, **self.extra}
        process = hold(task, self.argv, env, state.needs(self.argv[0], env, task.state))
        return Running(process, task, _Answer(task), task.prompt.encode())

    def outcome_from_transcript(self, task: Task) -> Outcome:
        """Compute the outcome of an interrupted attempt from its transcript."""
        return outcome_from_transcript(_Answer(task), task.transcript)


def command(spelled: str, cwd: str) -> Command:
    """Return the agent of `command:<spelled>`.

    A program with a slash is taken from `cwd`.
    """
    try:
        program, *rest = shlex.split(spelled)
    except ValueError as error:
        why = "no program" if "unpack" in str(error) else str(error)
        raise Stop(
            USAGE, f"command:{one_line(spelled)} cannot be split: {why}. quote it as in a shell"
        ) from None
    if os.sep in program:
        program = os.path.normpath(os.path.join(cwd, program))
    argv = (program, *rest)
    return Command(f"command:{shlex.join(argv)}", argv)


class _Answer:
    """Standard output as the answer; standard error goes to the transcript only."""

    answered = False  # a program has finished its answer when it exits
    over: Literal[""] = ""  # it reports neither its turns nor its cost

    def __init__(self, task: Task) -> None:
        self._task = task
        self._answer = bytearray()
        self._over = False
        self._stderr = ""

    def raw(self, line: OutputLine) -> bytes:
        return b"stderr: " * line.first + line.data if line.stream == "err" else line.data

    def feed(self, line: OutputLine) -> Iterator[Activity]:
        text = one_line(line.data[:1000].decode(errors="replace")) if line.first else ""
        if line.stream == "err":
            self._stderr = text or self._stderr
        else:
            self._over = self._over or len(self._answer) + len(line.data) > MAX_ANSWER
            if not self._over:
                self._answer += line.data + b"\n" * line.last
        if text:
            yield Activity("text", text)

    def outcome(self, end: End) -> Outcome:
        answer = self._answer.removesuffix(b"\n").decode(errors="replace")
        faults = []
        if end.too_much:
            faults.append(end.too_much)
        elif end.timed_out:
            faults.append(over_limit(end.timed_out, self._task))
        elif end.code != 0:
            faults.append(f"exit code {end.code}")
        if self._over:
            faults.append(OVER_ANSWER)
        elif not answer.strip():
            faults.append("the answer is empty")
        if faults and self._stderr:
            faults.append(f"standard error: {self._stderr}")
        return Outcome(
            kind="failed" if faults else "ok",
            answer=answer,
            reason="; ".join(faults),
            exit_code=end.code,
            session=self._task.session,
            over=end.timed_out or "",
        )
