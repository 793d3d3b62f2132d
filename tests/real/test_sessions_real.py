"""Sessions with the real Claude Code client: after a usage limit, after Ctrl-C, and with a person's answer, it goes on where it was."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pexpect
import pytest

import correctless
from conftest import Git
from correctless.base import exits
from correctless.runlog.events import AgentEnded, Answered, StepContinued, StepStarted
from patience import PATIENCE, until
from programs import claude_program
from project import Project
from scripted_model import NonceModel, Reply, ScriptedModel, Subscription, tool, used_up

pytestmark = pytest.mark.real

WORDS = ("run", "--no-check", "--spec", "spec.md", "--approve-spec-as", "Ada", "--agent", "claude")
SKILL = """---
name: judge
description: Judges. Use when something is to be judged.
interaction_mode: hybrid
allowed-tools: Read, Bash
---
# Judge

## Autonomous Defaults

- **AD-001**: Order — as they come (default). Rationale: it is the usual one.
- **AD-003**: Verdict — `escalate: always`. Default if deferred: keep the verdict. Rationale: the owner knows what is meant.
"""
RECORD = "mcp__decisions__record_decision"
KEEP = {"decision_id": "AD-003", "default_applied": "keep the verdict", "rationale": "because"}
DONE = "Done.\nAUTONOMOUS_DECISIONS_START {{nonce}}\nAUTONOMOUS_DECISIONS_END"


@pytest.fixture
def project(scratch_repo: Path, git: Git) -> Project:
    return of(scratch_repo, git)


def of(scratch_repo: Path, git: Git, **more: Any) -> Project:
    (scratch_repo / "skills/judge").mkdir(parents=True)
    (scratch_repo / "skills/judge/SKILL.md").write_text(SKILL)
    steps = [{"skill": "judge", "check": [sys.executable, "-c", ""]}]
    pipelines = {"default": {"steps": steps}}
    return Project(scratch_repo, git, config={"on_limit": "pause", "pipelines": pipelines, **more})


class Account(Subscription, NonceModel):
    """An account with usage windows."""


def given(project: Project, model: ScriptedModel) -> dict[str, str]:
    return {**model.environment, "CORRECTLESS_CLAUDE": claude_program()}


def logged(project: Project, kind: type) -> list[Any]:
    return [item.event for item in project.events() if isinstance(item.event, kind)]


@pytest.mark.parametrize("sandbox", ["off", "require"])
def test_after_a_usage_limit_the_client_knows_what_it_did(scratch_repo: Path, git: Git, sandbox: str) -> None:
    project = of(scratch_repo, git, agent_sandbox=sandbox)
    work = Reply(tool("Bash", command="echo one >one.txt"))
    with Account({"": [work, used_up(int(time.time()) + 7200)]}) as model:
        done = project.cauto(*WORDS, env=given(project, model))
    assert done.returncode == exits.PAUSED, done.stderr
    with NonceModel({"": [work, Reply(tool("Bash", command="echo two >two.txt")), Reply(DONE)]}) as model:
        done = project.cauto("resume", env=given(project, model))
        assert done.returncode == exits.OK, done.stderr
        messages = model.requests[-1]["messages"]
    said = json.dumps(messages)
    assert "echo one >one.txt" in said
    assert "You were interrupted (" in said
    assert {"one.txt", "two.txt"} <= set(project.git(project.top, "ls-files").split())
    assert (len(logged(project, StepStarted)), len(logged(project, StepContinued))) == (1, 1)


def test_after_ctrl_c_in_the_middle_of_a_command_the_client_goes_on(project: Project, tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    waits = Reply(tool("Bash", command=f"echo one >one.txt; touch {flag}; tail -f /dev/null"))
    with NonceModel({"": [waits, Reply(DONE)]}) as model:
        with project.start(*WORDS, **given(project, model)) as dispatcher:
            until(flag.exists)
            dispatcher.send_signal(signal.SIGINT)
            dispatcher.communicate(timeout=PATIENCE)
        assert dispatcher.returncode == exits.INTERRUPTED
        done = project.cauto("resume", env=given(project, model))
        assert done.returncode == exits.OK, done.stderr
    first, second = logged(project, AgentEnded)
    assert (first.outcome, second.outcome) == ("interrupted", "ok")
    assert first.cost_usd > 0
    assert "one.txt" in project.git(project.top, "ls-files")


def test_a_persons_answer_reaches_the_same_session_of_the_client(project: Project) -> None:
    program, *rest = correctless.itself()
    replies = [
        Reply(tool(RECORD, **KEEP)),
        Reply(DONE),
        Reply(tool("Bash", command="echo told >told.txt")),
        Reply(DONE),
    ]
    with NonceModel({"": replies}) as model:
        child = pexpect.spawn(
            program,
            [*rest, "cauto", *WORDS, "--on-escalation", "ask", "--plain"],
            cwd=str(project.top),
            env={**project.env, **given(project, model)},
            encoding="utf-8",
            timeout=PATIENCE,
            dimensions=(50, 100),
        )
        child.expect("judge needs a decision from you")
        child.expect(r"\n> ")
        child.sendline("call R-004 unmet")
        child.expect(pexpect.EOF)
        child.wait()
        assert child.exitstatus == exits.OK, child.before
        said = json.dumps(model.requests[-1]["messages"])
    assert "keep the verdict" in said
    assert "call R-004 unmet" in said
    assert "told.txt" in project.git(project.top, "ls-files")
    assert [(event.by, event.changed) for event in logged(project, Answered)] == [("Ada", 1)]
    assert [d["default_applied"] for d in project.decisions()] == ["keep the verdict", "call R-004 unmet"]
    assert os.path.exists(os.path.join(project.logs.folder(project.state().run), "judge-1", "transcript-2"))
