"""Watching and rehearsing a run: what the display holds, that it never harms the run, and that a rehearsal does nothing."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import resource
import shlex
import signal
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pexpect
import pytest
from rich.cells import cell_len
from rich.console import Console

import bad_client
import correctless
from correctless.agents import Activity
from correctless.base import exits
from correctless.base.clock import timestamp, utcnow
from correctless.base.exits import Stop
from correctless.cli.display import progress
from correctless.cli.display.board import Board, BoardView
from correctless.cli.display.live import Live, Screen, draw
from correctless.cli.run import follow as following
from correctless.ledger.ledger import Ledger
from correctless.project.git import find
from correctless.runlog.events import (
    AgentEnded,
    AttemptFailed,
    DecisionsTaken,
    Event,
    LoggedEvent,
    Resumed,
    Reverted,
    RunStarted,
    RunStopped,
    StepChecked,
    StepFinished,
    StepStarted,
    fields_of,
)
from correctless.runlog.fold import after
from correctless.runlog.state import State
from patience import PATIENCE, until
from project import CONFIG, Project
from runs import plan
from terminal import ended, spawn

Git = Callable[..., str]
HOSTILE = "\x1b[2J\x1b]0;owned\x07 \u202eevil\u2028 \udcff 漢字 " + "x" * 300
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@pytest.fixture
def project(scratch_repo: Path, git: Git) -> Project:
    return Project(scratch_repo, git)


@pytest.fixture(autouse=True)
def _a_terminal_that_can_draw(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")  # `watch.choose` takes no other


class Told:
    """A board told events a chosen number of seconds apart."""

    def __init__(self, *names: str, **other: object) -> None:
        self.board = Board()
        self.state = State()
        self.now = 1_000_000.0
        self.say(RunStarted(plan(*names, **other), "Ada", "terminal", "0", 0, "h"))

    def say(self, event: Event, *, later: float = 0.0) -> None:
        self.now += later
        when = f"2026-01-02T{3 + int(self.now - 1_000_000) // 3600:02}:{int(self.now - 1_000_000) // 60 % 60:02}:{(self.now - 1_000_000) % 60:06.3f}Z"
        logged = LoggedEvent("r1", when, event)
        self.state = after(self.state, logged)
        self.board.event(self.state, logged, self.now)

    def hear(self, kind: str, text: str) -> None:
        self.board.activity(Activity(kind, text), self.now)

    def begin(self, step: str, attempt: int = 1, **when: float) -> None:
        self.say(StepStarted(step, attempt, "n", "s", 1, "m", "b", "p"), **when)

    def finish(self, step: str, attempt: int = 1, *, later: float = 0.0) -> None:
        self.say(AgentEnded(step, attempt, "ok", "", None, "a", 1.0, 0.25, True, 1500, 1), later=later)
        self.say(DecisionsTaken(step, attempt, 2, 1, (), 1, "h"))
        self.say(StepChecked(step, attempt, True, ""))
        self.say(StepFinished(step, attempt, "c", 1, "h"))

    def view(self, *, later: float = 0.0) -> BoardView:
        self.now += later
        return self.board.view(self.now)


def marks(view: BoardView) -> dict[str, str]:
    return {row.name: row.mark for row in view.rows}


def note(view: BoardView, word: str) -> str | None:
    return dict(view.notes).get(word)


# -- what the display holds ------------------------------------------------------------------------------------------


def test_every_step_has_a_mark_with_its_attempt_time_tokens_cost_and_decisions() -> None:
    told = Told("ctdd", "cverify", "cdocs", left_out={"cupdate-arch": "not at intensity standard"})
    told.begin("ctdd", later=1)
    told.finish("ctdd", later=60)
    told.begin("cverify")
    view = told.view(later=5)
    assert marks(view) == {
        "ctdd": "done",
        "cverify": "running",
        "cdocs": "waiting",
        "consolidation": "waiting",
        "pr": "waiting",
        "cupdate-arch": "left out",
    }
    first = view.rows[0]
    assert (first.attempt, first.seconds, first.tokens, first.cost_usd, first.estimated) == (
        1,
        61.0,
        1500,
        0.25,
        True,
    )
    assert (first.decisions, first.deferred) == (2, 1)
    assert view.rows[1].seconds == 5.0
    assert (view.total.seconds, view.total.tokens, view.total.decisions, view.current) == (66.0, 1500, 2, 1)
    shown = "\n".join(drawn(view, 80, 24))
    assert re.search(r"✓ ctdd +1 +1m01s +1.5k +~0.25 +2, 1 deferred", shown), shown
    assert re.search(r"– cupdate-arch +not at intensity standard", shown), shown


def test_decisions_count_as_they_are_taken_and_are_not_counted_twice_or_after_their_attempt() -> None:
    told = Told("ctdd", "cdocs")
    told.begin("ctdd")
    told.hear("decision", "recorded as AD-001")
    told.hear("decision", "recorded as AD-002, deferred: AD-002 is a person's")
    told.hear("decision", "recorded as AD-003: the listed default is: wait, deferred")
    assert (told.view().total.decisions, told.view().total.deferred) == (3, 1)
    told.say(AgentEnded("ctdd", 1, "ok", "", None, "a", 1.0, 0.0, False, 0, 1))
    told.say(DecisionsTaken("ctdd", 1, 4, 1, (), 1, "h"))
    assert (told.view().total.decisions, told.view().total.deferred) == (4, 1)
    told.say(StepChecked("ctdd", 1, False, "red"))
    told.say(AttemptFailed("ctdd", 1, "red", True, None))
    assert told.view().total.decisions == 0
    told.begin("ctdd", 2)
    assert (told.view().rows[0].attempt, told.view().rows[0].mark) == (2, "running")


def test_an_attempt_under_way_shows_its_last_tool_and_what_it_says_it_used() -> None:
    told = Told("ctdd")
    told.begin("ctdd")
    assert note(told.view(), "heard") == "nothing yet"
    told.hear("text", "12 characters")
    assert note(told.view(), "heard") == "just now"
    told.hear("tool", "Bash pytest -q")
    told.hear("usage", "48100 tokens, ~0.41 USD")
    view = told.view(later=7)
    assert note(view, "tool") == "7s ago: Bash pytest -q"
    assert (view.rows[0].tokens, view.rows[0].cost_usd, view.total.estimated) == (48100, 0.41, True)
    told.hear("usage", "48200 tokens, 0.42 USD")
    view = told.view()
    assert (view.rows[0].tokens, view.rows[0].cost_usd, view.total.estimated) == (48200, 0.42, False)
    told.finish("ctdd")
    assert note(told.view(), "tool") is None
    assert told.view().total.tokens == 1500  # what it said meanwhile is part of what it said at its end


def test_waiting_is_said_and_takes_no_time_of_the_run() -> None:
    told = Told("ctdd")
    told.begin("ctdd")
    told.hear("limit", "rejected: five_hour 100%")
    told.say(
        AgentEnded("ctdd", 1, "paused", "a usage limit was reached", None, "a", 1.0, 0.0, False, 0, 1),
        later=3,
    )
    told.say(AttemptFailed("ctdd", 1, "a usage limit was reached", False, None))
    told.hear("waiting", "a usage limit was reached; goes on at 05:00")
    view = told.view(later=3600)
    assert note(view, "waits") == "a usage limit was reached; goes on at 05:00"
    assert note(view, "limit") == "rejected: five_hour 100%"
    assert (view.total.seconds, view.rows[0].mark) == (3.0, "paused")
    told.say(Resumed(unclean=False))
    told.begin("ctdd", 2, later=1)
    view = told.view(later=1)
    assert (note(view, "waits"), view.total.seconds, view.rows[0].mark) == (None, 5.0, "running")


def test_what_stopped_failed_or_was_not_kept_is_marked_so() -> None:
    told = Told("simplify", "cdocs")
    told.begin("simplify")
    told.say(AgentEnded("simplify", 1, "ok", "", None, "a", 1.0, 0.0, False, 0, 1))
    told.say(DecisionsTaken("simplify", 1, 0, 0, (), 1, "h"))
    told.say(StepChecked("simplify", 1, False, "red"))
    told.say(Reverted("simplify", 1, "red", None))
    assert (told.view().rows[0].mark, told.view().rows[0].note) == ("failed", "discarded")
    told.begin("cdocs")
    told.say(RunStopped(exits.FAILED, "cdocs", "it failed 3 times"))
    assert marks(told.view())["cdocs"] == "failed"
    told.say(Resumed(unclean=False))
    assert marks(told.view())["cdocs"] == "running"
    told.say(RunStopped(exits.INTERRUPTED, "cdocs", "interrupted"))
    assert marks(told.view(later=60))["cdocs"] == "paused"
    assert told.view().total.seconds == 0.0


@pytest.mark.parametrize("columns", [12, 20, 40, 41, 60, 79, 80, 120, 200])
@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "gb18030"])
def test_no_line_is_as_wide_as_the_window_and_every_character_is_printable(
    columns: int, encoding: str
) -> None:
    told = Told("ctdd", "漢字" * 20, HOSTILE[:30], left_out={HOSTILE: HOSTILE})
    told.begin("ctdd")
    for kind in ("tool", "limit", "waiting"):
        told.hear(kind, HOSTILE)
    screen, _, read = on_pty(columns, 40, encoding)
    screen.show([f"10:00:00 {progress.activity_line(Activity('warning', HOSTILE))}"], told.view())
    lines = [line for line in read().rows if line]
    assert len(lines) > 8
    for line in lines:
        assert line.isprintable(), repr(line)
        assert cell_len(line) < columns, line
        assert encoding == "utf-8" or not set("✓▸·✗–─…") & set(line)


@pytest.mark.parametrize("lines", [3, 4, 6, 10, 24])
def test_a_low_window_shows_the_step_the_run_is_at(lines: int) -> None:
    names = [f"step{number}" for number in range(30)]
    told = Told(*names)
    for name in names[:20]:
        told.begin(name)
        told.finish(name)
    told.begin("step20")
    shown = drawn(told.view(), 80, lines)
    assert len(shown) <= lines - 1
    assert any("▸ step20" in line for line in shown), shown


def test_figures_stand_below_their_headers() -> None:
    told = Told("ctdd", "a-skill-with-a-long-name")
    told.begin("ctdd")
    told.finish("ctdd", later=3700)
    shown = drawn(told.view(), 80, 24)
    header = shown[1]
    for row, figures in ((shown[2], ("1", "1h01m", "1.5k", "~0.25")),):
        for word, figure in zip(("attempt", "time", "tokens", "USD"), figures, strict=True):
            end = header.index(word) + len(word)
            assert row[:end].endswith(figure), (header, row)


# -- the terminal ----------------------------------------------------------------------------------------------------


class Painted:
    """What a terminal of so many columns shows after what was written to it: no scrolling, no wrapping, no colours."""

    def __init__(self) -> None:
        self.rows = [""]
        self.at = 0
        self.hidden = 0  # how often the cursor was left hidden at the end of a write

    def write(self, text: str) -> None:
        """Only what the display may use is known: anything else is a fault."""
        for piece in re.findall(r"\x1b\[[0-9;?]*[A-Za-z]|[^\x1b]", text.replace("\r\n", "\n")):
            if piece == "\n":
                self.at += 1
                self.rows += [""] * (self.at + 1 - len(self.rows))
            elif piece == "\x1b[1A":
                self.at = max(0, self.at - 1)
            elif piece == "\x1b[2K":
                self.rows[self.at] = ""
            elif len(piece) == 1 and piece != "\r":
                self.rows[self.at] += piece
            else:
                assert piece == "\r" or re.fullmatch(r"\x1b\[([\d;]*m|\?25[hl])", piece), repr(piece)
        self.rows = [row.rstrip() if number != self.at else row for number, row in enumerate(self.rows)]
        self.hidden += text.rpartition("\x1b[?25")[2].startswith("l")


def drawn(view: BoardView, columns: int, lines: int) -> list[str]:
    """The lines of a board, as a terminal shows them."""
    console = Console(file=io.StringIO(), width=columns - 1, color_system=None)
    with console.capture() as captured:
        console.print(draw(view, columns, lines))
    *shown, below = captured.get().removesuffix("\n").split("\n")
    assert below == ""  # the cursor's
    return [line.rstrip() for line in shown]


def on_pty(columns: int, lines: int, encoding: str = "utf-8") -> tuple[Screen, int, Callable[[], Painted]]:
    """A screen on a pseudo-terminal, the terminal's end of it, and what is painted there by now."""
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (lines, columns))
    painted = Painted()

    def read() -> Painted:
        painted.write(read_all(master).decode(encoding))
        return painted

    return Screen(slave, encoding), slave, read


