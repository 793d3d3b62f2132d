"""The live display of a run: what a `Board` knows in, lines on a terminal that are drawn again in place out.

One thread owns the terminal and the board; everybody else only hands it things, so that neither a second thread nor a
Ctrl-C can meet a half-drawn frame. A frame is one write, and the cursor rests below it: whenever this process dies, the
terminal is as it should be. rich draws the lines; its own `Live` loses count of them when the window changes its width.
"""

from __future__ import annotations

import io
import os
import re
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from types import TracebackType

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from correctless.agents import Activity
from correctless.base.text import duration
from correctless.cli.display import progress
from correctless.cli.display.board import Board, Mark, Row, View
from correctless.runlog.events import Logged
from correctless.runlog.state import State, after

_TICK = 0.25  # seconds between two frames at least
_PATIENCE = 2.0  # seconds a terminal that takes nothing is waited for
_LOOK = 0.05  # seconds between two looks at whether it takes anything
_TABLE = 55  # columns of the table beside the names
_SGR = re.compile(r"\x1b\[[0-9;]*m")
_MARKS: dict[Mark, tuple[str, str, str]] = {
    "done": ("✓", "+", "green"),
    "running": ("▸", ">", "bold cyan"),
    "paused": ("=", "=", "yellow"),
    "waiting": ("·", ".", "dim"),
    "failed": ("✗", "x", "red"),
    "left out": ("–", "-", "dim"),
}

Told = Callable[[Board], str]  # takes something to the board; what is to scroll by, "" for nothing


class Live:
    """A watcher (`watch.Watcher`) for a terminal; what it is told before it is entered is shown then."""

    def __init__(self, fd: int | None = None, encoding: str | None = None) -> None:
        self._fd = sys.stderr.fileno() if fd is None else fd
        self._encoding = encoding or sys.stderr.encoding or "utf-8"
        self._told: SimpleQueue[Told] = SimpleQueue()
        self._done = threading.Event()
        self._anew = False
        self._aside = threading.Event()  # somebody is asked something: nothing is drawn
        self._gone = threading.Event()  # and nothing stands there any more
        self._broken = False
        self._screen = Screen(self._fd, self._encoding)
        self._thread = threading.Thread(target=self._keep, name="display", daemon=True)

    def before(self, events: Iterable[Logged]) -> None:
        """What happened before this dispatcher: on the board, not on the terminal again."""
        state = State()
        for logged in events:
            state = after(state, logged)
            self._take(state, logged)

    def event(self, state: State, logged: Logged) -> None:
        if self._broken:
            progress.event(state, logged)
            return
        said = progress.line(state, logged)
        self._take(state, logged, f"{logged.timestamp[11:19]} {said}" if said else "")

    def activity(self, item: Activity) -> None:
        """From any thread."""
        if self._broken:
            progress.activity(item)
            return
        now, said = time.monotonic(), progress.spoken(item)
        # Limits come with every answer: the board has the newest, and nobody needs them all.
        scrolls = said if item.kind != "limit" else ""

        def take(board: Board) -> str:
            board.activity(item, now)
            return scrolls

        self._told.put(take)

    def interrupted(self, times: int) -> None:
        """From a signal's handler: it only puts something on a queue, which is safe there."""

        def take(board: Board) -> str:
            board.interrupted(times)
            return ""

        self._told.put(take)

    def continued(self) -> None:
        """The process was stopped (Ctrl-Z) and goes on: what stands above the cursor now is not ours."""
        self._anew = True

    @contextmanager
    def aside(self) -> Iterator[None]:
        self._gone.clear()
        self._aside.set()
        while not self._gone.wait(_LOOK) and self._at_work():
            pass
        try:
            yield
        finally:
            self._aside.clear()

    def end(self, code: int, message: str) -> None:
        """The command says by itself how it ended."""

    def __enter__(self) -> Live:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        while self._at_work():
            self._thread.join(_LOOK)

    def _at_work(self) -> bool:
        """Whether the display goes on: on a busy machine it may be slow, and is waited for; a terminal that takes nothing is not."""
        return self._thread.is_alive() and not self._screen.stuck(_PATIENCE)

    def _take(self, state: State, logged: Logged, said: str = "") -> None:
        now = time.monotonic()

        def take(board: Board) -> str:
            board.event(state, logged, now)
            return said

        self._told.put(take)

    def _keep(self) -> None:
        board, screen = Board(), self._screen
        try:
            shown = -1
            while not self._done.wait(_TICK):
                if self._aside.is_set():
                    if not self._gone.is_set():
                        screen.close(self._drain(board)[0])
                        self._gone.set()
                    continue
                said, told = self._drain(board)
                if self._anew:
                    self._anew = False
                    screen.forget()
                view = board.view(time.monotonic())
                second = int(view.total.seconds or 0)
                if told or second != shown or screen.changed():
                    screen.show(said, view)
                    shown = second
            screen.close(self._drain(board)[0])
        except OSError:
            self._broken = True  # the terminal is gone; the run is not
        except Exception as error:  # noqa: BLE001 a fault in the display must not take the run's words with it
            self._broken = True
            with suppress(OSError):
                screen.close([f"{'':9}the display broke, plain lines follow: {type(error).__name__}"])

    def _drain(self, board: Board) -> tuple[list[str], bool]:
        said, told = [], False
        with suppress(Empty):
            while True:
                line = self._told.get_nowait()(board)
                told = True
                if line:
                    said.append(line)
        return said, told


