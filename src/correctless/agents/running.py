"""One attempt as a process group: limits, transcript and outcome."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import BinaryIO, Literal, Protocol

from correctless.agents import Activity, Outcome, Task
from correctless.base.files import open_plain
from correctless.base.process.lines import LONG, OutputLine, split
from correctless.base.process.process import Limit, Process
from correctless.sandbox.reach import Needs

Spent = Literal["turns", "usd"]
Over = Spent | Literal["extra"]

_PIECE = 1 << 16
_MOST = 1 << 30  # bytes of raw output of one attempt: all of it is stored, and the disk must not fill


@dataclass(frozen=True, slots=True)
class End:
    """How the process ended.

    `by_itself` when it exited before it was ended; `code` as subprocess gives it. `too_much` is the reason
    when it was ended for too much output.
    """

    code: int
    by_itself: bool
    timed_out: Limit | None
    too_much: str = ""


class OutputParser(Protocol):
    """Parser for the output of one kind of agent."""

    @property
    def answered(self) -> bool:
        """Whether the agent's final answer has arrived.

        A short silence is then enough to end the process.
        """

    @property
    def over(self) -> Over | Literal[""]:
        """Limit the agent exceeded by its own account, "" without one.

        It is then ended at once.
        """

    def raw(self, line: OutputLine) -> bytes:
        """Return the line, or the piece of a long one, for the transcript."""

    def feed(self, line: OutputLine) -> Iterable[Activity]:
        """Take one line of output and yield the activities in it."""

    def outcome(self, end: End) -> Outcome:
        """Return the outcome after the process ended."""


class Running:
    """Agent in a process of its own (`agents.PausedAgent`)."""

    def __init__(
        self, process: Process, task: Task, parser: OutputParser, stdin: bytes, *, most: int = _MOST
    ) -> None:
        self._process = process
        self.pgid, self.mark = process.pgid, process.mark
        self._most = most
        self._task = task
        self._parser = parser
        self._stdin = stdin
        self._begun = ""  # the output of which a long line has not ended yet

    def release(self, on_activity: Callable[[Activity], None]) -> Outcome:
        """Run the agent to its end and return the outcome."""
        limits = self._task.limits
        process, parser = self._process, self._parser
        by_itself = False
        too_much = ""
        written = 0
        # 0600: a transcript has what the agent read, and that may be a secret
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        try:
            with open(open_plain(self._task.transcript, flags), "ab", buffering=0) as transcript:
                try:
                    process.release(self._stdin)
                    for line in process.lines(idle_s=limits.idle_s, wall_s=limits.wall_s):
                        # Read completely before `on_activity` is called: an interruption there loses nothing.
                        for activity in self._feed(line, transcript):
                            on_activity(activity)
                        written += len(line.data) + line.last
                        if written > self._most:
                            too_much = f"it wrote more than {self._most:,} bytes"
                        elif line.stream == "out" and not line.last:
                            too_much = f"it wrote a line of more than {LONG >> 20} MiB"
                        if parser.over or too_much:
                            break
                        process.end_after_silence(limits.grace_s if parser.answered else None)
                    by_itself = process.exited
                finally:
                    try:
                        process.end(limits.grace_s)
                    finally:
                        # Output before the end counts; what a background job prints after it does not.
                        for line in () if by_itself or too_much else process.rest():
                            self._feed(line, transcript)
        finally:
            code = process.end(limits.grace_s)
        return parser.outcome(End(code, by_itself, process.timed_out, too_much))

    def _feed(self, line: OutputLine, transcript: BinaryIO) -> list[Activity]:
        # Between two pieces of a long line may come a line of the other output: it gets a line of its own.
        between = b"\n" if self._begun not in ("", line.stream) else b""
        transcript.write(between + self._parser.raw(line) + b"\n" * line.last)
        self._begun = "" if line.last else line.stream
        return list(self._parser.feed(line))

    def end(self) -> Outcome:
        """End the agent at once and return the outcome so far."""
        code = self._process.end(self._task.limits.grace_s)
        outcome = self._parser.outcome(End(code, by_itself=False, timed_out=None))
        if outcome.kind == "ok" and not self._parser.answered:
            # It may have written more than was read by then.
            return replace(outcome, kind="failed", reason="it was ended")
        return outcome


def hold(task: Task, argv: Sequence[str], env: Mapping[str, str], needs: Needs) -> Process:
    """Start the process of an agent, waiting; in a sandbox where the task has one."""
    if task.sandbox is None:
        return Process.hold(argv, cwd=task.cwd, env=env, pass_fds=task.inherit)
    sandbox = task.sandbox(needs, argv, env)
    return Process.hold(argv, cwd=task.cwd, env={**env, **sandbox.environment}, wrap=sandbox.wrap)


def outcome_from_transcript(parser: OutputParser, transcript: str) -> Outcome:
    """Compute the outcome of an interrupted attempt from its transcript."""
    with suppress(OSError), open(open_plain(transcript), "rb") as file:
        for line in split(iter(lambda: file.read(_PIECE), b"")):
            for _ in parser.feed(line):
                pass
    return parser.outcome(End(0, by_itself=False, timed_out=None))


def over_limit(limit: Limit | Over, task: Task) -> str:
    """Return the reason of an attempt that a limit ended."""
    limits = task.limits
    match limit:
        case "idle":
            return f"no output for {limits.idle_s:g} s (idle limit)"
        case "wall":
            return f"it took longer than {limits.wall_s:g} s (wall limit)"
        case "turns":
            return f"it began more than {limits.turns} turns (turn limit)"
        case "usd":
            return f"it spent more than {limits.usd:g} USD (money limit)"
        case "extra":
            return "the account's included usage is used up, and extra_usage is never"
