"""One attempt as a process: a held program and a listener in, an outcome out, the whole group ended, the raw output kept."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from correctless.agents import Activity, Outcome, Task
from correctless.process import Limit, Line, Process


@dataclass(frozen=True, slots=True)
class End:
    """How the process went: `by_itself` when it left before it was ended, `code` as subprocess gives it."""

    code: int
    by_itself: bool
    timed_out: Limit | None


class Listener(Protocol):
    """Understands one kind of agent's output."""

    @property
    def answered(self) -> bool:
        """Whether the last word has been heard: then a short silence is enough to end the process."""

    def raw(self, line: Line) -> bytes:
        """The line as the transcript keeps it."""

    def hear(self, line: Line) -> Iterable[Activity]: ...

    def outcome(self, end: End) -> Outcome: ...


class Running:
    """A held agent (`agents.Held`)."""

    def __init__(self, process: Process, task: Task, listener: Listener, stdin: bytes) -> None:
        self._process = process
        self._task = task
        self._listener = listener
        self._stdin = stdin

    @property
    def pgid(self) -> int:
        return self._process.pgid

    @property
    def mark(self) -> str:
        return self._process.mark

    def release(self, on_activity: Callable[[Activity], None]) -> Outcome:
        limits = self._task.limits
        process, listener = self._process, self._listener
        by_itself = False
        try:
            # 0600: a transcript holds what the agent read, and that may be a secret
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
            with open(os.open(self._task.transcript, flags, 0o600), "ab", buffering=0) as transcript:
                process.release(self._stdin)
                for line in process.lines(idle_s=limits.idle_s, wall_s=limits.wall_s):
                    transcript.write(listener.raw(line) + b"\n")
                    for activity in listener.hear(line):
                        on_activity(activity)
                    process.settle(limits.grace_s if listener.answered else None)
                by_itself = process.exited
        finally:
            code = process.end(limits.grace_s)
        return listener.outcome(End(code, by_itself, process.timed_out))

    def end(self) -> None:
        self._process.end(self._task.limits.grace_s)


def over_limit(limit: Limit, task: Task) -> str:
    """The reason of an attempt a limit ended."""
    if limit == "idle":
        return f"nothing was heard for {task.limits.idle_s:g} s (idle limit)"
    return f"it took longer than {task.limits.wall_s:g} s (wall limit)"
