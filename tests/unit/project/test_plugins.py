"""Skills of other plugins: found where Claude Code has installed them, and nowhere else."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conftest import Git
from correctless.base import exits
from correctless.base.exits import Stop
from correctless.project import plugins
from patience import PATIENCE
from programs import claude_program
from project import Project

SKILL = """---
name: {name}
description: Judges. Use when something is to be judged.
interaction_mode: autonomous
---
# Judge

## Autonomous Defaults

- **AD-001**: Order — as they come (default). Rationale: it is the usual one.
"""
List = Callable[[dict[str, Any] | str], dict[str, str]]


@pytest.fixture
def listed(tmp_path: Path) -> List:
    """A home whose client has installed what is given; the environment to find it."""

    def listed(value: dict[str, Any] | str) -> dict[str, str]:
        path = tmp_path / "home/.claude/plugins/installed_plugins.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        text = value if isinstance(value, str) else json.dumps({"version": 2, "plugins": value})
        path.write_text(text)
        return {"HOME": str(tmp_path / "home")}

    return listed


def place(tmp_path: Path, name: str) -> str:
    folder = tmp_path / name
    (folder / "skills/judge").mkdir(parents=True)
    (folder / "skills/judge/SKILL.md").write_text(SKILL.format(name="judge"))
    return str(folder)


def test_a_plugin_is_found_by_its_name_and_by_its_marketplace(listed: List, tmp_path: Path) -> None:
    where = place(tmp_path, "a")
    env = listed({"team@acme": [{"scope": "user", "installPath": where}]})
    assert plugins.folder("team", str(tmp_path), env) == where
    assert plugins.folder("team@acme", str(tmp_path), env) == where


def test_one_of_two_with_the_same_name_has_to_be_named(listed: List, tmp_path: Path) -> None:
    one, two = place(tmp_path, "a"), place(tmp_path, "b")
    env = listed({"team@a": [{"installPath": one}], "team@b": [{"installPath": two}]})
    with pytest.raises(Stop, match="write one of team@a, team@b"):
        plugins.folder("team", str(tmp_path), env)
    assert plugins.folder("team@b", str(tmp_path), env) == two


def test_what_is_installed_for_another_project_is_not_for_this_one(listed: List, tmp_path: Path) -> None:
    here = {"scope": "project", "projectPath": str(tmp_path / "here"), "installPath": place(tmp_path, "a")}
    env = listed({"team@a": [here]})
    assert plugins.folder("team", str(tmp_path / "here"), env)
    with pytest.raises(Stop, match="plugin 'team' is not installed"):
        plugins.folder("team", str(tmp_path / "there"), env)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("{", "can't be read"),
        ('{"plugins": {"team@a": [{"installPath": "relative/path"}]}}', "plugin 'team' is not installed"),
        ('{"plugins": {"team@a": [{"installPath": "/no/such/folder"}]}}', "is missing"),
        ('{"plugins": {"team@a": [7, null, {"installPath": 7}]}}', "plugin 'team' is not installed"),
        ('{"plugins": []}', "plugin 'team' is not installed"),
        ("[]", "plugin 'team' is not installed"),
    ],
)
def test_a_list_that_says_nothing_usable_is_refused(
    listed: List, tmp_path: Path, said: str, why: str
) -> None:
    with pytest.raises(Stop, match=why) as stopped:
        plugins.folder("team", str(tmp_path), listed(said))
    assert stopped.value.code == exits.REFUSED


def test_a_step_can_be_a_skill_of_another_plugin(
    scratch_repo: Path, git: Git, listed: List, tmp_path: Path
) -> None:
    env = listed({"team@acme": [{"scope": "user", "installPath": place(tmp_path, "a")}]})
    pipelines = {"default": {"steps": [{"skill": "team:judge"}]}}
    project = Project(scratch_repo, git, config={"pipelines": pipelines})
    git(scratch_repo, "config", "user.name", "Ada")
    git(scratch_repo, "config", "user.email", "ada@example.com")
    project.env |= env  # whose home has no git configuration
    done = project.run()
    assert done.returncode == exits.OK, done.stderr
    assert project.ran() == ["judge#1"]


@pytest.mark.real
def test_a_plugin_that_the_real_client_installed_is_found(tmp_path: Path) -> None:
    market = tmp_path / "market"
    (market / ".claude-plugin").mkdir(parents=True)
    (market / "team/.claude-plugin").mkdir(parents=True)
    (market / "team/skills/judge").mkdir(parents=True)
    (market / "team/skills/judge/SKILL.md").write_text(SKILL.format(name="judge"))
    (market / "team/.claude-plugin/plugin.json").write_text('{"name": "team", "version": "1.0.0"}')
    named = {"name": "acme", "owner": {"name": "Ada"}, "plugins": [{"name": "team", "source": "./team"}]}
    (market / ".claude-plugin/marketplace.json").write_text(json.dumps(named))
    home = tmp_path / "home"
    home.mkdir()
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "ANTHROPIC_API_KEY": "dummy",
        "DISABLE_TELEMETRY": "1",
        "DISABLE_ERROR_REPORTING": "1",
        "DISABLE_AUTOUPDATER": "1",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    }
    for words in (("marketplace", "add", str(market)), ("install", "team@acme")):
        subprocess.run(
            [claude_program(), "plugin", *words],
            env=env,
            cwd=home,
            stdin=subprocess.DEVNULL,
            check=True,
            timeout=PATIENCE,
        )
    found = Path(plugins.folder("team", str(home), env))
    assert (found / "skills/judge/SKILL.md").read_text() == SKILL.format(name="judge")
