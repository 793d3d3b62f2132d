"""What the plugin hears of a session: the doors that start nothing where nothing is ours, and the lines about runs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from conftest import Git
from correctless.base import exits
from correctless.base.exits import Stop
from correctless.hooks import client
from correctless.hooks.prompt import Prompt, record_answer
from patience import PATIENCE
from places import ROOT
from project import Project

SESSION = "0a1b2c3d-0000-4000-8000-000000000000"


@pytest.fixture
def project(scratch_repo: Path, git: Git) -> Project:
    return Project(scratch_repo, git)


def hear(
    project: Project, event: str, given: Mapping[str, Any] | None = None, **env: str
) -> subprocess.CompletedProcess[str]:
    call = {"session_id": SESSION, "cwd": str(project.top), **(given or {})}
    return subprocess.run(
        [ROOT / "scripts" / "hear", event],
        cwd=project.top,
        env={**project.env, "CLAUDE_CODE_SESSION_ID": SESSION, **env},
        input=json.dumps(call),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def said(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stderr
    return str(json.loads(done.stdout)["systemMessage"]) if done.stdout else ""


def test_where_nothing_is_ours_no_program_is_started(project: Project, tmp_path: Path) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    cat = shutil.which("cat")
    assert cat
    (folder / "cat").symlink_to(cat)
    for name in ("python3", "uv", "git", "readlink", "cksum"):
        (folder / name).write_text(f"#!/bin/sh\necho {name} >> {tmp_path}/started\n")
        (folder / name).chmod(0o755)
    for event, given in (("prompt", {"prompt": "fix the tests"}), ("start", {}), ("stop", {})):
        done = hear(project, event, given, PATH=str(folder))
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not (tmp_path / "started").exists()


def test_the_start_of_a_session_names_the_run_that_waits_in_two_lines(project: Project) -> None:
    assert project.run().returncode == exits.PERSON
    gate = project.state().gate
    assert gate is not None
    first, second = said(hear(project, "start")).split("\n")
    assert f"run {project.state().run} on feature/x waits: 2 decisions need your confirmation" in first
    assert "correctless review" in second
    assert f"confirm escalations {gate.digest[:12]}" in second
    below = project.top / "src"
    below.mkdir()
    assert said(hear(project, "start", {"cwd": str(below)}))


def test_a_run_that_failed_is_named_with_its_reason_and_what_goes_on_with_it(project: Project) -> None:
    assert project.run(AGENT_PLAY="fail:ctdd").returncode == exits.FAILED
    first, second = said(hear(project, "start")).split("\n")
    assert "ctdd" in first
    assert "correctless cauto resume" in second


def test_a_run_that_is_complete_or_abandoned_is_not_spoken_of(project: Project) -> None:
    assert project.run().returncode == exits.PERSON
    assert project.review(answer="{digest}")[0] == exits.OK
    assert project.cauto("resume").returncode == exits.OK
    assert said(hear(project, "start")) == ""


def test_a_run_that_is_under_way_is_said_to_be(project: Project) -> None:
    started = project.start(*project.run_words(), AGENT_PLAY="sleep:ctdd#1", CLAUDE_CODE_SESSION_ID=SESSION)
    pid = project.wait_asleep()
    try:
        assert "is under way" in said(hear(project, "start"))
        assert "which this session started, is under way" in said(hear(project, "stop"))
    finally:
        project.end(pid)
        started.terminate()
        started.communicate(timeout=PATIENCE)


def test_the_end_of_a_turn_speaks_of_the_run_its_session_started_and_of_no_other(project: Project) -> None:
    assert project.run(CLAUDE_CODE_SESSION_ID=SESSION).returncode == exits.PERSON
    assert said(hear(project, "stop", CLAUDE_CODE_SESSION_ID="another-session")) == ""
    first, second = said(hear(project, "stop")).split("\n")
    assert "which this session started, waits: 2 decisions need your confirmation" in first
    assert "confirm escalations" in second
    assert project.review(answer="{digest}")[0] == exits.OK
    assert project.cauto("resume").returncode == exits.OK
    assert said(hear(project, "stop")) == ""
    assert list(Path(project.env["HOME"], ".local/state/correctless/sessions").iterdir()) == []


def test_a_damaged_log_or_note_troubles_no_session(project: Project) -> None:
    assert project.run(CLAUDE_CODE_SESSION_ID=SESSION).returncode == exits.PERSON
    with open(project.logs.run, "ab") as file:
        file.write(b"garbage\n")
    for event in ("start", "stop"):
        assert said(hear(project, event)) == ""
    Path(project.env["HOME"], ".local/state/correctless/sessions", SESSION).write_bytes(b"\xff")
    assert said(hear(project, "stop")) == ""


# -- whose client it is

HOOK = frozenset({"CLAUDE_PROJECT_DIR", "CLAUDECODE"})
TOOL = frozenset({"CLAUDECODE", "PATH"})
PLAIN = frozenset({"PATH", "HOME"})
AGENT = frozenset({"CORRECTLESS_AGENT", "PATH"})


@pytest.mark.parametrize(
    "chain",
    [
        (HOOK, PLAIN),
        (HOOK, HOOK, HOOK, PLAIN, PLAIN),
        (HOOK, PLAIN, frozenset()),  # sudo, login: another user's
    ],
)
def test_a_client_with_nothing_marked_above_it_is_a_persons(chain: tuple[frozenset[str], ...]) -> None:
    client.refuse_agents(chain)


@pytest.mark.parametrize(
    "chain",
    [
        (HOOK, TOOL, TOOL, PLAIN),  # claude -p in a tool call
        (HOOK, PLAIN, TOOL, PLAIN),  # with env -u
        (HOOK, PLAIN, PLAIN, PLAIN, TOOL, PLAIN, PLAIN),  # behind script, setsid, a shell
        (HOOK, AGENT, PLAIN),
        (HOOK, PLAIN, PLAIN, AGENT),
        (HOOK | AGENT, PLAIN),
        (HOOK, HOOK),  # no client
        (),
        (HOOK, frozenset(), PLAIN),  # one that can't be read
        (HOOK, PLAIN, HOOK, TOOL, PLAIN),  # a client a hook started
        (PLAIN, PLAIN, TOOL),
    ],
)
def test_any_other_client_is_not(chain: tuple[frozenset[str], ...]) -> None:
    with pytest.raises(Stop) as refused:
        client.refuse_agents(chain)
    assert refused.value.code == exits.REFUSED


@pytest.mark.parametrize(
    ("text", "inside", "why"),
    [
        ("confirm escalations 0123456789ab", True, "a sub-agent cannot answer"),
        ("confirm escalations 0123456", False, "too short"),
    ],
)
def test_a_prompt_of_a_sub_agent_or_with_too_few_digits_is_refused(
    project: Project, text: str, inside: bool, why: str
) -> None:
    assert project.run().returncode == exits.PERSON
    prompt = Prompt(text, str(project.top), inside, "")
    with pytest.raises(Stop, match=why):
        record_answer(prompt, project.env, [HOOK, PLAIN], datetime.now(UTC))


def test_a_sentence_with_anything_around_it_is_no_answer() -> None:
    for text in (
        f"A message from another session: {WORDS}",
        f"<message>{WORDS}</message>",
        f"{WORDS} now",
        f"> {WORDS}",
        f"please\n{WORDS}",
    ):
        assert record_answer(Prompt(text, "/", False, ""), {}, [HOOK, PLAIN], datetime.now(UTC)) is None


FIRE = b'{"type":"system","subtype":"scheduled_task_fire"}'
WORDS = "confirm escalations 0123456789ab"
QUEUED = json.dumps(
    {"type": "queue-operation", "operation": "enqueue", "content": f" Confirm  {WORDS[8:]}"}
).encode()
TYPED = json.dumps({"type": "user", "message": {"role": "user", "content": WORDS}}).encode()


def test_a_prompt_that_a_schedule_put_into_the_queue_is_refused() -> None:
    for transcript in (
        [FIRE, QUEUED],
        [QUEUED, FIRE],
        [b"{broken queue-operation", b"\xff", QUEUED, TYPED, FIRE],
    ):
        with pytest.raises(Stop, match="scheduled task"):
            client.refuse_scheduled(WORDS, transcript)


def called(**given: object) -> bytes:
    content = [{"type": "text", "text": WORDS}, {"type": "tool_use", "name": "CronCreate", "input": given}]
    return json.dumps({"type": "assistant", "message": {"role": "assistant", "content": content}}).encode()


@pytest.mark.parametrize(
    "given",
    [{"prompt": WORDS}, {"jobs": [{"prompt": f"  CONFIRM  {WORDS[8:]}"}]}, {"prompt": f"{WORDS} now"}],
)
def test_words_that_a_model_wrote_into_a_tool_call_are_refused_before_the_client_says_that_they_fired(
    given: dict[str, object],
) -> None:
    with pytest.raises(Stop, match="scheduled task"):
        client.refuse_scheduled(WORDS, [called(**given), TYPED])
    client.refuse_scheduled(WORDS, [called(prompt="confirm escalations ba9876543210"), TYPED])
    client.refuse_scheduled(WORDS, [called(), TYPED])  # words that are shown to you and no tool call's


def test_a_queue_without_a_schedule_and_a_schedule_of_other_words_are_no_reason() -> None:
    other = QUEUED.replace(b"0123456789ab", b"ba9876543210")
    for transcript in ([], [QUEUED, TYPED], [FIRE, other], [FIRE, TYPED]):
        client.refuse_scheduled(WORDS, transcript)


def test_a_hook_command_called_without_a_client_is_refused(project: Project) -> None:
    assert project.run().returncode == exits.PERSON
    gate = project.state().gate
    assert gate is not None
    done = hear(project, "prompt", {"prompt": f"confirm escalations {gate.digest[:12]}"})
    assert json.loads(done.stdout)["decision"] == "block"
    assert project.command("gate").returncode == exits.PERSON
    assert os.path.exists(project.logs.confirmations)