def read_all(master: int) -> bytes:
    os.set_blocking(master, False)
    data = b""
    try:
        while piece := os.read(master, 1 << 16):
            data += piece
    except (BlockingIOError, OSError):
        pass
    return data


def rows_of(written: str) -> list[str]:
    return [line for line in ESCAPE.sub("", written).replace("\r", "").split("\n") if line]


def test_a_frame_goes_up_as_many_rows_as_the_narrower_window_made_of_the_last_one() -> None:
    told = Told("ctdd", "cdocs")
    told.begin("ctdd")
    screen, terminal, read = on_pty(80, 40)
    screen.show(["10:00:00 before"], told.view())
    painted = read()
    first = list(painted.rows)
    assert first[0] == "10:00:00 before"
    screen.show([], told.view())
    assert read().rows == first
    # As a terminal does that wraps anew what it shows, and keeps the cursor where it is in the text.
    wide = [row.ljust(cells) for row, cells in zip(first[1:-1], screen._cells, strict=False)]
    painted.rows = [first[0], *(row[at : at + 30] for row in wide for at in range(0, len(row), 30)), ""]
    painted.at = len(painted.rows) - 1
    assert len(painted.rows) > len(first) + 3
    termios.tcsetwinsize(terminal, (40, 30))
    assert screen.resized()
    screen.show([], told.view())
    shown = [row for row in read().rows if row]
    assert shown[0] == "10:00:00 before"
    assert sum(row.startswith("── ") for row in shown) == 1
    assert len(shown) == len(first) - 1
    screen.close(["10:00:01 after"])
    assert [row for row in read().rows if row] == ["10:00:00 before", "10:00:01 after"]


