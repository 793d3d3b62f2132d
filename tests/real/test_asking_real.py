"""A question in a real terminal (tmux), with the live display: it steps aside, the answer is typed, and it comes back."""

from __future__ import annotations

import os
import shlex
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import correctless
from asking import SKILL
from conftest import Git
from project import Project
from sessions import WORDS, Sessions
from tmux import Pane, board

pytestmark = pytest.mark.real

TWO = "work('one.txt'); ends(said('AD-003', 'keep the verdict ' * 12), said('AD-777', 'a choice of its own'))"
SLOW = "import time\nfor n in range(4):\n    client.work(); time.sleep(0.7)\nends()"


@pytest.fixture
def sessions(scratch_repo: Path, git: Git, tmp_path: Path) -> Sessions:
    (scratch_repo / "skills/judge").mkdir(parents=True)
    (scratch_repo / "skills/judge/SKILL.md").write_text(SKILL.format(name="judge", more=""))
    pipelines = {"default": {"steps": [{"skill": "judge"}]}}
    return Sessions(Project(scratch_repo, git, config={"pipelines": pipelines}), tmp_path)


@pytest.fixture
def pane(sessions: Sessions) -> Iterator[Pane]:
    folder = tempfile.mkdtemp(prefix="tmux-", dir="/tmp")  # a socket's path must be short
    made = Pane(os.path.join(folder, "s"), sessions.project.top, sessions.project.env)
    try:
        yield made
    finally:
        made.tmux("kill-server")
        shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.parametrize("columns", [80, 200])
def test_the_display_steps_aside_for_a_question_and_comes_back(
    sessions: Sessions, pane: Pane, columns: int
) -> None:
    pane.resize(columns)
    exports = "".join(
        f"export {name}={shlex.quote(value)}\n" for name, value in sessions.given(TWO, SLOW).items()
    )
    command = shlex.join([*correctless.itself(), "cauto", *WORDS, "--on-escalation", "ask"])
    script = sessions.project.top.parent / "go.sh"
    script.write_text(f"{exports}clear\n{command}\necho code $?\n")
    pane.type(f"sh {script}")
    asked = pane.wait(r"^> $|^>$")
    assert "AD-003 (1 of 2)" in asked
    assert "── run " not in asked, asked
    pane.type("ok")
    asked = pane.wait(r"AD-UNLISTED-1 \(2 of 2\)[\s\S]*^>")
    assert "── run " not in asked, asked
    pane.type("take the other one")
    shown = pane.wait(r"▸ judge")
    assert len([line for line in board(shown) if line.startswith("▸ judge")]) == 1
    final = pane.wait(r"^code \d+$")
    assert "\ncode 0" in final, final
    everything = pane.shown(history=True)
    assert "── run " not in everything
    assert everything.count("Ada confirmed 1 and changed 1") == 1
