"""Whole runs whose agents and checks are in the sandbox, and what becomes of an agent when its dispatcher ends."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conftest import Git
from correctless.base import exits
from correctless.base.process import descendants
from correctless.dispatch.control import start
from correctless.dispatch.control.preflight import proofs
from correctless.project import lock
from correctless.project.git import find
from correctless.runlog.events import StepStarted
from patience import PATIENCE
from programs import claude_program
from project import CONFIG, Project
from scripted_model import NonceModel, Reply, tool

pytestmark = pytest.mark.real


class Walled(Project):
    """A project whose agent keeps its diary in a folder that its configuration names."""

    def __init__(self, top: Path, git: Git, **more: Any) -> None:
        diaries = top.parent / "diaries"
        diaries.mkdir()
        config = {**CONFIG, "agent_sandbox": "require", "agent_writable": [str(diaries)], **more}
        super().__init__(top, git, config=config)
        self.diary = diaries / "diary"
        self.env["AGENT_DIARY"] = str(self.diary)

    def started(self) -> list[StepStarted]:
        return [item.event for item in self.events() if isinstance(item.event, StepStarted)]


@pytest.fixture
def project(scratch_repo: Path, git: Git) -> Walled:
    return Walled(scratch_repo, git)


def until(happened: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


def test_a_whole_run_of_a_command_agent(project: Walled) -> None:
    victim = project.top.parent / "victim"
    victim.write_text("as it was")
    done = project.run(
        AGENT_EXTRA=f"""
for path in ({str(victim)!r}, os.path.expanduser("~/.bashrc"), ".git/config", ".git/hooks/post-commit", {project.logs.decisions!r}):
    try:
        open(path, "a").write("evil")
        saying.append("wrote " + path)
    except OSError:
        pass