def test_a_frame_leaves_nothing_of_the_last_one_and_the_cursor_is_visible_below_it() -> None:
    told = Told("ctdd")
    told.begin("ctdd")
    screen, _, read = on_pty(80, 24)
    for number in range(3):
        told.hear("tool", "Bash " + "x" * (40 - 10 * number))
        screen.show([f"10:00:00 something {number}"], told.view())
        painted = read()
        assert painted.rows[: number + 1] == [f"10:00:00 something {each}" for each in range(number + 1)]
        assert [row.startswith("── run") for row in painted.rows[number + 1 :]].count(True) == 1
        assert painted.rows[-1] == ""
        assert painted.at == len(painted.rows) - 1
    screen.close(["10:00:01 the end"])
    assert [row for row in read().rows if row][3:] == ["10:00:01 the end"]
    assert painted.hidden == 0


def test_after_a_stop_the_next_frame_is_drawn_below_what_stands_there() -> None:
    told = Told("ctdd")
    screen, _, read = on_pty(80, 24)
    screen.show([], told.view())
    before = list(read().rows)
    screen.forget()
    screen.show([], told.view())
    assert read().rows == before[:-1] + before


class Display:
    """A live display on a pseudo-terminal, fed as a dispatcher would."""

    def __init__(self) -> None:
        self.master, slave = pty.openpty()
        self.slave = slave
        self.live = Live(slave, "utf-8")
        self.written = ""
        self.state = State()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self.master, 1 << 16)
            except OSError:
                return
            self.written += data.decode("utf-8", "replace")

    def say(self, event: Event) -> None:
        logged = LoggedEvent("r1", timestamp(utcnow()), event)
        self.state = after(self.state, logged)
        self.live.event(self.state, logged)

    def wait_for(self, text: str) -> None:
        until(lambda: text in self.written, text)


