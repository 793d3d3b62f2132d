"""The real Claude Code client against a scripted model: the prompt, the tools, the environment, pauses, and no orphan."""

from __future__ import annotations

import os
import signal
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from conftest import Git
from correctless.agents import Activity, Limits, Outcome, PausedAgent, Task
from correctless.agents.claude import Claude
from correctless.agents.environment import environment
from correctless.base.clock import timestamp
from correctless.base.process.descendants import group_alive
from programs import claude_program
from scripted_model import LAST_TOOL_RESULT, Reply, ScriptedModel, Subscription, text_of, tool, used_up

pytestmark = pytest.mark.real

LIMITS = Limits(idle_s=20, wall_s=30, turns=6, usd=5.0, grace_s=2)
BLOCK = "AUTONOMOUS_DECISIONS_START 7f3a91c2\nAUTONOMOUS_DECISIONS_END"
Drive = Callable[..., Outcome]


@pytest.fixture
def seen() -> list[Activity]:
    return []


@pytest.fixture
def drive(scratch_repo: Path, tmp_path: Path, seen: list[Activity]) -> Drive:
    """Runs the client in a scratch repository with a home of its own; nothing of it may stay."""
    (tmp_path / "gh").mkdir()
    program = claude_program()

    def drive(
        model: ScriptedModel,
        prompt: str = "mode: autonomous\nDo it.",
        watch: Callable[[PausedAgent, Activity], None] = lambda _, activity: seen.append(activity),
        **changes: object,
    ) -> Outcome:
        source = {**os.environ, **model.environment, "CORRECTLESS_CLAUDE": program, "TMPDIR": str(tmp_path)}
        task = Task(
            run="r1",
            step="ctdd",
            attempt=2,
            prompt=prompt,
            system="",
            cwd=str(scratch_repo),
            environment=environment(
                source,
                agent_env=list(model.environment),
                run="r1",
                step="ctdd",
                attempt=2,
                gh_config_dir=str(tmp_path / "gh"),
            ),
            tools=("Read", "Edit", "Bash"),
            limits=LIMITS,
            session=str(uuid.uuid4()),
            model=None,
            plugin_dirs=(),
            transcript=str(tmp_path / "transcript.jsonl"),
            inherit=(),
        )
        task = replace(task, **changes)  # type: ignore[arg-type]
        agent = Claude()
        agent.check(task.environment, task.cwd)
        held = agent.hold(task)
        try:
            return held.release(partial(watch, held))
        finally:
            held.end()
            assert not group_alive(held.pgid, held.mark)

    return drive


def test_the_client_edits_a_file_runs_a_command_commits_and_ends_with_a_block(
    drive: Drive, seen: list[Activity], scratch_repo: Path, git: Git
) -> None:
    readme = str(scratch_repo / "README.md")
    replies = [
        Reply("I read it first.", tool("Read", file_path=readme)),
        Reply(tool("Edit", file_path=readme, old_string="# project", new_string="# better")),
        Reply(tool("Bash", command="git commit -qam better && git log -1 --format=%an")),
        Reply(f"Committed by {LAST_TOOL_RESULT}.\n{BLOCK}"),
    ]
    with ScriptedModel({"": replies}) as model:
        outcome = drive(model)
    assert (outcome.kind, outcome.reason, outcome.exit_code) == ("ok", "", 0)
    assert outcome.answer == f"I read it first.\nCommitted by Ada.\n{BLOCK}"
    assert git(scratch_repo, "show", "HEAD:README.md") == "# better"
    assert outcome.turns == 4
    assert outcome.tokens > 4000
    assert 0 < outcome.cost_usd < 1
    assert not outcome.cost_estimated
    assert [one.text.partition(" ")[0] for one in seen if one.kind == "tool"] == ["Read", "Edit", "Bash"]


def test_the_environment_reaches_the_tools_without_what_could_publish(
    drive: Drive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GH_TOKEN", "gh-secret")
    monkeypatch.setenv("SSH_AUTH_SOCK", "/ssh-secret")
    with ScriptedModel({"": [Reply(tool("Bash", command="env | sort")), Reply(LAST_TOOL_RESULT)]}) as model:
        found = drive(model).answer.splitlines()
    assert {
        "CORRECTLESS_AGENT=1",
        "CORRECTLESS_RUN=r1",
        "CORRECTLESS_STEP=ctdd",
        "CORRECTLESS_ATTEMPT=2",
    } <= set(found)
    assert {"GIT_CONFIG_KEY_0=credential.helper", "GIT_CONFIG_VALUE_0=", "GIT_SSH_COMMAND=false"} <= set(
        found
    )
    assert not [line for line in found if "secret" in line]


@pytest.mark.parametrize("size", [0, 300_000])
def test_prompt_and_system_text_of_any_length_reach_the_model(drive: Drive, size: int) -> None:
    with ScriptedModel({"": [Reply("read")]}) as model:
        prompt = f"mode: autonomous\n{'p' * size} CANARY-PROMPT"
        outcome = drive(model, prompt, system=f"--{'s' * size} CANARY-SYSTEM")
    assert (outcome.kind, outcome.answer) == ("ok", "read")
    [request] = model.requests
    assert "CANARY-SYSTEM" in text_of(request["system"])
    assert prompt in text_of(request["messages"][0]["content"])


def test_a_tool_that_is_not_allowed_is_not_offered_or_denied(drive: Drive, scratch_repo: Path) -> None:
    replies = [Reply(tool("Bash", command="touch allowed-1; touch denied")), Reply(LAST_TOOL_RESULT)]
    with ScriptedModel({"": replies}) as model:
        outcome = drive(model, tools=("Bash(touch allowed-*)",))
    offered = {one["name"] for one in model.requests[0]["tools"]}
    assert "Bash" in offered
    assert not {"Read", "Edit", "Write", "WebFetch"} & offered
    assert outcome.kind == "ok"
    assert not (scratch_repo / "denied").exists()


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (429, "a usage limit was reached"),
        (500, "the service answered HTTP 500"),
        (529, "the service answered HTTP 529"),
        (401, "the login was lost. log in again, then resume"),
    ],
)
def test_an_outage_a_usage_limit_and_a_lost_login_are_pauses(drive: Drive, status: int, reason: str) -> None:
    with ScriptedModel({"": [Reply(status=status)]}) as model:
        outcome = drive(model)
    assert (outcome.kind, outcome.reason) == ("paused", reason)


