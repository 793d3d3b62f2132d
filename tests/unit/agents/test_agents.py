"""Agents: what reaches them, what is made of their output, and that nothing of them stays."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from conftest import Git
from correctless.agents import Activity, Limits, Outcome, Task, named
from correctless.agents.claude import Claude, command_line
from correctless.agents.command import command
from correctless.agents.environment import environment
from correctless.agents.price import Usage
from correctless.agents.running import End, Running
from correctless.agents.stream import Stream
from correctless.base.exits import REFUSED, USAGE, Stop
from correctless.base.process.descendants import group_alive
from correctless.base.process.lines import OutputLine
from correctless.base.process.process import Process
from correctless.base.text import one_line
from patience import until
from places import CASES, ROOT

STREAMS = CASES / "streams"
LIMITS = Limits(idle_s=100, wall_s=200, turns=5, usd=1.5, grace_s=0.3)
IMPATIENT = replace(LIMITS, idle_s=4)  # for what hangs: all else must pass on a busy machine too
WHEN = datetime(2026, 11, 21, tzinfo=UTC)  # before the recorded limits end
PROMPT = """mode: autonomous
AUTONOMOUS_DECISIONS_START 7f3a91c2
AUTONOMOUS_DECISIONS_END
"""


@pytest.fixture
def task(tmp_path: Path) -> Task:
    (tmp_path / "work").mkdir()
    return Task(
        run="r1",
        step="ctdd",
        attempt=1,
        prompt=PROMPT,
        system="",
        cwd=str(tmp_path / "work"),
        environment=agent_environment({"PATH": os.environ["PATH"], "HOME": os.environ["HOME"]}),
        tools=("Read",),
        limits=LIMITS,
        session="5a1c6a2e-8f4b-4c55-9a39-0a3f3c1d2e4f",
        model=None,
        plugin_dirs=(),
        transcript=str(tmp_path / "transcript"),
        inherit=(),
    )


def agent_environment(source: dict[str, str], **more: Any) -> dict[str, str]:
    given: dict[str, Any] = {
        "agent_env": (),
        "run": "r1",
        "step": "ctdd",
        "attempt": 1,
        "gh_config_dir": "/empty",
    }
    return environment(source, **(given | more))


def program(path: Path, text: str) -> Path:
    path.write_text(f"#!{sys.executable}\n{text}")
    path.chmod(0o755)
    return path


def ran(spelled: str, task: Task) -> Outcome:
    """The outcome of one attempt, and nothing of it left."""
    held = named(spelled, task.cwd).hold(task)
    outcome = held.release(lambda _: None)
    assert not group_alive(held.pgid, held.mark)
    return outcome


# --- what is said before the end

TALKER = """
import os, pathlib, sys, time
def say(text, end="\\n"):
    sys.stdout.write(text + end); sys.stdout.flush()