def test_activities_may_come_from_any_thread_and_none_is_lost_or_torn() -> None:
    display = Display()
    with display.live:
        display.say(RunStarted(plan("ctdd"), "Ada", "terminal", "0", 0, "h"))
        display.say(StepStarted("ctdd", 1, "n", "s", 1, "m", "b", "p"))

        def speak(name: int) -> None:
            for number in range(200):
                display.live.activity(Activity("decision", f"recorded as AD-{name}-{number}"))

        threads = [threading.Thread(target=speak, args=(name,)) for name in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        display.wait_for("  1000")
    said = re.findall(
        r"^ +decision: recorded as (AD-\d-\d+)$", "\n".join(rows_of(display.written)), re.MULTILINE
    )
    assert sorted(said) == sorted(f"AD-{name}-{number}" for name in range(5) for number in range(200))


def test_whatever_ends_a_run_the_display_is_gone_and_every_line_said_when_it_returns() -> None:
    display = Display()

    def fail() -> None:
        with display.live:
            display.say(RunStarted(plan("ctdd"), "Ada", "terminal", "0", 0, "h"))
            display.wait_for("── run r1")
            for number in range(3000):
                display.live.activity(Activity("warning", f"number {number}"))
            raise ValueError("unforeseen")

    with pytest.raises(ValueError, match="unforeseen"):
        fail()
    assert not display.live._at_work()
    display.wait_for("number 2999")
    painted = Painted()
    painted.write(display.written)
    shown = [row.strip() for row in painted.rows if row][-3000:]
    assert shown == [f"warning: number {number}" for number in range(3000)]
    assert not any(row.startswith("── run") for row in painted.rows)
    assert painted.hidden == 0


def test_while_somebody_is_asked_nothing_is_drawn_and_then_all_of_it_again() -> None:
    display = Display()
    with display.live:
        display.say(RunStarted(plan("ctdd"), "Ada", "terminal", "0", 0, "h"))
        display.wait_for("── run r1")
        with display.live.aside():
            time.sleep(0.3)  # what was written is read by another thread
            painted = Painted()
            painted.write(before := display.written)
            assert not any(row.startswith("── run") for row in painted.rows)
            display.live.activity(Activity("warning", "said meanwhile"))
            time.sleep(0.6)
            assert display.written == before
        display.wait_for("said meanwhile")
        until(lambda: "── run" in display.written[len(before) :], "the board")


def test_a_display_that_is_slow_on_a_busy_machine_still_says_every_line() -> None:
    display = Display()

    def slow() -> None:
        time.sleep(3)  # longer than a terminal that takes nothing is waited for

    with display.live:
        display.say(RunStarted(plan("ctdd"), "Ada", "terminal", "0", 0, "h"))
        display.live._tasks.put((slow, ""))
        display.live.activity(Activity("warning", "the last of all"))
    assert not display.live._at_work()
    display.wait_for("the last of all")


def test_a_terminal_that_takes_nothing_holds_up_no_end() -> None:
    master, slave = pty.openpty()
    display = Live(slave, "utf-8")
    with display:
        for number in range(3000):
            display.activity(Activity("warning", f"number {number}"))
    assert display._at_work()  # it still waits for the terminal, and nobody waits for it
    os.close(master)


def test_a_display_that_breaks_goes_on_in_plain_lines_and_says_so(capfd: pytest.CaptureFixture[str]) -> None:
    display = Display()

    def broken() -> None:
        raise ZeroDivisionError("no reason")

    with display.live:
        display.say(RunStarted(plan("ctdd"), "Ada", "terminal", "0", 0, "h"))
        display.live._tasks.put((broken, ""))
        display.wait_for("the display broke, plain lines follow: ZeroDivisionError")
        display.say(StepStarted("ctdd", 1, "n", "s", 1, "m", "b", "p"))
    assert "ctdd: attempt 1" in capfd.readouterr().err


def test_a_terminal_that_goes_away_ends_the_display_and_nothing_else() -> None:
    display = Display()
    with display.live:
        display.say(RunStarted(plan("ctdd"), "Ada", "terminal", "0", 0, "h"))
        display.wait_for("r1")
        os.close(display.slave)
        for attempt in (1, 2, 3):
            display.say(StepStarted("ctdd", attempt, "n", "s", 1, "m", "b", "p"))
            time.sleep(0.3)
    assert not display.live._at_work()


def test_a_silent_step_is_drawn_at_most_four_times_a_second_and_costs_next_to_nothing() -> None:
    display = Display()
    with display.live:
        display.say(RunStarted(plan("ctdd"), "Ada", "terminal", "0", 0, "h"))
        display.say(StepStarted("ctdd", 1, "n", "s", 1, "m", "b", "p"))
        display.wait_for("ctdd")
        before, frames = time.process_time(), display.written.count("── run")
        began = time.monotonic()
        time.sleep(2)
        quiet = display.written.count("── run") - frames
        spent = time.process_time() - before
        for number in range(40):
            display.live.activity(Activity("tool", f"Bash {number}"))
            time.sleep(0.05)
        frames = display.written.count("── run") - frames
        assert frames <= 4 * (time.monotonic() - began) + 1
    assert 1 <= quiet <= 4  # the clock goes on
    assert spent < 0.2


# -- a run that is watched -------------------------------------------------------------------------------------------


def on_terminal(project: Project, *words: str, **env: str) -> pexpect.spawn[str]:
    env = {**project.env, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8", **env}
    return spawn([*correctless.itself(), "cauto", *words], project.top, env, dimensions=(24, 80))


def test_on_a_terminal_a_run_is_drawn_and_its_lines_still_scroll_by(project: Project) -> None:
    child = on_terminal(project, *project.run_words(), AGENT_PLAY="hold:ctdd")
    child.logfile_read = everything = io.StringIO()
    child.expect("── run ")  # or a run this short ends before the display is up
    project.let_go()
    code, _ = ended(child)
    shown = everything.getvalue()
    assert code == exits.PERSON, shown
    said = "\n".join(rows_of(shown))
    assert "── run " in said
    assert re.search(r"^\d\d:\d\d:\d\d cverify: attempt 1 \(step 3 of 4\)$", said, re.MULTILINE), said
    assert not re.search(r"\x1b\[\?25l(?!\x1b\[\?25h)", shown)
    # the last frame was taken away before the summary
    painted = Painted()
    painted.write(shown[: shown.index("Decisions on", shown.rindex("── run "))])
    assert not any(row.startswith("── run ") for row in painted.rows), painted.rows


@pytest.fixture
def client(tmp_path: Path) -> dict[str, str]:
    """The environment in which a client says what it used and then works on without end."""
    path = tmp_path / "claude"
    path.write_text(f"#!{sys.executable} -I\n{Path(bad_client.__file__).read_text()}")
    path.chmod(0o755)
    return {"CORRECTLESS_CLAUDE": str(path), "CORRECTLESS_BAD": "hangs-in-a-tool"}


CLAUDE = ("run", "--no-check", "--spec", "spec.md", "--approve-spec-as", "Ada", "--agent", "claude")


def test_tokens_and_cost_stand_there_while_an_attempt_is_under_way(
    project: Project, client: dict[str, str]
) -> None:
    child = on_terminal(project, *CLAUDE, **client)
    child.expect(r"1\.0k\S* +~0\.08")
    child.sendintr()
    code, _ = ended(child)
    assert code == exits.INTERRUPTED


def test_in_plain_lines_what_was_used_does_not_scroll_by(project: Project, client: dict[str, str]) -> None:
    done = project.cauto(*CLAUDE, "--plain", env=client | {"CORRECTLESS_BAD": "none of them"})
    assert ", 0.01 USD" in done.stderr  # an attempt's end says it
    assert not [line for line in done.stderr.splitlines() if "tokens" in line or "usage" in line]


@pytest.mark.parametrize(
    ("words", "env"),
    [
        (("--plain",), {}),
        ((), {"CI": "true"}),
        ((), {"TERM": "dumb"}),
    ],
)
def test_lines_alone_are_shown_where_nothing_can_or_should_be_drawn(
    words: tuple[str, ...], env: dict[str, str], project: Project
) -> None:
    code, shown = ended(on_terminal(project, *project.run_words(*words), **env))
    assert code == exits.PERSON, shown
    assert "cverify: attempt 1 (step 3 of 4)" in shown
    assert "\x1b" not in shown


def test_without_a_terminal_lines_are_shown_and_rich_is_not_imported(project: Project) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "correctless", "cauto", *project.run_words()],
        cwd=project.top,
        env={**project.env, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == exits.PERSON, done.stderr
    assert "cverify: attempt 1 (step 3 of 4)" in done.stderr
    assert "correctless.cli.display.watch" in done.stderr
    assert "rich.console" not in done.stderr


def test_no_color_leaves_no_colour_in_any_frame(project: Project) -> None:
    coloured = ended(on_terminal(project, *project.run_words()))[1]
    assert re.search(r"\x1b\[(1;)?3\d", coloured)
    project.git(project.top, "switch", "-q", "-c", "feature/y")
    shown = ended(on_terminal(project, *project.run_words(), NO_COLOR="1"))[1]
    assert "── run " in shown
    assert not re.search(r"\x1b\[[0-9;]*3\d[0-9;]*m", shown)


def test_resume_shows_what_was_done_before_it(project: Project) -> None:
    assert project.run(AGENT_PLAY="fail:cverify").returncode == exits.FAILED
    code, shown = ended(on_terminal(project, "resume", AGENT_EXTRA="import time; time.sleep(0.6)"))
    assert code == exits.PERSON, shown
    said = "\n".join(rows_of(shown))
    assert re.search(r"✓ ctdd +1 +\d+s", said), said
    assert re.search(r"▸ cverify +4 ", said), said
    assert "ctdd: attempt 1" not in said


def test_a_run_of_a_silent_step_costs_little(project: Project) -> None:
    cost = {}
    for branch, quiet in (("feature/short", 0), ("feature/long", 2)):
        project.git(project.top, "switch", "-q", "-c", branch)
        extra = f"import os, time; time.sleep({quiet} if os.environ['CORRECTLESS_STEP'] == 'ctdd' else 0)"
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        code, shown = ended(on_terminal(project, *project.run_words(), AGENT_EXTRA=extra))
        now = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert code == exits.PERSON, shown
        cost[quiet] = now.ru_utime + now.ru_stime - before.ru_utime - before.ru_stime
    assert cost[2] - cost[0] < 0.6, cost  # a busy loop would take 2 s


def test_one_interrupt_is_a_clean_pause_that_says_how_to_go_on(project: Project) -> None:
    child = on_terminal(project, *project.run_words(), AGENT_PLAY="sleep:cverify#1")
    pid = project.wait_asleep()
    child.sendintr()
    code, shown = ended(child)
    assert code == exits.INTERRUPTED, shown
    assert "interrupted. Continue with: correctless cauto resume" in shown
    assert "Traceback" not in shown
    until(lambda: gone(pid), f"process {pid} still lives")
    stopped = project.state().stopped
    assert stopped is not None
    assert stopped.code == exits.INTERRUPTED
    assert project.cauto("resume").returncode == exits.PERSON
    assert project.ran().count("ctdd#1") == 1


STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"


@pytest.mark.parametrize("words", [(), ("--plain",)])
def test_a_second_interrupt_ends_a_stubborn_agent_at_once(words: tuple[str, ...], project: Project) -> None:
    project.agent.write_text(project.agent.read_text().replace("import json,", STUBBORN + "import json,", 1))
    child = on_terminal(project, *project.run_words(*words), AGENT_PLAY="sleep:ctdd#1")
    pid = project.wait_asleep()
    child.sendintr()
    child.expect("(?i)again to end it at once")
    began = utcnow()
    for _ in range(12):  # an impatient third and all after it change nothing
        child.sendintr()
        time.sleep(0.01)
    code, shown = ended(child)
    assert (project.agent_ended() - began).total_seconds() < 8  # the grace is 10 s
    assert code == exits.INTERRUPTED, shown
    assert "Traceback" not in shown
    assert "Continue with: correctless cauto resume" in shown
    until(lambda: gone(pid), f"process {pid} still lives")
    stopped = project.state().stopped
    assert stopped is not None
    assert stopped.code == exits.INTERRUPTED
    assert project.cauto("resume").returncode == exits.PERSON


def gone(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_an_interrupt_that_was_ignored_from_the_start_stays_ignored(project: Project) -> None:
    child = subprocess.Popen(
        [
            "/bin/sh",
            "-c",
            'trap "" INT; exec "$@"',
            "sh",
            *correctless.itself(),
            "cauto",
            *project.run_words(),
        ],
        cwd=project.top,
        env={**project.env, "AGENT_EXTRA": "import time; time.sleep(0.5)"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stderr is not None
    while "ctdd: attempt 1" not in child.stderr.readline():
        pass
    child.send_signal(signal.SIGINT)
    child.communicate(timeout=PATIENCE)
    assert child.returncode == exits.PERSON


# -- for programs ----------------------------------------------------------------------------------------------------


def recorded(project: Project) -> list[dict[str, Any]]:
    """The run log's lines without their place in the chain."""
    with open(project.logs.run, encoding="utf-8") as file:
        lines = [json.loads(line) for line in file]
    return [{key: value for key, value in line.items() if key not in ("seq", "prev")} for line in lines]


def test_json_is_every_event_as_the_run_log_has_it_and_a_last_line(project: Project) -> None:
    done = project.run("--json")
    assert done.returncode == exits.PERSON, done.stderr
    *events, last = [json.loads(line) for line in done.stdout.splitlines()]
    assert events == recorded(project)
    assert events[0]["event"] == "run_started"
    assert last == {"event": "end", "exit": 10, "message": last["message"]}
    assert "2 decisions need your confirmation" in last["message"]
    assert project.review(answer="{digest}")[0] == 0
    before = len(events)
    again = project.cauto("resume", "--json")
    assert again.returncode == exits.OK, again.stderr
    *events, last = [json.loads(line) for line in again.stdout.splitlines()]
    closed = [line for line in recorded(project)[before:] if line["event"] != "gate_closed"]
    assert [line for line in events if line["event"] != "gate_closed"] == closed
    assert (events[-1]["event"], last["exit"]) == ("complete", 0)
    assert "is complete" in last["message"]
    assert [json.loads(line)["exit"] for line in project.cauto("resume", "--json").stdout.splitlines()] == [0]


def test_each_json_line_comes_when_its_event_is_durable(project: Project) -> None:
    child = subprocess.Popen(
        [*correctless.itself(), "cauto", *project.run_words("--json")],
        cwd=project.top,
        env={**project.env, "AGENT_PLAY": "sleep:ctdd#1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert child.stdout is not None
    lines = [json.loads(child.stdout.readline()) for _ in range(2)]
    assert [line["event"] for line in lines] == ["run_started", "step_started"]
    assert recorded(project)[:2] == lines
    project.wait_asleep()
    child.send_signal(signal.SIGINT)
    rest = [json.loads(line) for line in child.communicate(timeout=PATIENCE)[0].splitlines()]
    assert (rest[-2]["event"], rest[-1]["exit"], child.returncode) == ("run_stopped", 130, 130)
    assert rest[-1]["message"].endswith("cauto resume")


def test_a_refusal_is_a_last_line_too(project: Project) -> None:
    project.write("dirt", "x")
    done = project.run("--json")
    assert done.returncode == exits.REFUSED
    (last,) = [json.loads(line) for line in done.stdout.splitlines()]
    assert (last["event"], last["exit"]) == ("end", 3)
    assert "uncommitted changes" in last["message"]


def test_json_stays_json_whatever_the_text() -> None:
    logged = LoggedEvent("r1", "2026-01-02T03:04:05.678Z", RunStopped(20, "ctdd", HOSTILE))
    line = progress.as_json(logged)
    assert "\n" not in line
    assert line.isascii()
    assert line.isprintable()
    assert json.loads(line)["reason"] == HOSTILE


def test_a_line_shows_nothing_that_could_steer_a_terminal() -> None:
    told = Told("ctdd")
    for event in (
        StepChecked("ctdd", 1, False, HOSTILE),
        AgentEnded("ctdd", 1, "failed", HOSTILE, None, "a", 1.0, 0.0, False, 0, 0),
        Reverted("ctdd", 1, HOSTILE, None),
    ):
        said = progress.line(told.state, LoggedEvent("r1", "2026-01-02T03:04:05.678Z", event))
        assert said.isprintable(), repr(said)
    assert progress.activity_line(Activity("warning", HOSTILE)).isprintable()


@pytest.mark.parametrize("form", ["--json", "--plain 2>&1", ""])
def test_a_reader_that_goes_away_ends_the_display_and_not_the_run(form: str, project: Project) -> None:
    options, _, more = form.partition(" ")
    words = shlex.join([*correctless.itself(), "cauto", *project.run_words(*([options] if options else []))])
    done = subprocess.run(
        ["bash", "-c", f"{words} {more} | head -n 1; exit ${{PIPESTATUS[0]}}"],
        cwd=project.top,
        env={**project.env, "AGENT_EXTRA": "import time; time.sleep(0.2)"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == exits.PERSON, done.stderr
    assert len(done.stdout.splitlines()) == 1
    assert len(project.state().finished) == 4
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


def test_detach_with_json_says_the_run_in_its_events(project: Project) -> None:
    done = project.run("--detach", "--json")
    assert done.returncode == 0, done.stderr
    started, last = [json.loads(line) for line in done.stdout.splitlines()]
    assert (started["event"], last["exit"]) == ("run_started", 0)
    assert project.cauto("status", "--follow").returncode == exits.PERSON


# -- followed from another terminal ----------------------------------------------------------------------------------


def follower(project: Project, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*correctless.itself(), "cauto", "status", "--follow", *words],
        cwd=project.top,
        env=project.env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_run_is_followed_to_its_gate(project: Project) -> None:
    slow = "import time; time.sleep(1)"
    started = project.cauto(*project.run_words("--detach"), env={"AGENT_EXTRA": slow})
    assert started.returncode == 0, started.stderr
    lines, values = follower(project), follower(project, "--json")
    said, why = lines.communicate(timeout=PATIENCE)
    assert lines.returncode == exits.PERSON, why
    assert "2 decisions need your confirmation" in why
    assert re.search(r"^\d\d:\d\d:\d\d cverify: attempt 1 \(step 3 of 4\)$", said, re.MULTILINE), said
    first, *events, last = [json.loads(line) for line in values.communicate(timeout=PATIENCE)[0].splitlines()]
    assert (first["event"], first["status"], last["event"], last["exit"]) == ("status", "running", "end", 10)
    assert events == recorded(project)[-len(events) :]
    assert len(events) > 10


def test_a_follower_leaves_the_run_alone_when_it_goes(project: Project) -> None:
    child = project.start(*project.run_words(), AGENT_PLAY="sleep:ctdd#1")
    pid = project.wait_asleep()
    watching = follower(project)
    assert watching.stdout is not None
    assert watching.stdout.readline().startswith("run ")
    watching.send_signal(signal.SIGINT)
    _, why = watching.communicate(timeout=PATIENCE)
    assert (watching.returncode, why) == (
        exits.INTERRUPTED,
        "correctless: no longer followed. The run continues\n",
    )
    os.kill(pid, 0)
    assert child.poll() is None
    child.send_signal(signal.SIGINT)
    child.communicate(timeout=PATIENCE)


@pytest.mark.parametrize(
    ("stopped", "code"),
    [
        (RunStopped(11, "ctdd", "paused"), 11),
        (RunStopped(12, "ctdd", "spent"), 12),
        (RunStopped(20, "ctdd", "failed"), 20),
        (RunStopped(130, "ctdd", "interrupted"), 130),
    ],
)
def test_a_run_that_stands_still_is_followed_no_further(
    stopped: RunStopped, code: int, project: Project
) -> None:
    assert project.run(AGENT_PLAY="fail:ctdd").returncode == exits.FAILED
    run = project.state().run
    ledger = Ledger(project.logs.run)
    for event in (Resumed(unclean=False), stopped):
        ledger.append(fields_of(run, timestamp(utcnow()), event))
    done = project.cauto("status", "--follow")
    assert done.returncode == code
    assert done.stderr == f"correctless: {stopped.reason}\n"


def test_a_complete_run_is_followed_with_0(project: Project) -> None:
    assert project.run().returncode == exits.PERSON
    assert project.cauto("status", "--follow").returncode == exits.PERSON
    assert project.review(answer="{digest}")[0] == 0
    assert project.cauto("resume").returncode == exits.OK
    done = project.cauto("status", "--follow")
    assert (done.returncode, done.stderr) == (0, "")
    assert "is complete" in done.stdout


def test_a_dispatcher_that_died_ends_the_following_with_130(project: Project) -> None:
    child = project.start(*project.run_words(), AGENT_PLAY="sleep:ctdd#1")
    pid = project.wait_asleep()
    watching = follower(project)
    assert watching.stdout is not None
    watching.stdout.readline()
    child.kill()
    child.communicate(timeout=PATIENCE)
    time.sleep(1.5)
    assert watching.poll() is None  # its agent still lives and has the lock
    project.end(pid)
    _, why = watching.communicate(timeout=PATIENCE)
    assert watching.returncode == exits.INTERRUPTED
    assert "died without a message" in why


def test_a_damaged_run_log_is_not_followed(project: Project) -> None:
    assert project.run(AGENT_PLAY="fail:ctdd").returncode == exits.FAILED
    text = Path(project.logs.run).read_text()
    Path(project.logs.run).write_text(text.replace("ctdd", "cttt", 1))
    assert project.cauto("status", "--follow").returncode == exits.REFUSED


def live_log(project: Project) -> Iterator[str]:
    """The log of a run whose agent is asleep; it is ended afterwards."""
    child = project.start(*project.run_words(), AGENT_PLAY="sleep:ctdd#1")
    project.wait_asleep()
    try:
        yield project.logs.run
    finally:
        child.send_signal(signal.SIGINT)
        child.communicate(timeout=PATIENCE)


def test_the_log_is_read_again_only_when_it_was_changed_and_damage_meanwhile_is_seen(
    project: Project,
) -> None:

    here = find(str(project.top))
    for path in live_log(project):
        whole, stat = Path(path).read_bytes(), os.stat(path)
        looks = 0

        def rot(_seconds: float, path: str = path, whole: bytes = whole, stat: os.stat_result = stat) -> None:
            nonlocal looks
            looks += 1
            with open(path, "r+b") as file:
                file.write(whole.replace(b"ctdd", b"cttt", 1))
            if looks < 4:
                os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # as if nothing was written

        with pytest.raises(Stop) as stop:
            following.follow(here, project.logs, as_json=False, sleep=rot)
        assert (stop.value.code, looks) == (exits.REFUSED, 4)
        Path(path).write_bytes(whole)


def test_a_log_that_is_replaced_by_a_shorter_one_is_not_followed_on(project: Project) -> None:

    for path in live_log(project):
        whole = Path(path).read_bytes()

        def cut(_seconds: float, path: str = path, whole: bytes = whole) -> None:
            Path(path).write_bytes(whole[: whole.index(b"\n") + 1])

        with pytest.raises(Stop, match="replaced while it was followed") as stop:
            following.follow(find(str(project.top)), project.logs, as_json=False, sleep=cut)
        assert stop.value.code == exits.REFUSED
        Path(path).write_bytes(whole)


def test_one_run_is_followed_at_a_time(project: Project) -> None:
    assert project.cauto("status", "--follow").returncode == exits.REFUSED  # there is none
    assert project.cauto("status", "--follow", "--all").returncode == exits.USAGE


# -- rehearsed -------------------------------------------------------------------------------------------------------


def snapshot(top: Path) -> dict[str, tuple[int, int, bytes]]:
    """Every file below a folder, git's own too: when it was changed, its mode, and what it holds."""
    found = {}
    for parent, _, names in os.walk(top):
        found[parent] = (os.stat(parent).st_mtime_ns, os.stat(parent).st_mode, b"")
        for name in names:
            path = Path(parent, name)
            found[str(path)] = (path.stat().st_mtime_ns, path.stat().st_mode, path.read_bytes())
    return found


def rehearse(project: Project, *words: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    words = (
        "run",
        "--no-check",
        "--spec",
        "spec.md",
        "--agent",
        f"command:{project.agent}",
        "--dry-run",
        *words,
    )
    return project.cauto(*words, cwd=cwd)


def test_a_rehearsal_changes_no_byte_and_starts_nothing(project: Project) -> None:
    # As after a checkout on another machine: git would like to note that nothing changed.
    for name in ("spec.md", "README.md"):
        os.utime(project.top / name, (1_000_000_000, 1_000_000_000))
    before = snapshot(project.top)
    for words in ((), ("--json",)):
        done = rehearse(project, *words)
        assert done.returncode == 0, done.stderr
    assert snapshot(project.top) == before
    assert project.git(project.top, "status", "--porcelain") == ""
    assert project.ran() == []


def test_a_rehearsal_shows_the_very_prompts_of_the_run(project: Project) -> None:
    done = rehearse(project, "--json")
    shown = json.loads(done.stdout)
    assert project.run().returncode == exits.PERSON
    run = project.state().run
    made = project.state().plan
    assert made is not None
    assert shown["plan"] == recorded(project)[0]["plan"]
    for each, step in zip(shown["steps"], made.steps, strict=True):
        folder = Path(project.logs.folder(run), f"{step.name}-1")
        nonce = (folder / "nonce").read_text()
        really = (
            (folder / "prompt.md").read_text().replace(nonce, "00000000").replace(f"runs/{run}/", "runs/RUN/")
        )
        assert each["prompt"] == really
        assert each["tools"] == list(step.tools)
        assert (each["step"], each["agent"], each["limits"]["turns"]) == (step.name, step.agent, step.turns)


def test_a_rehearsal_for_people_has_plan_prompt_tools_limits_agent_and_check(project: Project) -> None:
    done = rehearse(project)
    said = done.stdout
    assert "approval   missing: a run asks for it" in said
    assert "== step 3 of 4: cverify ==" in said
    assert f"agent      command:{project.agent}" in said
    assert "  | mode: autonomous\n" in said
    assert "  | AUTONOMOUS_DECISIONS_START 00000000\n" in said
    assert re.search(
        r"^limits     \d+ minutes, \d+ of silence, \d+ turns, \d attempts$", said, re.MULTILINE
    ), said
    assert re.search(r"^tools      Read", said, re.MULTILINE)
    assert re.search(r"^check      \S+ -m unittest -q$", said, re.MULTILINE)
    assert re.search(r"^left out   cupdate-arch", rehearse_default(project), re.MULTILINE)
    assert project.run().returncode == exits.PERSON


def rehearse_default(project: Project) -> str:
    """The same on a branch whose configuration leaves a step out."""
    steps = [{"skill": "ctdd"}, {"skill": "cupdate-arch", "intensity": ["high"]}]
    config = {**CONFIG, "pipelines": {"default": {"steps": steps}}, "pr": "skip"}
    project.git(project.top, "switch", "-q", "-c", "feature/less")
    project.write(".correctless/config/correctless.yaml", json.dumps(config))
    project.git(project.top, "commit", "-q", "-a", "-m", "less")
    said = rehearse(project).stdout
    project.git(project.top, "switch", "-q", "feature/x")
    return said


def test_a_rehearsal_knows_an_approval_that_is_on_record(project: Project) -> None:
    assert project.run(AGENT_PLAY="fail:ctdd").returncode == exits.FAILED
    assert project.cauto("stop", "--abandon").returncode == 0
    assert json.loads(rehearse(project, "--json").stdout)["approved"] is True
    assert "approval   recorded" in rehearse(project).stdout


def test_a_rehearsal_is_refused_as_the_run_would_be(project: Project) -> None:
    project.write("dirt", "x")
    assert rehearse(project).returncode == exits.REFUSED
    (project.top / "dirt").unlink()
    for more in (("--detach",), ("--worktree", "feature/z")):
        done = rehearse(project, *more)
        assert done.returncode == exits.USAGE
        assert f"leave {more[0]} out" in done.stderr
    assert project.git(project.top, "branch", "--list", "feature/z") == ""
    for _ in live_log(project):
        assert rehearse(project).returncode == exits.LOCKED


def test_every_new_option_is_in_the_help() -> None:
    for command, options in (
        ("run", ("--plain", "--json", "--dry-run")),
        ("resume", ("--plain", "--json")),
        ("status", ("--follow", "--json")),
    ):
        done = subprocess.run(
            [*correctless.itself(), "cauto", command, "--help"], capture_output=True, text=True, check=True
        )
        for option in options:
            assert option in done.stdout
        assert "Example: correctless cauto" in done.stdout
