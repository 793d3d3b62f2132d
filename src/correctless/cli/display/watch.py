"""Who is told what a run does: plain lines on standard error, JSON lines on standard output, or the live display.

A watcher never ends a run: when whoever reads goes away, it is quiet from then on.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from types import FrameType, TracebackType
from typing import IO, Any, Protocol

import click

from correctless.agents import Activity
from correctless.base import exits
from correctless.base.exits import Stop
from correctless.cli import typable
from correctless.cli.display import progress
from correctless.runlog.events import Logged
from correctless.runlog.state import State

INTERRUPTED = "interrupted. go on with: correctless cauto resume"
_ENDING = (
    "\nending the agent, then the run pauses; once more ends it at once\n",
    "\nending the agent at once\n",
)


class Watcher(Protocol):
    """Told of events by the dispatcher's thread and of activities by any; entered while `loop.drive` is at work."""

    def before(self, events: Iterable[Logged]) -> None:
        """What is on record already when this dispatcher begins."""

    def event(self, state: State, logged: Logged) -> None: ...

    def activity(self, item: Activity) -> None: ...

    def interrupted(self, times: int) -> None:
        """A person asked for the end, once or twice; called by a signal's handler."""

    def continued(self) -> None:
        """The process was stopped for a while."""

    def aside(self) -> AbstractContextManager[None]:
        """Leave the terminal alone while somebody is asked something there."""

    def end(self, code: int, message: str) -> None:
        """How the command ended; only the first call counts."""

    def __enter__(self) -> Watcher: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def chosen(*, plain: bool, as_json: bool, env: Mapping[str, str]) -> Watcher:
    """The live display on a terminal that can show it, unless a person wants lines or a program wants JSON."""
    if as_json:
        return JsonWatcher()
    if plain or not _can_draw(env):
        return PlainWatcher()
    from correctless.cli.display.live import Live  # rich takes 50 ms to import, and only this needs it

    return Live()


def _can_draw(env: Mapping[str, str]) -> bool:
    stderr = sys.stderr  # None where it was closed before we began
    on_terminal = stderr is not None and stderr.isatty()
    return on_terminal and not env.get("CI") and env.get("TERM", "dumb") not in ("", "dumb", "unknown")


class PlainWatcher:
    """One line an event, on standard error."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # one line at a time, whoever says it

    def before(self, events: Iterable[Logged]) -> None:
        """It stands where it was said then."""

    def event(self, state: State, logged: Logged) -> None:
        with self._lock:
            heard(sys.stderr, lambda: progress.event(state, logged))

    def activity(self, item: Activity) -> None:
        with self._lock:
            heard(sys.stderr, lambda: progress.activity(item))

    def interrupted(self, times: int) -> None:
        # Not through the stream: the signal may have come in the middle of a write to it.
        with suppress(OSError):
            os.write(2, _ENDING[times > 1].encode())

    def continued(self) -> None:
        """Lines need nothing put right."""

    def aside(self) -> AbstractContextManager[None]:
        return nullcontext()

    def end(self, code: int, message: str) -> None:
        """The command says by itself how it ended."""

    def __enter__(self) -> PlainWatcher:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class JsonWatcher(PlainWatcher):
    """Each event as one JSON line on standard output, nothing else there, and a last line that says how it ended."""

    def __init__(self) -> None:
        super().__init__()
        self._ended = False

    def event(self, state: State, logged: Logged) -> None:  # noqa: ARG002 the shape of a watcher
        out(progress.as_json(logged))

    def end(self, code: int, message: str) -> None:
        if not self._ended:
            self._ended = True
            out(json.dumps({"event": "end", "exit": code, "message": typable(message)}))


def out(text: str) -> None:
    """Text and a line end on standard output, now; nobody reading it is no fault."""
    heard(sys.stdout, lambda: click.echo(text))


def heard(stream: IO[str] | None, say: Callable[[], None]) -> None:
    """Say something on a stream; when that fails, whoever read it is gone, and nothing is said there any more."""
    try:
        say()
        if stream is not None:
            stream.flush()
    except (OSError, ValueError):  # a closed pipe, a full disk, a stream that is closed
        with suppress(OSError, ValueError, AttributeError):
            # What Python still holds back would fail again at its exit, and change the exit code.
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())  # type: ignore[union-attr]


@contextmanager
def reported(watcher: Watcher) -> Iterator[Watcher]:
    """The command's work inside; however it fails, the watcher is told. How it ends well, the work says by itself."""
    try:
        yield watcher
    except Stop as stop:
        watcher.end(stop.code, stop.message)
        raise
    except KeyboardInterrupt:
        watcher.end(exits.INTERRUPTED, "interrupted")
        raise
    except click.ClickException as error:
        watcher.end(
            exits.USAGE if isinstance(error, click.UsageError) else exits.REFUSED, error.format_message()
        )
        raise
    except Exception as error:
        watcher.end(exits.REFUSED, f"unexpected {type(error).__name__}: {error}")
        raise


@contextmanager
def interruptible(watcher: Watcher) -> Iterator[None]:
    """SIGINT, SIGTERM and a closed terminal end what is inside by `KeyboardInterrupt`, a second one at once.

    A third is one too many: what a second began takes a moment, and cutting that short would leave an orphan.
    """
    times = 0

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        nonlocal times
        times += 1
        if times <= 2:
            watcher.interrupted(times)
            raise KeyboardInterrupt

    before: dict[signal.Signals, Any] = {}
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # Ignored by whoever started us (nohup, a shell's background job): that holds for the run too.
        if signal.getsignal(number) != signal.SIG_IGN:
            before[number] = signal.signal(number, interrupt)
    before[signal.SIGCONT] = signal.signal(signal.SIGCONT, lambda *_: watcher.continued())
    try:
        yield
    finally:
        for number, handler in before.items():
            # Once interrupted there is only the last word left to say, and the exit code.
            signal.signal(number, signal.SIG_IGN if times else handler)