say("first")
while not pathlib.Path("go").exists():
    time.sleep(0.01)
{say}
pathlib.Path("said").touch()
{then}
time.sleep(600)
"""


@pytest.mark.parametrize("error", [KeyboardInterrupt, Stop(3, "cut off")], ids=["ctrl-c", "stop"])
@pytest.mark.parametrize(
    ("say", "then", "heard"),
    [
        ("say('a decision')", "", "a decision"),
        ("say('one'); say('a decision', end='')", "", "a decision"),
        ("say('x' * 5000); say('a decision')", "", "a decision"),
        # It is told to end, and says so; more than a pipe holds, too.
        ("", "import signal; signal.signal(signal.SIGTERM, lambda *_: (say('a decision'), os._exit(0)))", "a decision"),
        ("", "import signal; signal.signal(signal.SIGTERM, lambda *_: (say('y' * 300_000), say('a decision'), os._exit(0)))",
         "a decision"),
    ],
    ids=["a line", "a line without an end", "after a long line", "in its handler", "in its handler, much"],
)  # fmt: skip
def test_what_was_written_before_the_end_is_heard(
    task: Task, tmp_path: Path, error: Any, say: str, then: str, heard: str
) -> None:
    text = TALKER.format(say=say, then=then)
    task = replace(task, limits=replace(LIMITS, grace_s=30))
    held = named(f"command:{program(tmp_path / 'agent', text)}", task.cwd).hold(task)

    def cut_off(activity: Activity) -> None:
        assert activity.text == "first"
        Path(task.cwd, "go").touch()
        until(Path(task.cwd, "said").exists, "the agent said nothing")
        raise error

    with pytest.raises(type(error) if isinstance(error, Stop) else error):
        held.release(cut_off)
    assert heard in held.end().answer.splitlines()
    assert heard in Path(task.transcript).read_text().splitlines()
    assert not group_alive(held.pgid, held.mark)


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_who_writes_on_while_it_is_ended_is_read_up_to_a_bound(
    task: Task, tmp_path: Path, stream: str
) -> None:
    text = f"import os, signal, sys\nsignal.signal(15, signal.SIG_IGN)\nwhile True: os.write(sys.{stream}.fileno(), b'z' * 65536)"
    task = replace(task, limits=replace(LIMITS, grace_s=60))  # a pipe that is closed ends it, not the grace
    held = named(f"command:{program(tmp_path / 'agent', text)}", task.cwd).hold(task)

    def cut_off(_: Activity) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        held.release(cut_off)
    assert Path(task.transcript).stat().st_size < 40 << 20
    assert not group_alive(held.pgid, held.mark)


# --- the environment

HOSTILE = {
    "GH_TOKEN": "secret",
    "GITHUB_TOKEN": "secret",
    "GH_ENTERPRISE_TOKEN": "secret",
    "SSH_AUTH_SOCK": "/secret",
    "SSH_ASKPASS": "/secret",
    "GIT_ASKPASS": "/secret",
    "GIT_SSH_COMMAND": "secret",
    "GIT_CONFIG_PARAMETERS": "'credential.helper=secret'",
    "GIT_CONFIG_GLOBAL": "/secret",
    "GIT_CONFIG_COUNT": "9",
    "GIT_DIR": "/secret",
    "GH_CONFIG_DIR": "/secret",
    "CLAUDECODE": "1",
    "CLAUDE_CODE_SESSION_ID": "secret",
    "LD_PRELOAD": "/secret",
    "PYTHONPATH": "/secret",
    "NODE_OPTIONS": "secret",
    "BASH_ENV": "/secret",
    "NPM_TOKEN": "secret",
    "XDG_CONFIG_HOME": "/secret",
    "PATHOLOGY": "secret",
    "CORRECTLESS_AGENT": "",
    "CORRECTLESS_RUN": "forged",
    "CORRECTLESS_STEP": "forged",
    "CORRECTLESS_ATTEMPT": "9",
    "GIT_TERMINAL_PROMPT": "1",
}
PASSED = {
    name: f"the {name}"
    for name in (
        *("PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "TERM", "LANG", "LC_ALL", "LC_CTYPE"),
        *("CLAUDE_CODE_OAUTH_TOKEN", "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", "CLAUDE_CODE_USE_BEDROCK"),
        *("AWS_REGION", "AZURE_CLIENT_ID", "GOOGLE_APPLICATION_CREDENTIALS", "CLOUD_ML_REGION"),
        *("HTTPS_PROXY", "no_proxy", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "CORRECTLESS_CLAUDE"),
    )
}
OURS = {
    "CORRECTLESS_AGENT": "1",
    "CORRECTLESS_RUN": "r1",
    "CORRECTLESS_STEP": "ctdd",
    "CORRECTLESS_ATTEMPT": "1",
    "GH_CONFIG_DIR": "/empty",
    "GIT_CONFIG_COUNT": "2",
    "GIT_CONFIG_KEY_0": "credential.helper",
    "GIT_CONFIG_VALUE_0": "",
    "GIT_CONFIG_KEY_1": "url.agents-do-not-push://.pushInsteadOf",
    "GIT_CONFIG_VALUE_1": "",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "",
    "GIT_SSH_COMMAND": "false",
}


def test_the_environment_is_the_allow_list_and_nothing_of_a_hostile_one() -> None:
    assert agent_environment(HOSTILE | PASSED) == PASSED | OURS


def test_agent_env_adds_names_that_cannot_publish() -> None:
    found = agent_environment({"UV_INDEX_URL": "u", "NPM_TOKEN": "n"}, agent_env=["UV_INDEX_URL", "NOT_SET"])
    assert found == OURS | {"UV_INDEX_URL": "u"}


@pytest.mark.parametrize(
    "name",
    [
        *("GH_TOKEN", "GITHUB_TOKEN", "SSH_AUTH_SOCK", "GIT_SSH_COMMAND", "GH_CONFIG_DIR", "GIT_ASKPASS"),
        *("GIT_CONFIG_COUNT", "GIT_CONFIG_PARAMETERS", "GIT_TERMINAL_PROMPT", "CORRECTLESS_AGENT"),
    ],
)
def test_agent_env_that_names_a_credential_or_what_we_set_is_refused(name: str) -> None:
    with pytest.raises(Stop, match=f"agent_env names '{name}'") as stopped:
        agent_environment({name: "x"}, agent_env=[name])
    assert stopped.value.code == REFUSED


def test_publish_credentials_lets_them_through_and_still_says_that_it_is_an_agent() -> None:
    found = agent_environment(HOSTILE, publish_credentials=True)
    assert (found["GH_TOKEN"], found["SSH_AUTH_SOCK"], found["GH_CONFIG_DIR"]) == (
        "secret",
        "/secret",
        "/secret",
    )
    assert (found["CORRECTLESS_AGENT"], found["GIT_TERMINAL_PROMPT"]) == ("1", "0")
    assert not {"GIT_CONFIG_COUNT", "GIT_CONFIG_PARAMETERS", "NPM_TOKEN"} & found.keys()


def test_in_that_environment_git_commits_and_asks_no_credential_helper(scratch_repo: Path, git: Git) -> None:
    tattle = scratch_repo.parent / "asked"
    git(
        scratch_repo,
        "config",
        "credential.helper",
        f"!echo asked >> {tattle}; echo password=x; echo username=y #",
    )
    open_, closed = dict(os.environ), agent_environment(dict(os.environ))
    for env, asked in ((closed, False), (open_, True)):
        fill = ["git", "credential", "fill"]
        subprocess.run(
            fill,
            cwd=scratch_repo,
            env=env,
            input=b"protocol=https\nhost=h.invalid\n\n",
            capture_output=True,
            check=False,
        )
        assert tattle.exists() is asked
    commit = ["git", "commit", "-q", "--allow-empty", "-m", "by the agent"]
    subprocess.run(commit, cwd=scratch_repo, env=closed, check=True)
    assert git(scratch_repo, "log", "-1", "--format=%an %s") == "Ada by the agent"


# --- names


@pytest.mark.parametrize(
    "spelled", ["", "codex", "Claude", "claude:", "command:", "command: ", "replay:", "replay"]
)
def test_any_other_name_is_a_usage_error_that_lists_the_three(spelled: str) -> None:
    with pytest.raises(Stop, match=r"claude, 'command:PROGRAM ARG\.\.\.' or replay:DIR") as stopped:
        named(spelled, "/w")
    assert stopped.value.code == USAGE


def test_a_relative_program_or_folder_is_taken_from_where_the_person_stood() -> None:
    assert named("command:./agent.sh 'a b'", "/w/x").spelled == "command:/w/x/agent.sh 'a b'"
    assert named("command:agent -x", "/w").spelled == "command:agent -x"
    assert named("replay:../rec", "/w/x").spelled == "replay:/w/rec"
    with pytest.raises(Stop, match="cannot be split"):
        named("command:agent 'open", "/w")


def test_one_line_holds_no_control_characters_and_is_bounded() -> None:
    assert one_line("a\n\tb\x1b[2J\u202ec") == "a b\\x1b[2J\\u202ec"
    assert one_line("x" * 10_000) == "x" * 299 + "…"
    assert len(one_line("\x1b" * 10_000, 50)) == 50


# --- the command agent


def test_a_command_gets_the_prompt_and_its_output_is_the_answer(task: Task, tmp_path: Path) -> None:
    text = "import os, sys; print(sys.stdin.read().split()[1], os.getcwd(), os.environ['CORRECTLESS_STEP']); print('hm', file=sys.stderr)"
    program(tmp_path / "agent", text)
    agent = named("command:./agent", str(tmp_path))
    agent.check(task.environment, task.cwd)
    outcome = ran(agent.spelled, task)
    assert (outcome.kind, outcome.answer, outcome.exit_code) == ("ok", f"autonomous {task.cwd} ctdd", 0)
    transcript = Path(task.transcript)
    assert sorted(transcript.read_text().splitlines()) == [outcome.answer, "stderr: hm"]
    assert transcript.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("print('answer'); exit(3)", "exit code 3"),
        (
            "import sys; sys.exit('no key\\x1b[2J')",
            "exit code 1; the answer is empty; standard error: no key\\x1b[2J",
        ),
        ("print()", "the answer is empty"),
        (
            "import time; print('half', flush=True); time.sleep(60)",
            "no output for 0.5 s (idle limit)",
        ),
        ("import os; os.kill(os.getpid(), 9)", "exit code -9; the answer is empty"),
        (
            "import os\nwhile True: os.write(1, b'x' * (1 << 20))",
            "it wrote a line of more than 8 MiB",
        ),
        ("import os\nfor _ in range(9): os.write(1, b'x' * (1 << 20) + b'\\n')", "its answer is over 8 MiB"),
    ],
)
def test_a_command_fails_with_its_reason(task: Task, tmp_path: Path, text: str, reason: str) -> None:
    limits = replace(LIMITS, idle_s=0.5) if "sleep" in text else LIMITS
    outcome = ran(f"command:{program(tmp_path / 'agent', text)}", replace(task, limits=limits))
    assert (outcome.kind, outcome.reason) == ("failed", reason)
    assert len(outcome.answer) <= 8 << 20
    if "1 << 20" in text:
        assert os.path.getsize(task.transcript) >= 8 << 20


def test_check_names_a_command_that_is_missing_or_found_only_by_a_relative_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    program(tmp_path / "agent", "")
    for path in ("", "/none", "."):
        with pytest.raises(Stop, match="'agent' is not found") as stopped:
            named("command:agent", str(tmp_path)).check({"PATH": path}, str(tmp_path))
        assert stopped.value.code == REFUSED
    named("command:agent", "/").check({"PATH": str(tmp_path)}, "/")


# --- the replay agent


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    folder = tmp_path / "recorded"
    folder.mkdir()
    (folder / "ctdd.md").write_text(
        "Done.\n> AUTONOMOUS_DECISIONS_START\nAUTONOMOUS_DECISIONS_START NONCE\n"
        "AUTONOMOUS_DECISIONS_START 00000000\nthe AUTONOMOUS_DECISIONS_START\nAUTONOMOUS_DECISIONS_END\n"
    )
    return folder


def test_a_recorded_answer_gets_the_nonce_and_its_patch_is_applied(task: Task, recorded: Path) -> None:
    (recorded / "ctdd.patch").write_text("--- /dev/null\n+++ b/new.txt\n@@ -0,0 +1 @@\n+hello\n")
    # a package of the same name in the worktree must not be run in place of ours
    (Path(task.cwd) / "correctless").mkdir()
    (Path(task.cwd) / "correctless" / "__init__.py").write_text("raise SystemExit(9)")
    agent = named(f"replay:{recorded}", "/")
    agent.check(task.environment, task.cwd)
    outcome = ran(agent.spelled, task)
    assert outcome.reason == ""
    assert outcome.answer.splitlines() == [
        "Done.",
        "> AUTONOMOUS_DECISIONS_START 7f3a91c2",
        "AUTONOMOUS_DECISIONS_START 7f3a91c2",
        "AUTONOMOUS_DECISIONS_START 00000000",
        "the AUTONOMOUS_DECISIONS_START",
        "AUTONOMOUS_DECISIONS_END",
    ]
    assert (Path(task.cwd) / "new.txt").read_text() == "hello\n"


def test_replay_fails_without_answer_nonce_or_an_applying_patch(task: Task, recorded: Path) -> None:
    def reason(changed: Task) -> str:
        env = {**changed.environment, "CORRECTLESS_STEP": changed.step}
        outcome = ran(f"replay:{recorded}", replace(changed, environment=env))
        assert (outcome.kind, outcome.exit_code, outcome.answer) == ("failed", 1, "")
        return outcome.reason

    assert "no recorded answer at" in reason(replace(task, step="cdocs"))
    assert "which is not a step's name" in reason(replace(task, step="../recorded/ctdd"))
    assert "shows no AUTONOMOUS_DECISIONS_START" in reason(replace(task, prompt="hello"))
    (recorded / "ctdd.patch").write_text("--- a/none.txt\n+++ b/none.txt\n@@ -1 +1 @@\n-a\n+b\n")
    assert "does not apply: error: none.txt" in reason(task)


def test_check_names_a_folder_without_recorded_answers(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(Stop, match="has no recorded answers"):
            named(f"replay:{folder}", "/").check({}, "/")


# --- Claude Code: a fake client plays recorded streams

FAKE = """
import json, os, sys, time
if sys.argv[1:] == ["--version"]:
    print(os.environ["ANTHROPIC_FAKE_VERSION"]); sys.exit()