class Screen:
    """The last rows of a terminal that belong to us; only `show` and `close` write."""

    def __init__(
        self, fd: int, encoding: str, size: Callable[[int], os.terminal_size] = os.get_terminal_size
    ) -> None:
        self._fd = fd
        self._encoding = encoding
        self._size = size
        self._fancy = "utf" in encoding.lower()
        self._console = Console(
            file=io.StringIO(),
            force_terminal=True,
            legacy_windows=False,
            highlight=False,
            markup=False,
            emoji=False,
        )
        self._cells: list[int] = []  # how long each line of the board is that stands there
        self._at = os.terminal_size((0, 0))
        self._writes_since: float | None = None

    def stuck(self, seconds: float) -> bool:
        """Whether the terminal has not taken the next bytes for so long; asked from another thread."""
        since = self._writes_since
        return since is not None and time.monotonic() - since > seconds

    def changed(self) -> bool:
        """Whether the window has another size than the last frame was drawn for."""
        return self._measure() != self._at

    def forget(self) -> None:
        """Draw the next frame below what stands there."""
        self._cells = []

    def show(self, said: list[str], view: View) -> None:
        """One frame: `said` scrolls by above it, and what is no longer true is drawn over."""
        at = self._measure()
        if not self._foreground():
            self.close(said)
            return
        back = self._back(at)
        board = self._spelled(draw(view, at.columns, at.lines, fancy=self._fancy), at)
        lines = [*self._spelled(_scrolled(self._console, said, at.columns), at), *board]
        # Each row is cleared whole: one of which only the end is erased is still as long as it was when a terminal
        # wraps it anew for another width, and then it would take more rows than we know of.
        self._write("\x1b[?25l" + back + "".join(f"\x1b[2K{line}\r\n" for line in lines) + "\x1b[J\x1b[?25h")
        self._cells = [cell_len(_SGR.sub("", line)) for line in board]
        self._at = at

    def close(self, said: list[str]) -> None:
        """The board gone, `said` in its place."""
        at = self._measure()
        lines = self._spelled(_scrolled(self._console, said, at.columns), at)
        if lines or self._cells:
            self._write(
                self._back(at) + "\x1b[J" * bool(self._cells) + "".join(f"{line}\r\n" for line in lines)
            )
        self._cells = []

    def _back(self, at: os.terminal_size) -> str:
        """To the first row of the board: a narrower window has wrapped what stands there."""
        rows = sum(max(1, -(-cells // at.columns)) for cells in self._cells)
        rows = min(rows, at.lines - 1)
        return f"\r\x1b[{rows}A" if rows else "\r" if self._cells else ""

    def _measure(self) -> os.terminal_size:
        at = self._size(self._fd)
        # A terminal that doesn't know its size says 0.
        return os.terminal_size((max(at.columns or 80, 12), max(at.lines or 24, 3)))

    def _foreground(self) -> bool:
        try:
            return os.tcgetpgrp(self._fd) == os.getpgrp()
        except OSError:
            return True  # not our controlling terminal, so nobody else's job stands there

    def _spelled(self, lines: Iterable[Text], at: os.terminal_size) -> list[str]:
        self._console.size = (at.columns, at.lines)
        spelled = []
        for line in lines:
            line.truncate(at.columns - 1, overflow="ellipsis" if self._fancy else "crop")
            with self._console.capture() as captured:
                self._console.print(line, end="", soft_wrap=True)
            spelled.append(captured.get())
        return spelled

    def _write(self, text: str) -> None:
        data = memoryview(text.encode(self._encoding, "replace"))
        while data:
            self._writes_since = time.monotonic()
            data = data[os.write(self._fd, data) :]
        self._writes_since = None


def draw(view: View, columns: int, lines: int, *, fancy: bool = True) -> list[Text]:
    """A view as at most `lines - 1` lines; what `columns` has no room for is left out, the least needed first."""
    notes = [_line((f"  {_cell(word, 7)} ", "dim"), (said, "")) for word, said in view.notes]
    widths = [cell_len(row.name) for row in view.rows]
    name = max(8, min(max(widths, default=0), 24, columns - 14))
    dash = "─" if fancy else "-"
    title = f"{dash * 2} {view.title} "
    # No longer than the table: of all lines it would be the first to wrap when the window gets narrower.
    head = Text(title + dash * max(2, min(name + _TABLE, columns - 1) - cell_len(title)), "dim")
    header = _columns(name, columns, " ", "", ("attempt", "time", "tokens", "USD", "decisions"), "dim")
    total = _columns(name, columns, " ", view.total.name, _figures(view.total), "bold")
    room = max(1, lines - 1 - 3 - len(notes))
    if room < 3:
        head, header, notes, room = None, None, notes[-1:], max(1, lines - 3)  # type: ignore[assignment]
    rows = [_row(row, name, columns, fancy) for row in view.rows]
    first, last = _window(len(rows), view.current, room)
    drawn = [*([head] if head else []), *([header] if header else []), *rows[first:last], total, *notes]
    return drawn[: lines - 1]


def _window(count: int, current: int, room: int) -> tuple[int, int]:
    """Which rows are shown where not all have room: those around the current one."""
    first = max(0, min(current - room // 2, count - room))
    return first, min(count, first + room)


def _row(row: Row, name: int, columns: int, fancy: bool) -> Text:
    sign, plain, style = _MARKS[row.mark]
    mark = sign if fancy else plain
    if row.mark == "left out":
        return _line((f"{mark} ", style), (_cell(row.name, name), style), (f"  {row.note}", style))
    return _columns(name, columns, mark, row.name, _figures(row), style)


def _figures(row: Row) -> tuple[str, str, str, str, str]:
    said = str(row.decisions) if row.decisions else ""
    if row.deferred:
        said += f", {row.deferred} deferred"
    if row.note:
        said = row.note
    return (
        str(row.attempt) if row.attempt else "",
        duration(int(row.seconds)) if row.seconds is not None else "",
        _thousands(row.tokens) if row.tokens else "",
        f"{'~' if row.estimated else ''}{row.cost_usd:.2f}" if row.cost_usd else "",
        said,
    )


def _columns(name: int, columns: int, mark: str, label: str, figures: tuple[str, ...], style: str) -> Text:
    attempt, seconds, tokens, cost, said = figures
    strong = style if style in ("dim", "bold") else ""
    cells = [(f"{mark} ", style), (_cell(label, name), style if style == "bold cyan" else strong)]
    wide = columns >= name + _TABLE
    if columns >= name + 24:
        cells.append((f"{attempt:>9}", strong))
    cells.append((f"{seconds:>9}", strong))
    if wide:
        cells += [(f"{tokens:>9}", strong), (f"{cost:>9}", strong)]
    if columns >= name + 36:
        cells.append((f"   {said}", strong))
    return _line(*cells)


def _line(*cells: tuple[str, str]) -> Text:
    line = Text(no_wrap=True)
    for said, style in cells:
        line.append(said, style)
    line.rstrip()
    return line


def _cell(said: str, width: int) -> str:
    if cell_len(said) > width:
        return set_cell_size(said, width - 1) + "~"
    return set_cell_size(said, width)


def _scrolled(console: Console, said: Iterable[str], columns: int) -> Iterator[Text]:
    """Each line in as many as it needs, the later ones below its words and not below its time."""
    indent = 9 if columns >= 40 else 0
    for line in said:
        first = line[:indent]
        for part in Text(line[indent:]).wrap(console, columns - 1 - indent, no_wrap=False):
            part.rstrip()
            yield Text.assemble((first, "dim"), part)
            first = " " * indent


def _thousands(number: int) -> str:
    for unit, size in (("M", 1e6), ("k", 1e3)):
        if number >= size:
            return f"{number / size:.1f}{unit}"
    return str(number)