def test_a_usage_limit_says_when_it_ends_and_how_much_is_used(drive: Drive, seen: list[Activity]) -> None:
    soon = int(time.time()) // 3600 * 3600 + 7200  # the client forgets a window that is over
    with Subscription({"": [used_up(soon)]}) as model:
        outcome = drive(model)
    assert (outcome.kind, outcome.reason) == ("paused", "a usage limit was reached")
    assert outcome.resume_at == timestamp(datetime.fromtimestamp(soon, UTC))
    assert outcome.usage == (("five_hour", 1.0), ("seven_day", 0.5))
    assert Activity("limit", "rejected: five_hour 100%, seven_day 50%") in seen


def test_of_two_result_lines_the_one_after_the_background_agent_counts(drive: Drive, tmp_path: Path) -> None:
    start = tool(
        "Agent", description="d", prompt="SUBTASK", subagent_type="general-purpose", run_in_background=True
    )
    replies = [Reply(start), Reply("too early"), Reply("all done")]
    with ScriptedModel({"SUBTASK": [Reply("sub done", delay=1)], "": replies}) as model:
        outcome = drive(model, tools=("Agent",), limits=replace(LIMITS, grace_s=0.3))
    assert (outcome.kind, outcome.answer, outcome.turns) == ("ok", "too early\nall done", 3)
    assert (tmp_path / "transcript.jsonl").read_text().count('"type":"result"') == 2


def test_a_service_that_is_not_there_is_a_pause(drive: Drive) -> None:
    model = ScriptedModel({})
    with model:
        pass  # closed again: its port refuses
    assert drive(model).kind == "paused"


def test_a_bad_request_is_a_failure(drive: Drive) -> None:
    with ScriptedModel({"": [Reply(status=400)]}) as model:
        outcome = drive(model)
    assert outcome.kind == "failed"
    assert "API Error: 400" in outcome.reason


def test_the_turn_limit_and_the_money_limit_are_failures_that_name_themselves(drive: Drive) -> None:
    with ScriptedModel({"": [Reply(tool("Bash", command="true"))]}) as model:
        turns = drive(model, limits=replace(LIMITS, turns=2))
        money = drive(model, limits=replace(LIMITS, usd=0.001))
    assert (turns.kind, money.kind) == ("failed", "failed")
    assert "error_max_turns" in turns.reason
    assert "error_max_budget_usd" in money.reason


def test_a_plugin_that_is_not_loaded_is_a_failure_although_the_client_says_success(drive: Drive) -> None:
    with ScriptedModel({"": [Reply("fine")]}) as model:
        outcome = drive(model, plugin_dirs=("/no/such/plugin",))
    assert (outcome.kind, outcome.exit_code) == ("failed", 0)
    assert "plugin not loaded" in outcome.reason


def test_a_session_is_continued_at_the_cost_of_the_new_part(drive: Drive) -> None:
    session = str(uuid.uuid4())
    with ScriptedModel({"": [Reply("first"), Reply("second")]}) as model:
        first = drive(model, session=session)
        second = drive(model, "and now?", session=session, resume=True)
    assert (first.answer, second.answer) == ("first", "second")
    assert second.cost_usd < 1.5 * first.cost_usd


def test_a_job_left_in_the_background_ends_with_the_attempt(drive: Drive, tmp_path: Path) -> None:
    # the client gives each command a session of its own: the group alone would miss it
    left = f"(sleep 60; touch {tmp_path}/late) & echo $! $(ps -o pgid= -p $!)"
    with ScriptedModel({"": [Reply(tool("Bash", command=left)), Reply(LAST_TOOL_RESULT)]}) as model:
        job, group = drive(model).answer.split()
    assert not group_alive(int(group))
    assert not Path(f"/proc/{job}").exists() or ") Z " in Path(f"/proc/{job}/stat").read_text()


def test_an_attempt_that_was_killed_is_costed_from_its_stream(drive: Drive) -> None:
    def kill(held: PausedAgent, activity: Activity) -> None:
        if activity.kind == "tool":
            os.kill(held.pgid, signal.SIGKILL)

    replies = [Reply("I will wait.", tool("Bash", command="tail -f /dev/null")), Reply("never")]
    with ScriptedModel({"": replies}) as model:
        outcome = drive(model, watch=kill)
    assert (outcome.kind, outcome.exit_code) == ("failed", -signal.SIGKILL)
    assert outcome.reason == "exit code -9; the stream has no result line"
    assert outcome.cost_estimated
    assert outcome.cost_usd > 0.005
