"""The recorder with the real Claude Code client on a scripted model: a decision is on record the moment its call is answered."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import correctless
from conftest import Git
from correctless.base import exits
from correctless.runlog.events import StepStarted
from patience import PATIENCE, until
from programs import claude_program
from project import Project
from scripted_model import NonceModel, Reply, ScriptedModel, text_of, tool

pytestmark = pytest.mark.real

RECORD = "mcp__decisions__record_decision"
WORDS = ("run", "--no-check", "--spec", "spec.md", "--approve-spec-as", "Ada", "--agent", "claude")


def say(name: str | None, applied: str, **more: Any) -> dict[str, Any]:
    return {"decision_id": name, "default_applied": applied, "rationale": "because", **more}


def block(*decisions: Mapping[str, Any]) -> str:
    lines = ["AUTONOMOUS_DECISIONS_START {{nonce}}", *map(json.dumps, decisions), "AUTONOMOUS_DECISIONS_END"]
    return "\n".join(["Done.", *lines])


@pytest.fixture
def project(scratch_repo: Path, git: Git) -> Project:
    return of(scratch_repo, git)


def of(scratch_repo: Path, git: Git, **more: Any) -> Project:
    test = [sys.executable, "-c", ""]
    pipelines = {"default": {"steps": [{"skill": "cverify"}]}}
    return Project(scratch_repo, git, config={"commands": {"test": test}, "pipelines": pipelines, **more})


def run(project: Project, model: ScriptedModel) -> Any:
    env = {**model.environment, "CORRECTLESS_CLAUDE": claude_program()}
    return project.cauto(*WORDS, env=env)


def results(model: ScriptedModel) -> list[str]:
    """What the last request holds as answers of tools."""
    blocks = [part for m in model.requests[-1]["messages"] if m["role"] == "user" for part in m["content"]]
    return [
        text_of(part.get("content"))
        for part in blocks
        if isinstance(part, dict) and part.get("type") == "tool_result"
    ]


@pytest.mark.parametrize("sandbox", ["off", "require"])
def test_what_the_tool_recorded_and_the_block_repeats_is_on_record_once(
    scratch_repo: Path, git: Git, sandbox: str
) -> None:
    project = of(scratch_repo, git, agent_sandbox=sandbox)
    said = [
        say("AD-001", "report only"),
        say("AD-003", "kept"),
        say("AD-404", "invented"),
        say(None, "a choice"),
    ]
    scripts = {"cverify": [*(Reply(tool(RECORD, **each)) for each in said), Reply(block(*said))]}
    with NonceModel(scripts) as model:
        done = run(project, model)
        assert done.returncode == exits.PERSON, done.stderr
        offered = [t["name"] for t in model.requests[0].get("tools", ())]
        assert RECORD in offered
        answers = results(model)
    logged = [d for d in project.decisions() if d["source"] != "synthesized"]
    assert [(d["source"], d["key"].rpartition("/")[2]) for d in logged] == [
        ("tool", f"t{n}") for n in (1, 2, 3, 4)
    ]
    assert answers[2].startswith(
        "recorded as AD-UNLISTED-1, deferred: no such default in cverify; known: AD-001,"
    )
    assert [d["decision_id"] for d in logged] == ["AD-001", "AD-003", "AD-UNLISTED-1", "AD-UNLISTED-2"]


def test_a_client_killed_right_after_a_call_loses_no_decision(project: Project) -> None:
    scripts = {
        "An earlier attempt": [Reply(block(say("AD-001", "report only")))],
        "cverify": [Reply(tool(RECORD, **say("AD-404", "invented"))), Reply("never heard", delay=60)],
    }
    with NonceModel(scripts) as model:
        env = {**model.environment, "CORRECTLESS_CLAUDE": claude_program()}
        dispatcher = project.start(*WORDS, **env)
        until(lambda: Path(project.logs.decisions).exists() and len(project.decisions()) == 1)
        group = next(e.event.group for e in project.events() if isinstance(e.event, StepStarted))
        os.kill(group, signal.SIGKILL)  # the client itself; its group is the dispatcher's to end
        _, said = dispatcher.communicate(timeout=PATIENCE)
        assert dispatcher.returncode == exits.PERSON, said
    first, second = (d for d in project.decisions() if d["source"] != "synthesized")
    assert (first["key"].split("/")[1:], first["extra"]["claimed_id"]) == (["cverify", "1", "t1"], "AD-404")
    assert second["key"].split("/")[1:] == ["cverify", "2", "b1"]


def test_a_log_that_is_replaced_while_the_agent_works_ends_the_run_at_the_next_call(project: Project) -> None:
    log = project.logs.decisions
    # A script of its own: the guard denies the same words in a tool call.
    swap = project.top.parent / "swap.sh"
    swap.write_text(f"cp '{log}' '{log}.new' && mv '{log}.new' '{log}'\n")
    scripts = {
        "cverify": [
            Reply(tool(RECORD, **say("AD-001", "report only"))),
            Reply(tool("Bash", command=f"sh {swap}")),
            Reply(tool(RECORD, **say("AD-003", "kept"))),
            Reply("went on as if nothing had happened", delay=60),
        ]
    }
    with NonceModel(scripts) as model:
        began = time.monotonic()
        done = run(project, model)
        assert (done.returncode, "was replaced" in done.stderr) == (exits.REFUSED, True), done.stderr
        assert time.monotonic() - began < 50  # the agent was ended, not waited for
    assert [d["decision_id"] for d in project.decisions()] == ["AD-001"]


def test_the_repositorys_own_mcp_servers_reach_the_agent_beside_the_recorder(
    scratch_repo: Path, git: Git
) -> None:
    server = Path(correctless.__file__).parent / "agents" / "decisions_server.py"
    servers = {"notes": {"type": "stdio", "command": sys.executable, "args": ["-I", str(server), "/nowhere"]}}
    servers["notes"]["env"] = {"CORRECTLESS_RECORDER_TOKEN": "x"}  # type: ignore[assignment]
    (scratch_repo / ".mcp.json").write_text(json.dumps({"mcpServers": servers}))
    project = Project(
        scratch_repo,
        git,
        config={
            "agent_mcp": ".mcp.json",
            "commands": {"test": [sys.executable, "-c", ""]},
            "pipelines": {"default": {"steps": [{"skill": "cverify"}]}},
        },
    )
    scripts = {
        "cverify": [
            Reply(tool("mcp__notes__list_defaults")),
            Reply(tool(RECORD, **say("AD-001", "x"))),
            Reply(block()),
        ]
    }
    with NonceModel(scripts) as model:
        done = run(project, model)
        assert done.returncode == exits.PERSON, done.stderr
        offered = {t["name"] for t in model.requests[0]["tools"]}
        assert {RECORD, "mcp__notes__record_decision"} <= offered
        first, second = results(model)
    assert (
        "the dispatcher has gone" in first
    )  # called and not denied: the tools of a named server are allowed
    assert second.startswith("recorded as AD-001")


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"mcpServers": {"decisions": {}}}', '{"mcpServers": {"a b": {}}}', None]
)
def test_a_file_of_servers_that_is_none_is_refused_before_the_run(
    scratch_repo: Path, git: Git, text: str | None
) -> None:
    if text is not None:
        (scratch_repo / ".mcp.json").write_text(text)
    project = Project(scratch_repo, git, config={"agent_mcp": ".mcp.json", "commands": {"test": ["true"]}})
    done = project.run()
    assert (done.returncode, "agent_mcp" in done.stderr) == (exits.REFUSED, True), done.stderr
    assert not Path(project.logs.run).exists()
