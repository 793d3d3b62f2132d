"""A run in a real terminal (tmux): what a person sees at 80, 200 and 40 columns, while it is resized, and after Ctrl-C."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from rich.cells import cell_len

import correctless
from conftest import Git
from correctless.base import exits
from correctless.base.clock import utcnow
from project import Project
from tmux import Pane, board

pytestmark = pytest.mark.real

HEADER = re.compile(r"^ +attempt +time +tokens +USD +decisions$", re.MULTILINE)


@pytest.fixture
def project(scratch_repo: Path, git: Git) -> Project:
    return Project(scratch_repo, git)


@pytest.fixture
def pane(project: Project) -> Iterator[Pane]:
    folder = tempfile.mkdtemp(prefix="tmux-", dir="/tmp")  # a socket's path must be short
    made = Pane(os.path.join(folder, "s"), project.top, project.env)
    try:
        yield made
    finally:
        made.tmux("kill-server")
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def run(project: Project, pane: Pane) -> Callable[..., None]:
    def start(*words: str, after: str = "", **env: str) -> None:
        """Types `cauto run`; what the agent does besides is in a file, so that no line is too long to type."""
        script = project.top.parent / "go.sh"
        exports = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in env.items())
        command = shlex.join([*correctless.itself(), "cauto", *(words or project.run_words())])
        script.write_text(f"{exports}trap : INT\nclear\n{command}\necho code $?\n")
        pane.type(f"sh {script}{after}")

    return start


SLOW = "import time\nfor _ in range(3):\n    print('still here', flush=True); time.sleep(0.8)"


def test_at_80_columns_the_steps_stand_aligned_below_the_lines(pane: Pane, run: Callable[..., None]) -> None:
    run(AGENT_EXTRA=SLOW)
    shown = pane.wait(r"▸ cverify +1 +[1-9]s")
    lines = board(shown)
    assert HEADER.match(lines[1]), shown
    assert re.fullmatch(r"✓ ctdd +1 +\ds +1", lines[2]), shown
    assert re.fullmatch(r"✓ simplify +1 +[\d.]+s +1", lines[3]), shown
    assert re.fullmatch(r"▸ cverify +1 +[\d.]+s", lines[4]), shown
    assert [line.split() for line in lines[5:8]] == [["·", "cdocs"], ["·", "consolidation"], ["·", "pr"]]
    assert re.fullmatch(r"  all +[\d.m]+s +2", lines[8]), shown
    assert re.match(r"  heard   ", lines[9]), shown
    assert len(lines) == 10
    columns = {found.end() for line in lines if (found := re.search(r" [\d.m]+s\b", line))}
    assert len(columns) == 1, shown
    above = shown.splitlines()[: -len(lines)]
    assert any(re.match(r"\d\d:\d\d:\d\d simplify: done, [0-9a-f]{12}$", line) for line in above), shown
    assert shown.count("── run ") == 1
    final = pane.wait(r"^code \d+$")
    assert final.splitlines()[-2] == "code 10", final
    everything = pane.shown(history=True)
    assert "── run " not in everything  # gone, and nothing of it stays in the scrollback
    for step in ("ctdd", "simplify", "cverify", "cdocs"):
        assert len(re.findall(rf"^\d\d:\d\d:\d\d {step}: attempt 1", everything, re.MULTILINE)) == 1, (
            everything
        )
    assert pane.tmux("display-message", "-p", "#{cursor_flag}").strip() == "1"


@pytest.mark.parametrize("columns", [40, 200])
def test_a_window_that_is_resized_keeps_one_display_and_every_line(
    columns: int, pane: Pane, run: Callable[..., None]
) -> None:
    run(AGENT_EXTRA=SLOW)
    pane.wait(r"▸ simplify +1 +[1-9]s")
    pane.resize(columns)
    time.sleep(1)
    shown = pane.shown()
    assert shown.count("── run ") == 1, shown
    assert all(cell_len(line) < columns for line in board(shown)), shown
    assert bool(HEADER.search(shown)) == (columns == 200), shown
    pane.resize(80)
    shown = pane.wait(r"▸ cverify +1 +[1-9]s")
    assert shown.count("── run ") == 1, shown
    assert HEADER.search(shown), shown
    pane.wait(r"^code 10$")
    everything = pane.shown(history=True)
    assert "── run " not in everything, everything
    words = " ".join(everything.split())  # a line that a narrow window broke is whole in words
    for step in ("ctdd", "simplify", "cverify", "cdocs"):
        assert words.count(f"{step}: attempt 1 (step") == 1, everything
        assert words.count(f"{step}: done,") == 1, everything


def test_one_interrupt_leaves_a_clean_terminal_and_says_how_to_go_on(
    pane: Pane, project: Project, run: Callable[..., None]
) -> None:
    run(AGENT_PLAY="sleep:cverify#1")
    project.wait_asleep()
    pane.wait("▸ cverify")
    pane.press("C-c")
    shown = pane.wait(r"^code \d+$")
    assert "── run " not in shown, shown
    assert shown.splitlines()[-3:-1] == [
        "correctless: interrupted. Continue with: correctless cauto resume",
        "code 130",
    ]
    pane.type("echo alive")
    pane.wait("^alive$")
    run("resume", AGENT_EXTRA=SLOW)
    shown = pane.wait(r"▸ cverify +2 +\d")
    assert re.search(r"✓ ctdd +1 +\ds", shown), shown
    pane.wait(r"^code 10$")


def test_a_second_interrupt_ends_a_stubborn_agent_at_once(
    pane: Pane, project: Project, run: Callable[..., None]
) -> None:
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\nimport json,"
    project.agent.write_text(project.agent.read_text().replace("import json,", deaf, 1))
    run(AGENT_PLAY="sleep:ctdd#1")
    pid = project.wait_asleep()
    pane.wait("▸ ctdd")
    pane.press("C-c")
    pane.wait(r"^  ending  the agent, then pauses\. Press Ctrl-C again to end it at once$")
    began = utcnow()
    pane.press("C-c")
    shown = pane.wait(r"^code \d+$")
    assert (project.agent_ended() - began).total_seconds() < 8  # its grace is 10 s
    assert "code 130" in shown
    assert "Traceback" not in shown
    assert "── run " not in shown
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    stopped = project.state().stopped
    assert stopped is not None
    assert stopped.code == exits.INTERRUPTED


def test_a_run_that_was_suspended_is_drawn_anew_below_the_prompt(
    pane: Pane, run: Callable[..., None]
) -> None:
    pane.type("exec bash --norc -i")
    pane.type("set -m")
    run(AGENT_EXTRA=SLOW.replace("0.8", "1.5"))
    pane.wait(r"▸ ctdd +1 +[1-9]s")
    pane.press("C-z")
    pane.wait(r"Stopped")
    pane.type("echo between")
    pane.wait(r"^between$")
    pane.type("fg")
    shown = pane.wait(r"between\n(.*\n)*── run ")
    assert "Stopped" in shown, shown
    pane.wait(r"^code 10$")


def test_a_run_in_the_background_draws_nothing_over_the_shell(pane: Pane, run: Callable[..., None]) -> None:
    pane.type("exec bash --norc -i")
    run(AGENT_EXTRA=SLOW, after=" &")
    shown = pane.wait("simplify: attempt 1")
    assert "── run " not in shown, shown
    pane.wait(r"^code 10$")


def test_followed_in_another_terminal(pane: Pane, project: Project, run: Callable[..., None]) -> None:
    done = project.run("--detach", AGENT_EXTRA=SLOW)
    assert done.returncode == 0, done.stderr
    run("status", "--follow")
    shown = pane.wait(r"^code \d+$")
    assert "code 10" in shown
    assert re.search(r"^\d\d:\d\d:\d\d cdocs: done, ", shown, re.MULTILINE), shown
