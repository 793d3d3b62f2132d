"""Live display of a run on a terminal: a table drawn in place.

Messages scroll by above it.

One thread owns the terminal and the board. All others put work on its queue, so that no second thread and no Ctrl-C
meets a half-drawn frame. rich draws. This module handles the rest: a terminal that takes nothing, a window that
became narrower, a process that was stopped, a job in the background.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from typing import IO, Any, cast

from rich import live
from rich.cells import cell_len
from rich.console import Console, Group
from rich.control import Control
from rich.segment import ControlType, Segment
from rich.table import Table
from rich.text import Text

from correctless.agents import Activity
from correctless.base.text import duration
from correctless.cli.display import progress
from correctless.cli.display.board import Board, BoardView, Mark, StepRow
from correctless.cli.display.watch import Watcher
from correctless.runlog.events import LoggedEvent
from correctless.runlog.fold import after
from correctless.runlog.state import State

_TICK = 0.25  # seconds between two frames at least
_PATIENCE = 2.0  # seconds to wait for a terminal that takes nothing
_LOOK = 0.05  # seconds between two looks at whether it takes anything
_UP: Any = ((ControlType.CURSOR_UP, 1), (ControlType.ERASE_IN_LINE, 2))
_ASCII = str.maketrans("✓▸·✗–─…", "+>.x--~")
_MARKS: dict[Mark, tuple[str, str]] = {
    "done": ("✓", "green"),
    "running": ("▸", "bold cyan"),
    "paused": ("=", "yellow"),
    "waiting": ("·", "dim"),
    "failed": ("✗", "red"),
    "left out": ("–", "dim"),
}
# With the columns the window must have beside the names. The rest of a step is the least needed.
_COLUMNS = (("attempt", 24), ("time", 14), ("tokens", 55), ("USD", 55), ("decisions", 36))


class Live(Watcher):
    """Watcher that draws on a terminal.

    What it receives before it is entered is shown then.
    """

    def __init__(self, fd: int | None = None, encoding: str | None = None) -> None:
        self._tasks: SimpleQueue[tuple[Callable[[], None], str]] = SimpleQueue()  # with a line to scroll by
        self._board = Board()
        self._screen = Screen(
            sys.stderr.fileno() if fd is None else fd, encoding or sys.stderr.encoding or "utf-8"
        )
        self._thread: threading.Thread | None = None
        self._done = threading.Event()
        self._broken = False
        self._anew = False

    def before(self, events: Iterable[LoggedEvent]) -> None:
        """Add the events before this dispatcher: on the board, not as lines."""
        state = State()
        for logged in events:
            state = after(state, logged)
            self._event(state, logged, "")

    def event(self, state: State, logged: LoggedEvent) -> None:
        """Show one event."""
        if self._broken:
            progress.event(state, logged)
            return
        text = progress.line(state, logged)
        self._event(state, logged, f"{logged.timestamp[11:19]} {text}" if text else "")

    def activity(self, item: Activity) -> None:
        """Show one activity; may be called from any thread."""
        if self._broken:
            progress.activity(item)
            return
        # Limits come with every answer: the board shows the newest.
        now, line = time.monotonic(), progress.activity_line(item) if item.kind != "limit" else ""
        self._tasks.put((lambda: self._board.activity(item, now), line))

    def interrupted(self, times: int) -> None:
        """Note a Ctrl-C.

        Safe in a signal handler: it only puts something on a queue.
        """
        self._tasks.put((lambda: self._board.interrupted(times), ""))

    def continued(self) -> None:
        """Start a new frame after Ctrl-Z: what is above the cursor is not ours."""
        self._anew = True

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Give up the terminal while a question is asked there."""
        self.__exit__()
        try:
            yield
        finally:
            self.__enter__()

    def __enter__(self) -> Live:
        self._broken = self._broken or self._at_work()  # it still is in what it wrote before
        if not self._broken:
            self._done.clear()
            self._thread = threading.Thread(target=self._draw_until_done, name="display", daemon=True)
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Wait for the last frame, but not for a terminal that takes nothing."""
        self._done.set()
        while self._at_work() and not self._screen.stuck(_PATIENCE):
            time.sleep(_LOOK)

    def _at_work(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def _event(self, state: State, logged: LoggedEvent, line: str) -> None:
        now = time.monotonic()
        self._tasks.put((lambda: self._board.event(state, logged, now), line))

    def _draw_until_done(self) -> None:
        board, screen = self._board, self._screen
        try:
            drawn_second = -1
            while not self._done.wait(_TICK):
                lines = self._drain()
                if self._anew:
                    self._anew = False
                    screen.forget()
                view = board.view(time.monotonic())
                second = int(view.total.seconds or 0)
                if lines or second != drawn_second or screen.resized():
                    screen.show(lines, view)
                    drawn_second = second
            screen.close(self._drain())
        except OSError:
            self._broken = True  # the terminal is gone; the run is not
        except Exception as error:  # noqa: BLE001 a fault in the display must not take the run's messages with it
            self._broken = True
            with suppress(OSError):
                screen.close([f"{'':9}the display broke, plain lines follow: {type(error).__name__}"])

    def _drain(self) -> list[str]:
        """Do the queued work; return a line for each, "" for none."""
        lines = []
        with suppress(Empty):
            while True:
                work, line = self._tasks.get_nowait()
                work()
                lines.append(line)
        return lines


class Screen:
    """The bottom of a terminal, where the table is drawn.

    A frame is one write, and the cursor rests visible below it.
    """

    def __init__(self, fd: int, encoding: str) -> None:
        self._fd = fd
        self.encoding = encoding
        self._writes_since: float | None = None
        self.forget()

    def stuck(self, seconds: float) -> bool:
        """Return whether a write has waited for `seconds`; called from another thread."""
        since = self._writes_since
        return since is not None and time.monotonic() - since > seconds

    def resized(self) -> bool:
        """Return whether the window's size changed since the last frame."""
        return self._measure() != self._size

    def forget(self) -> None:
        """Draw the next frame below the current output."""
        self._size = self._measure()
        self._cells: list[int] = []  # width of each line of the drawn board
        self._console = Console(
            file=cast("IO[str]", self),
            force_terminal=True,
            legacy_windows=False,
            highlight=False,
            markup=False,
            emoji=False,
        )
        self._live = live.Live(
            console=self._console,
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=False,
            transient=True,
        )

    def show(self, lines: list[str], view: BoardView) -> None:
        """Draw one frame; `lines` scroll by above the table."""
        if not self._foreground():
            self.close(lines)
            return
        with self._console as console:
            self._fit()
            self._live.start()
            console.show_cursor(True)  # rich hides it, and would show it again only if we end in good order
            board = [_stripped(line) for line in console.render_lines(draw(view, *self._size), pad=False)]
            self._cells = [line.cell_len for line in board]
            self._print(lines)
            self._live.update(Group(*board), refresh=True)

    def close(self, lines: list[str]) -> None:
        """Remove the table and print `lines` in its place."""
        if any(lines) or self._cells:
            with self._console:
                self._fit()
                self._print(lines)
                self._live.stop()
            self.forget()

    def write(self, text: str) -> None:
        """Write text to the terminal; rich uses this object as its file."""
        text = text if "utf" in self.encoding.lower() else text.translate(_ASCII)
        data = memoryview(text.encode(self.encoding, "replace"))
        while data:
            self._writes_since = time.monotonic()
            data = data[os.write(self._fd, data) :]
        self._writes_since = None

    def flush(self) -> None:
        """Do nothing, for rich: no output is buffered."""

    def _print(self, lines: list[str]) -> None:
        if any(lines):
            self._console.print(*_scrolled(self._console, filter(None, lines)), sep="\n")

    def _fit(self) -> None:
        """Move to where rich expects the end of its last frame.

        A narrower window has wrapped the lines of it.
        """
        self._size = columns, lines = self._measure()
        self._console.size = (columns - 1, lines)
        wrapped = sum((cells - 1) // columns for cells in self._cells if cells)
        if wrapped:
            self._console.control(Control(*_UP * wrapped))

    def _measure(self) -> tuple[int, int]:
        size = os.get_terminal_size(self._fd)
        return max(size.columns or 80, 12), max(size.lines or 24, 3)  # some terminals report 0

    def _foreground(self) -> bool:
        try:
            return os.tcgetpgrp(self._fd) == os.getpgrp()
        except OSError:
            return True  # not our controlling terminal, so no other job uses it


def draw(view: BoardView, columns: int, lines: int) -> Group:
    """Draw a view in at most `lines - 2` lines and an empty one.

    Columns that do not fit are left out.
    """
    notes = [_line(f"  {label:<7} {text}") for label, text in view.notes]
    room = lines - 5 - len(notes)
    low = room < 3
    if low:
        room, notes = max(1, lines - 4), notes[-1:] * (lines > 5)
    first = max(0, min(view.current - room // 2, len(view.rows) - room))
    rows = [*view.rows[first : first + room], view.total][: lines - 2]
    name = max(8, min(max(cell_len(row.name) for row in view.rows), 24, columns - 14))
    fits = [columns >= name + beside for _, beside in _COLUMNS]
    header = any(fits) and not low
    table = Table(box=None, show_header=header, header_style="dim", padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column(width=2 + name, no_wrap=True)
    for heading, _ in (column for column, fit in zip(_COLUMNS, fits, strict=True) if fit):
        last = heading == "decisions"
        table.add_column(
            heading, min_width=None if last else 7, justify="left" if last else "right", no_wrap=True
        )
    for row in rows:
        sign, style = _MARKS[row.mark] if row is not view.total else (" ", "bold")
        cells = (cell for cell, fit in zip(_figures(row), fits, strict=True) if fit)
        whole = style if style in ("dim", "bold") else ""
        label = (f" {row.name}", style if style == "bold cyan" else "")
        table.add_row(Text.assemble((sign, style), label), *map(Text, cells), style=whole)
    return Group(*[_line(f"── {view.title} ──", "dim")] * (not low), table, *notes, "")


def _stripped(line: Iterable[Segment]) -> Text:
    """Remove spaces at the end of a line.

    Terminals differ in whether they wrap these when the window becomes narrower.
    """
    text = Text.assemble(*((segment.text, segment.style or "") for segment in line))
    text.rstrip()
    return text


def _line(text: str, style: str = "") -> Text:
    return Text(text, style, no_wrap=True, overflow="ellipsis")


def _figures(row: StepRow) -> tuple[str, str, str, str, str]:
    decisions = str(row.decisions) if row.decisions else ""
    if row.deferred:
        decisions += f", {row.deferred} deferred"
    return (
        str(row.attempt) if row.attempt else "",
        duration(int(row.seconds)) if row.seconds is not None else "",
        _thousands(row.tokens) if row.tokens else "",
        f"{'~' if row.estimated else ''}{row.cost_usd:.2f}" if row.cost_usd else "",
        row.note or decisions,
    )


def _scrolled(console: Console, lines: Iterable[str]) -> Iterator[Text]:
    """Wrap each line; later parts are indented below its text."""
    indent = 9 if console.width >= 39 else 0
    for line in lines:
        first = Text(line[:indent], "dim")
        for part in Text(line[indent:]).wrap(console, console.width - indent):
            yield Text.assemble(first, part)
            first = Text(" " * indent)


def _thousands(number: int) -> str:
    for unit, size in (("M", 1e6), ("k", 1e3)):
        if number >= size:
            return f"{number / size:.1f}{unit}"
    return str(number)
