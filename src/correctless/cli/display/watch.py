"""Watchers of a run: plain lines, JSON lines, or the live display.

A watcher never ends a run: when the reader goes away, it becomes quiet.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from types import FrameType
from typing import IO, Any

import click

from correctless.agents import Activity
from correctless.base import exits
from correctless.base.exits import Stop
from correctless.cli import typable
from correctless.cli.display import progress
from correctless.runlog.events import LoggedEvent
from correctless.runlog.state import State

ABANDON = signal.SIGUSR1  # ends a dispatcher as SIGTERM does, and it says that its run is abandoned

INTERRUPTED = "interrupted. Continue with: correctless cauto resume"
_ENDING = (
    "\nending the agent, then the run pauses; press Ctrl-C again to end it at once\n",
    "\nending the agent at once\n",
)


class Watcher:
    """Receiver of events and activities; this one shows nothing.

    The dispatcher's thread sends events, any thread activities. Entered while `loop.drive` is at work.
    """

    def before(self, events: Iterable[LoggedEvent]) -> None:
        """Add the events that were recorded before this dispatcher."""

    def event(self, state: State, logged: LoggedEvent) -> None:
        """Show one event, and the state after it."""

    def activity(self, item: Activity) -> None:
        """Show one activity of the agent or the dispatcher."""

    def interrupted(self, times: int) -> None:
        """Note a Ctrl-C, the first or the second; called by a signal handler."""

    def continued(self) -> None:
        """Note that the process was stopped for a while."""

    def aside(self) -> AbstractContextManager[None]:
        """Give up the terminal while a question is asked there."""
        return nullcontext()

    def end(self, code: int, message: str) -> None:
        """Report how the command ended; only the first call counts."""

    def __enter__(self) -> Watcher:
        return self

    def __exit__(self, *_: object) -> None:
        """Wait until everything is shown."""


def choose(*, plain: bool, as_json: bool, env: Mapping[str, str]) -> Watcher:
    """Choose the watcher: the live display if the terminal can show it."""
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


class PlainWatcher(Watcher):
    """One line for each event, on standard error."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # one line at a time from all threads

    def event(self, state: State, logged: LoggedEvent) -> None:
        """Print one event."""
        with self._lock:
            write_safely(sys.stderr, lambda: progress.event(state, logged))

    def activity(self, item: Activity) -> None:
        """Print one activity."""
        with self._lock:
            write_safely(sys.stderr, lambda: progress.activity(item))

    def interrupted(self, times: int) -> None:
        # Not through the stream: the signal may have come in the middle of a write to it.
        """Print what Ctrl-C does now."""
        with suppress(OSError):
            os.write(2, _ENDING[times > 1].encode())


class JsonWatcher(PlainWatcher):
    """Each event as one JSON line on standard output.

    Nothing else is printed there. The last line says how it ended.
    """

    def __init__(self) -> None:
        super().__init__()
        self._ended = False

    def event(self, state: State, logged: LoggedEvent) -> None:  # noqa: ARG002 the shape of a watcher
        """Print one event as JSON."""
        out(progress.as_json(logged))

    def end(self, code: int, message: str) -> None:
        """Print the last line, once."""
        if not self._ended:
            self._ended = True
            out(json.dumps({"event": "end", "exit": code, "message": typable(message)}))


def out(text: str) -> None:
    """Print text on standard output now; a closed pipe is no error."""
    write_safely(sys.stdout, lambda: click.echo(text))


def write_safely(stream: IO[str] | None, say: Callable[[], None]) -> None:
    """Write to a stream; after a failure write nothing there any more."""
    try:
        say()
        if stream is not None:
            stream.flush()
    except (OSError, ValueError):  # a closed pipe, a full disk, a stream that is closed
        with suppress(OSError, ValueError, AttributeError):
            # Python's buffered output would fail again at its exit and change the exit code.
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())  # type: ignore[union-attr]


@contextmanager
def reporting(watcher: Watcher) -> Iterator[Watcher]:
    """Report every failure of the work inside to the watcher.

    The work itself reports how it ends well.
    """
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
    """Turn SIGINT, SIGTERM, SIGHUP and `ABANDON` into `KeyboardInterrupt`, which has the signal's number.

    The second one ends the run at once. A third is ignored: it would leave an orphan process.
    """
    times = 0

    def interrupt(number: int, _frame: FrameType | None) -> None:
        nonlocal times
        times += 1
        if times <= 2:
            watcher.interrupted(times)
            raise KeyboardInterrupt(number)

    before: dict[signal.Signals, Any] = {}
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, ABANDON):
        # Ignored by the parent (nohup, a shell's background job), so the run ignores it too.
        if signal.getsignal(number) != signal.SIG_IGN:
            before[number] = signal.signal(number, interrupt)
    before[signal.SIGCONT] = signal.signal(signal.SIGCONT, lambda *_: watcher.continued())
    try:
        yield
    finally:
        for number, handler in before.items():
            # Once interrupted, only the last message and the exit code are left.
            signal.signal(number, signal.SIG_IGN if times else handler)