"""
    )
    assert done.returncode == exits.PERSON, done.stderr
    assert {event.sandbox for event in project.started()} == {"bubblewrap"}
    assert victim.read_text() == "as it was"
    assert not os.path.exists(os.path.expanduser("~/.bashrc"))
    assert (
        "evil" not in Path(project.top, ".git/config").read_text() + Path(project.logs.decisions).read_text()
    )
    assert not Path(project.top, ".git/hooks/post-commit").exists()
    project.review(answer="{digest}")
    assert project.cauto("resume").returncode == exits.OK


@pytest.mark.parametrize("code", ["import os; open(os.path.expanduser('~/out'), 'w')", "raise SystemExit(9)"])
def test_a_check_is_in_the_sandbox_too_and_its_failure_is_one(
    scratch_repo: Path, git: Git, code: str
) -> None:
    project = Walled(scratch_repo, git, commands={"test": [sys.executable, "-c", code]})
    done = project.run()
    assert done.returncode == exits.FAILED, done.stderr
    assert not os.path.exists(os.path.expanduser("~/out"))


@pytest.mark.parametrize("hook", ["pre-commit", "commit-msg", "post-commit"])
def test_a_commit_hook_runs_what_an_agent_wrote_in_the_sandbox_too(project: Walled, hook: str) -> None:
    path = project.top / ".git/hooks" / hook
    path.write_text("#!/bin/sh\n. ./lint.sh\n")
    path.chmod(0o755)
    wrote = "pathlib.Path('lint.sh').write_text('echo ran >>linted.txt; echo x 2>/dev/null >>~/out; true\\n')"
    done = project.run(AGENT_EXTRA=wrote)
    assert done.returncode == exits.PERSON, done.stderr
    assert (project.top / "linted.txt").exists()
    assert not os.path.exists(os.path.expanduser("~/out"))


@pytest.mark.parametrize("how", ["killed", "interrupted", "stopped"])
def test_when_its_dispatcher_ends_an_agent_ends_and_the_run_goes_on(project: Walled, how: str) -> None:
    dispatcher = project.start(*project.run_words(), AGENT_PLAY="sleep:ctdd#1")
    project.wait_asleep()
    [begun] = project.started()
    assert descendants.group_alive(begun.group, begun.mark)
    match how:
        case "killed":
            dispatcher.kill()
        case "interrupted":
            dispatcher.send_signal(signal.SIGINT)
        case "stopped":
            stopped = project.cauto("stop")
            assert stopped.returncode == exits.OK, stopped.stderr
    _, said = dispatcher.communicate(timeout=PATIENCE)
    until(lambda: not descendants.group_alive(begun.group, begun.mark))
    assert not lock.is_locked(find(str(project.top)))
    assert (dispatcher.returncode == -signal.SIGKILL) is (how == "killed"), said
    assert how != "interrupted" or dispatcher.returncode == exits.INTERRUPTED
    done = project.cauto("resume")
    assert done.returncode == exits.PERSON, done.stderr
    assert project.ran()[:2] == ["ctdd#1", "ctdd#2"]


def test_check_tries_the_sandbox_and_names_what_agents_write(project: Walled) -> None:
    request = start.Request("spec.md", flags={"agent": f"command:{project.agent}"})
    ready = start.prepare(find(str(project.top)), str(project.top), request, project.env)
    found = {proof.what: proof for proof in (prove() for prove in proofs(ready, project.env))}
    proof = found["the sandbox of the agents"]
    assert proof.ok
    assert "ways out were tried and none works" in proof.result
    assert str(project.diary.parent) in proof.result


def test_a_path_of_the_configuration_that_is_not_there_is_named(
    scratch_repo: Path, git: Git, tmp_path: Path
) -> None:
    missing = str(tmp_path / "not-there")
    project = Walled(scratch_repo, git, agent_readable=[missing])
    request = start.Request("spec.md", flags={"agent": f"command:{project.agent}"})
    ready = start.prepare(find(str(project.top)), str(project.top), request, project.env)
    (proof,) = (
        p for p in (prove() for prove in proofs(ready, project.env)) if p.what == "the sandbox of the agents"
    )
    assert proof.warning
    assert missing in proof.result
    assert f"{missing} is missing" in project.run().stderr


def test_the_real_client_sees_its_login_and_changes_nothing_else_of_the_persons(
    scratch_repo: Path, git: Git
) -> None:
    steps = [{"skill": "cverify"}]
    project = Walled(scratch_repo, git, pipelines={"default": {"steps": steps}}, commands={"test": ["true"]})
    home = Path(os.environ["HOME"])
    folder = home / ".claude"
    (folder / "projects").mkdir(parents=True)
    (folder / ".credentials.json").write_text('{"claudeAiOauth": {"old": 1}}')
    for name in ("settings.json", "projects/history.jsonl", "CLAUDE.md"):
        (folder / name).write_text("{}")
    (home / ".claude.json").write_text('{"hasCompletedOnboarding": true}')
    before = {path: path.read_text() for path in home.rglob("*") if path.is_file() and ".claude" in str(path)}
    script = (
        "cat $CLAUDE_CONFIG_DIR/.credentials.json; echo '{}' >$CLAUDE_CONFIG_DIR/.credentials.json; "
        "for f in settings.json CLAUDE.md new projects/history.jsonl; do echo x >~/.claude/$f; cat ~/.claude/$f; done; "
        "echo x >~/.claude.json; ls -A ~/.claude"
    )
    path = Path(project.top, "do.sh")  # the guard reads a call's words
    path.write_text(script)
    git(project.top, "add", ".")
    git(project.top, "commit", "-qm", "a script")
    done_text = "Done.\nAUTONOMOUS_DECISIONS_START {{nonce}}\nAUTONOMOUS_DECISIONS_END"
    with NonceModel({"": [Reply(tool("Bash", command="sh do.sh 2>/dev/null")), Reply(done_text)]}) as model:
        env = {**model.environment, "CORRECTLESS_CLAUDE": claude_program()}
        done = project.cauto(
            "run", "--no-check", "--spec", "spec.md", "--approve-spec-as", "Ada", "--agent", "claude", env=env
        )
        assert done.returncode == exits.PERSON, done.stderr
        said = str(model.requests[-1]["messages"])
    assert '"old": 1' in said.replace('\\"', '"')
    after = {path: path.read_text() for path in home.rglob("*") if path.is_file() and ".claude" in str(path)}
    assert after == {**before, folder / ".credentials.json": "{}\n"}