prompt = sys.stdin.read()
assert prompt.startswith("mode: autonomous"), prompt
for line in open(os.environ["ANTHROPIC_FAKE"] + ".jsonl"):
    if line.startswith("#sleep "): time.sleep(float(line.split()[1])); continue
    sys.stdout.write(line); sys.stdout.flush()
played = json.load(open(os.environ["ANTHROPIC_FAKE"] + ".json"))["played"]
if played["hang"]: time.sleep(60)
sys.exit(played["exit"])
"""


@pytest.fixture
def play(task: Task, tmp_path: Path) -> Callable[..., tuple[Outcome, list[Activity]]]:
    fake = program(tmp_path / "claude", FAKE)

    def play(name: str, **changes: Any) -> tuple[Outcome, list[Activity]]:
        more = {"CORRECTLESS_CLAUDE": str(fake), "ANTHROPIC_FAKE": str(STREAMS / name)}
        held = Claude(lambda: WHEN).hold(replace(task, environment={**task.environment, **more}, **changes))
        activities: list[Activity] = []
        outcome = held.release(activities.append)
        assert not group_alive(held.pgid, held.mark)
        return outcome, activities

    return play


@pytest.mark.parametrize("case", sorted(path.stem for path in STREAMS.glob("*.jsonl")))
def test_a_stream_gives_its_outcome(case: str, play: Callable[..., tuple[Outcome, list[Activity]]]) -> None:
    expected = json.loads((STREAMS / f"{case}.json").read_text())
    outcome, activities = play(case, limits=IMPATIENT if expected["played"]["hang"] else LIMITS)
    found = asdict(outcome)
    wanted = expected["outcome"]
    assert {key: found[key] for key in wanted} == pytest.approx(wanted, abs=0.00005)
    if "activities" in expected:
        assert [[one.kind, one.text] for one in activities] == expected["activities"]


def test_an_answer_is_the_last_word_only_until_the_next_turn_begins(task: Task) -> None:
    def answered(stream: Stream, event: Mapping[str, str]) -> bool:
        hear(stream, event)
        return stream.answered

    for event in ({"type": "system", "subtype": "init"}, {"type": "user"}, {"type": "assistant"}):
        stream = Stream(task)
        assert answered(stream, {"type": "result"})
        assert answered(stream, {"type": "system", "subtype": "status"})
        assert not answered(stream, event)


def test_the_raw_stream_is_kept_with_what_went_to_standard_error(
    play: Callable[..., tuple[Outcome, list[Activity]]], task: Task
) -> None:
    play("unreadable-lines")
    assert Path(task.transcript).read_bytes() == (STREAMS / "unreadable-lines.jsonl").read_bytes()
    outcome, _ = play("success", prompt="no mode", transcript=f"{task.transcript}2")
    assert outcome.reason == "Claude Code did not begin (exit code 1): AssertionError: no mode"
    kept = [json.loads(line) for line in Path(f"{task.transcript}2").read_text().splitlines()]
    assert kept[-1] == {"type": "stderr", "text": "AssertionError: no mode"}


def hear(stream: Stream, event: Mapping[str, Any]) -> list[Activity]:
    return list(stream.feed(OutputLine("out", json.dumps(event).encode())))


def test_only_the_last_of_many_long_answers_is_held(task: Task) -> None:
    stream = Stream(task)
    tracemalloc.start()
    try:
        for _ in range(20):
            hear(stream, {"type": "result", "subtype": "success", "result": "x" * 1_000_000})
        assert tracemalloc.get_traced_memory()[0] < 3_000_000
    finally:
        tracemalloc.stop()


def test_what_an_attempt_used_is_told_when_it_changes_and_only_then(task: Task) -> None:
    def used(event: Mapping[str, Any]) -> list[str]:
        return [one.text for one in hear(stream, event) if one.kind == "usage"]

    def message(name: str, written: int) -> dict[str, Any]:
        usage = {"input_tokens": 1000, "output_tokens": written}
        return {
            "type": "assistant",
            "message": {"id": name, "model": "claude-opus-5-5", "content": [], "usage": usage},
        }

    stream = Stream(task)
    assert used({"type": "system", "subtype": "init"}) == []
    assert used(message("m1", 1000)) == ["2000 tokens, ~0.0300 USD"]
    assert used(message("m1", 1000)) == []  # the same message again, for its next block
    assert used(message("m2", 3000)) == ["6000 tokens, ~0.1100 USD"]
    parts = {"m": {"inputTokens": 3000, "outputTokens": 4000, "costUSD": 0.09}}
    bill = {"type": "result", "result": "x", "total_cost_usd": 0.09, "model_usage_since_last_result": parts}
    assert used(bill) == ["7000 tokens, 0.0900 USD"]
    said = stream.outcome(End(0, True, None))
    assert (said.tokens, said.cost_usd, said.cost_estimated) == (7000, 0.09, False)


def test_a_count_of_thousands_of_digits_can_be_told(task: Task) -> None:
    # JSON's integers end at 4,300 digits here, and the sum of two such ones is one that Python does not spell.
    most = b"9" * 4300
    part = b'{"inputTokens": %s, "outputTokens": %s}' % (most, most)
    line = b'{"type": "result", "result": "x", "model_usage_since_last_result": {"m": %s}}' % part
    told = list(Stream(task).feed(OutputLine("out", line)))
    assert next(one.text for one in told if one.kind == "usage").startswith("999999999999999 tokens")


def test_messages_of_over_8_mib_together_fail_the_attempt_and_a_sub_agents_do_not_count(task: Task) -> None:
    def said(parent: str | None) -> Outcome:
        stream = Stream(task)
        hear(stream, {"type": "system", "subtype": "init", "claude_code_version": "2.1.329"})
        message = {"content": [{"type": "text", "text": "x" * (1 << 20)}]}
        for _ in range(9):
            hear(stream, {"type": "assistant", "message": message, "parent_tool_use_id": parent})
        hear(stream, {"type": "result", "subtype": "success", "is_error": False, "result": "done"})
        return stream.outcome(End(0, True, None))

    assert (said(None).kind, said(None).reason) == ("failed", "its answer is over 8 MiB")
    assert (said("toolu_1").kind, said("toolu_1").answer) == ("ok", "done")


def test_a_watcher_hears_of_twenty_unreadable_lines_and_all_are_counted(task: Task) -> None:
    stream = Stream(task)
    told = [one.text for _ in range(50) for one in stream.feed(OutputLine("out", b"x"))]
    assert len(told) == 20
    assert told[-1].endswith("further ones are not reported")
    assert "unreadable lines: 50" in stream.outcome(End(0, True, None)).reason


def test_a_flood_of_windows_is_not_kept(task: Task) -> None:
    stream = Stream(task)
    for n in range(40):
        info = {"status": "allowed", "rateLimitType": f"w{n}", "utilization": 0.5}
        hear(stream, {"type": "rate_limit_event", "rate_limit_info": info})
    assert len(stream.outcome(End(0, True, None)).usage) == 16


@pytest.mark.parametrize("resets_in", [-1, -(10**9), 9 * 86400, 7975 * 365 * 86400])
def test_a_resume_time_that_cannot_be_is_none(task: Task, resets_in: int) -> None:
    # One in the past would be waited for no time at all: a new attempt at once, and again, until the money is gone.
    def resume_at(seconds: int) -> str | None:
        stream = Stream(task, lambda: WHEN)
        info = {"status": "rejected", "rateLimitType": "five_hour", "resetsAt": WHEN.timestamp() + seconds}
        hear(stream, {"type": "rate_limit_event", "rate_limit_info": info})
        outcome = stream.outcome(End(1, True, None))
        assert outcome.kind == "paused"
        return outcome.resume_at

    assert resume_at(resets_in) is None
    assert resume_at(7 * 86400) == "2026-11-28T00:00:00.000Z"


def test_extra_usage_that_must_not_be_is_a_pause_until_the_window_that_is_used_up_ends(task: Task) -> None:
    def outcome(**info: Any) -> Outcome:
        limits = replace(LIMITS, extra_usage=False)
        stream = Stream(replace(task, limits=limits), lambda: WHEN)
        hear(stream, {"type": "rate_limit_event", "rate_limit_info": {"isUsingOverage": True} | info})
        assert stream.over == "extra"
        return stream.outcome(End(-15, False, None))

    def at(days: float) -> float:
        return WHEN.timestamp() + days * 86400

    full, other = {"status": "rejected", "resetsAt": at(2)}, {"status": "allowed", "resetsAt": at(1)}
    month = {"rateLimitType": "overage", "resetsAt": at(20)}  # of what is paid for, not of what is included
    windows = {"five_hour": other, "seven_day": full}
    said = outcome(**month, unifiedWindows=windows)
    assert (said.kind, said.over, said.resume_at) == ("paused", "", "2026-11-23T00:00:00.000Z")
    assert outcome(resetsAt=at(3), unifiedWindows=windows).resume_at == "2026-11-24T00:00:00.000Z"
    assert outcome(**month, unifiedWindows="soon").resume_at is None


TOO_MUCH = "it wrote more than 100,000 bytes; the stream has no init line; the stream has no result line; unreadable lines: 11"


def test_an_attempt_that_writes_without_end_is_ended(task: Task, tmp_path: Path) -> None:
    text = "import os, time\nfor _ in range(400): os.write(1, b'x' * 9999 + b'\\n'); time.sleep(0.01)"
    argv = [str(program(tmp_path / "agent", text))]
    process = Process.hold(argv, cwd=task.cwd, env=task.environment)
    held = Running(process, task, Stream(task), b"", most=100_000)
    outcome = held.release(lambda _: None)
    assert (outcome.kind, outcome.reason) == ("failed", TOO_MUCH)
    assert Path(task.transcript).stat().st_size == 110_000


def test_memory_for_an_answer_of_short_lines_is_its_size(task: Task, tmp_path: Path) -> None:
    text = "import os\nfor _ in range(20): os.write(1, b'x\\n' * 10_000)"
    held = named(f"command:{program(tmp_path / 'agent', text)}", "/").hold(task)
    tracemalloc.start()
    try:
        outcome = held.release(lambda _: None)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(outcome.answer) == 399_999
    assert peak < 4_000_000


def test_a_command_says_which_limit_ended_it(task: Task) -> None:
    assert ran("command:sleep 60", replace(task, limits=replace(LIMITS, idle_s=0.2))).over == "idle"
    assert ran("command:sleep 60", replace(task, limits=replace(LIMITS, wall_s=0.2))).over == "wall"
    assert ran("command:echo x", task).over == ""


def test_a_continued_session_costs_its_own_part_only(
    play: Callable[..., tuple[Outcome, list[Activity]]],
) -> None:
    # total_cost_usd of a continued session holds the earlier processes too
    assert play("two-results-last-is-bad")[0].cost_usd == pytest.approx(0.03)
    assert play("two-results-last-is-bad", resume=True)[0].cost_usd == pytest.approx(2 * 0.0162)


def test_a_client_that_hangs_after_its_answer_has_only_the_grace(
    play: Callable[..., tuple[Outcome, list[Activity]]],
) -> None:
    started = time.monotonic()
    assert play("hangs-after-the-result", limits=LIMITS)[0].kind == "ok"
    assert time.monotonic() - started < LIMITS.idle_s / 2


def test_a_watcher_that_fails_leaves_no_agent_behind(task: Task, tmp_path: Path) -> None:
    text = "import subprocess, time; subprocess.Popen(['sleep', '60'], start_new_session=True); print('x', flush=True); time.sleep(60)"
    held = named(f"command:{program(tmp_path / 'agent', text)}", "/").hold(task)

    def interrupt(_: Activity) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        held.release(interrupt)
    assert not group_alive(held.pgid, held.mark)


def test_a_held_agent_can_be_ended_without_a_release(task: Task, tmp_path: Path) -> None:
    agent = program(tmp_path / "agent", "open('ran', 'w')")
    held = named(f"command:{agent}", "/").hold(task)
    held.end()
    assert not group_alive(held.pgid, held.mark)
    assert not (Path(task.cwd) / "ran").exists()


def test_a_transcript_is_never_written_through_a_link(task: Task, tmp_path: Path) -> None:
    (tmp_path / "target").write_text("")
    os.symlink(tmp_path / "target", task.transcript)
    held = named("command:echo hello", "/").hold(task)
    with pytest.raises(OSError, match="symbolic links"):
        held.release(lambda _: None)
    assert (tmp_path / "target").read_text() == ""
    assert not group_alive(held.pgid, held.mark)


SETTINGS = json.dumps(
    {
        "disableAllHooks": False,
        "hooks": {
            "PreToolUse": [
                {
                    "matcher": "*",
                    "hooks": [
                        {
                            "type": "command",
                            "command": f"CORRECTLESS_GUARD_PYTHON={sys.executable} {ROOT}/scripts/guard || exit 2",
                            "timeout": 60,
                        }
                    ],
                }
            ]
        },
    }
)


def test_the_command_line_is_the_one_the_client_was_measured_with(task: Task) -> None:
    full = replace(
        task,
        system="Read CLAUDE.md.",
        tools=("Read", "Bash(git log --format=%h,%s)", "Bash(make *)", "mcp__x__y"),
        model="opus",
        plugin_dirs=("/p",),
        mcp_config="/rec.json",
    )
    allowed = "Read,Bash(git log --format=%h,%s),Bash(make *),mcp__x__y,mcp__decisions__record_decision,mcp__decisions__list_defaults"
    assert command_line(full, "/c") == [
        *(
            "/c",
            "-p",
            "--output-format",
            "stream-json",
            "--verbose",
            "--plugin-dir",
            "/p",
            "--setting-sources",
            "",
        ),
        *("--settings", SETTINGS, "--mcp-config", "/rec.json", "--strict-mcp-config"),
        *("--permission-mode", "dontAsk", "--tools", "Read,Bash", "--allowedTools", allowed),
        *("--max-turns", "5", "--max-budget-usd", "1.5", "--model", "opus"),
        *("--append-system-prompt", "Read CLAUDE.md.", "--session-id", task.session),
    ]
    small = replace(task, tools=(), limits=replace(LIMITS, usd=None), resume=True)
    assert command_line(small, "/c")[3:] == [
        *("stream-json", "--verbose", "--setting-sources", "", "--settings", SETTINGS),
        *("--strict-mcp-config", "--permission-mode", "dontAsk", "--tools", "", "--max-turns", "5"),
        *("--resume", task.session),
    ]


def test_a_long_system_text_goes_by_a_file(task: Task) -> None:
    *_, option, path, _, _ = command_line(replace(task, system="x" * 300_000), "/c")
    assert (option, Path(path).read_text()) == ("--append-system-prompt-file", "x" * 300_000)


@pytest.mark.parametrize(
    "tool", ["--dangerously-skip-permissions", "-p", "", "Bash(x)\n--y", "Read,Write", "Bash(x"]
)
def test_a_tool_that_could_be_an_option_is_refused(task: Task, tool: str) -> None:
    with pytest.raises(Stop, match="is not a tool pattern"):
        command_line(replace(task, tools=("Read", tool)), "/c")


def test_check_wants_a_client_that_is_there_and_not_too_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    fake = program(tmp_path / "claude", FAKE)

    def stopped(**env: str) -> str:
        with pytest.raises(Stop) as stop:
            Claude().check(env, str(tmp_path))
        assert stop.value.code == REFUSED
        return stop.value.message

    assert "'claude' is not on PATH" in stopped(PATH="/none")
    assert "'claude' is not on PATH" in stopped(PATH=f".{os.pathsep}")
    assert "which is not a program" in stopped(CORRECTLESS_CLAUDE="./claude")
    assert "which is not a program" in stopped(CORRECTLESS_CLAUDE=str(tmp_path / "none"))
    assert "gave no version (soon\\x07)" in stopped(
        CORRECTLESS_CLAUDE=str(fake), ANTHROPIC_FAKE_VERSION="soon\x07"
    )
    assert "2.1.299 is too old" in stopped(
        CORRECTLESS_CLAUDE=str(fake), ANTHROPIC_FAKE_VERSION="2.1.299 (Claude Code)"
    )
    for version in ("2.1.300 (Claude Code)", "2.1.329", "3.0.0-beta"):
        Claude().check({"PATH": str(tmp_path), "ANTHROPIC_FAKE_VERSION": version}, str(tmp_path))


def test_a_count_of_tokens_no_float_can_hold_is_no_end_of_the_run() -> None:
    usage = Usage("opus")
    usage.take({"input_tokens": 10**400, "output_tokens": True, "cache_read_input_tokens": -5})
    assert (usage.tokens(), usage.cost()) == (10**12, 5e6)


def test_a_program_that_is_cut_off_and_ends_well_has_not_given_its_answer(task: Task) -> None:
    def interrupt(_: Activity) -> None:
        raise KeyboardInterrupt

    program = "import os, signal\nsignal.signal(signal.SIGTERM, lambda *_: os._exit(0))\nprint('half of it', flush=True)\nsignal.pause()"
    agent = command(shlex.join([sys.executable, "-c", program]), task.cwd)
    held = agent.hold(task)
    with pytest.raises(KeyboardInterrupt):
        held.release(interrupt)
    outcome = held.end()
    assert (outcome.kind, outcome.exit_code) == ("failed", 0)
