"""A whole run with the real Claude Code client on a scripted model: from `cauto run` to the completed run."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from conftest import Git
from correctless.base import exits
from programs import claude_program
from project import Project
from scripted_model import LAST_TOOL_RESULT, NonceModel, Reply, text_of, tool

pytestmark = pytest.mark.real

CANARY = "The canary of this project sings at 04:17."


def block(*decisions: str) -> str:
    return "\n".join(
        ["Done.", "AUTONOMOUS_DECISIONS_START {{nonce}}", *decisions, "AUTONOMOUS_DECISIONS_END"]
    )


def decision(name: str, applied: str) -> str:
    return f'{{"decision_id": "{name}", "default_applied": "{applied}", "rationale": "because", "escalation_deferred": false}}'


@pytest.mark.parametrize("sandbox", ["off", "require"])
def test_the_real_client_works_through_a_pipeline_that_a_person_then_confirms(
    scratch_repo: Path, git: Git, sandbox: str
) -> None:
    test = [sys.executable, "-m", "unittest", "-q"]
    project = Project(
        scratch_repo,
        git,
        config={
            "agent_sandbox": sandbox,
            "commands": {"test": test},
            "pipelines": {"default": {"steps": [{"skill": "ctdd"}, {"skill": "cverify"}]}},
        },
    )
    project.write("CLAUDE.md", f"{CANARY}\n")
    git(scratch_repo, "add", "--all")
    git(scratch_repo, "commit", "-q", "-m", "instructions")
    report = f".correctless/reports/{project.logs.branch_slug}/cverify.md"
    scripts = {
        "one step of an unattended run: ctdd": [
            Reply("Test first.", tool("Write", file_path=str(scratch_repo / "test_greet.py"), content=TEST)),
            Reply(tool("Write", file_path=str(scratch_repo / "greet.py"), content=CODE)),
            Reply(
                tool(
                    "Bash",
                    command=f"{sys.executable} -m unittest -q 2>&1; git push origin HEAD 2>&1 | head -1",
                )
            ),
            Reply(LAST_TOOL_RESULT + "\n" + block(decision("AD-001", "tests first"))),
        ],
        "one step of an unattended run: cverify": [
            Reply(tool("Write", file_path=str(scratch_repo / report), content="R-001: met\nR-002: met\n")),
            Reply(block(decision("AD-003", "kept"), decision("AD-404", "invented"))),
        ],
    }
    with NonceModel(scripts) as model:
        env = {**model.environment, "CORRECTLESS_CLAUDE": claude_program()}
        words = ["run", "--no-check", "--spec", "spec.md", "--approve-spec-as", "Ada", "--agent", "claude"]
        done = project.cauto(*words, env=env)
        assert done.returncode == exits.PERSON, done.stderr
        for request in model.requests:
            assert CANARY in str(request["system"]) + text_of(request["messages"][0]["content"])
        first = text_of(model.requests[0]["messages"][0]["content"])
        assert "mode: autonomous" in first
        assert (scratch_repo / "greet.py").read_text() == CODE
        found = {(d["skill"], d["decision_id"]): d for d in project.decisions()}
        assert not found["ctdd", "AD-001"]["escalation_deferred"]
        assert found["cverify", "AD-003"]["escalation_deferred"]
        assert found["cverify", "AD-003"]["notes"].count("corrected") == 1
        assert found["cverify", "AD-UNLISTED-1"]["extra"]["claimed_id"] == "AD-404"
        assert project.state().cost_usd > 0
        code, shown = project.review(answer="{digest}")
        assert code == exits.OK, shown
        done = project.cauto("resume", env=env)
        assert done.returncode == exits.OK, done.stderr


def test_a_block_in_an_earlier_message_of_the_real_client_is_on_record_and_closes_the_gate(
    scratch_repo: Path, git: Git
) -> None:
    step = {"skill": "ctdd", "check": ["true"]}
    project = Project(scratch_repo, git, config={"pipelines": {"default": {"steps": [step]}}})
    look = tool("Bash", command="true")
    replies = [
        Reply(block(decision("AD-001", "said early"), decision("AD-404", "invented")), look),
        Reply("One more look.", look),
        Reply("All done."),
    ]
    with NonceModel({"one step of an unattended run: ctdd": replies}) as model:
        env = {**model.environment, "CORRECTLESS_CLAUDE": claude_program()}
        words = ["run", "--no-check", "--spec", "spec.md", "--approve-spec-as", "Ada", "--agent", "claude"]
        done = project.cauto(*words, env=env)
    assert done.returncode == exits.PERSON, done.stderr
    assert [d["decision_id"] for d in project.decisions()] == ["AD-001", "AD-UNLISTED-1"]


TEST = "import unittest\nfrom greet import greet\n\n\nclass T(unittest.TestCase):\n    def test(self):\n        self.assertEqual(greet('Ada'), 'hello Ada')\n"
CODE = "def greet(name=''):\n    return f'hello {name}'.strip()\n"
