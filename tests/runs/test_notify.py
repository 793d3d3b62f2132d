"""Notifications: what the user's command gets at each event of a real run, and that nothing about it can harm the run."""

from __future__ import annotations

import json
import os
import signal
import stat
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from conftest import Git
from correctless.agents import Activity
from correctless.base import exits
from correctless.base.exits import Stop
from correctless.base.text import one_line
from correctless.dispatch import loop
from correctless.dispatch.core.context import RunContext
from correctless.dispatch.tell import notify
from correctless.project.git import find
from correctless.project.lock import Lock
from correctless.runlog.state import State
from metered_client import CLIENT
from patience import PATIENCE
from places import ROOT
from programs import jq_program
from project import Project

TELL = """\
#!{python}
import json, os, sys
with open({told!r}, "ab") as file:
    file.write(sys.stdin.buffer.read())
with open({told!r} + ".around", "w") as file:
    json.dump({{"cwd": os.getcwd(), "argv": sys.argv[1:], "env": dict(os.environ)}}, file)
"""


DOCS = {"pipelines": {"default": {"steps": [{"skill": "cdocs"}]}}}


@dataclass
class Told:
    """A project whose notifications are kept in a file, by a program outside of its repository."""

    project: Project
    bin: Path
    file: Path

    def got(self) -> list[dict[str, Any]]:
        found = (
            [json.loads(line) for line in self.file.read_bytes().splitlines()] if self.file.exists() else []
        )
        for one in found:
            assert list(Draft202012Validator(notify.schema()).iter_errors(one)) == []
            assert one["outcome"].isprintable()
            assert 0 < len(one["outcome"]) <= 500
        return found

    def kinds(self) -> list[str]:
        return [one["event"] for one in self.got()]

    def ctx(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(Path(f"{self.file}.around").read_text())
        return found

    def log(self) -> list[dict[str, Any]]:
        path = Path(self.project.logs.folder(self.project.state().run), notify.LOG)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        return [json.loads(line) for line in path.read_text().splitlines()]


Make = Callable[..., Told]


@pytest.fixture
def make(scratch_repo: Path, git: Git, tmp_path: Path) -> Make:
    """A project that notifies by `tell`, or by the program text given, with these keys in its configuration."""

    def made(*, program: str = TELL, argv: list[str] | None = None, **config: Any) -> Told:
        folder, told = tmp_path / "bin", tmp_path / "told"
        folder.mkdir()
        tell = folder / "tell"
        tell.write_text(program.format(python=sys.executable, told=str(told)))
        tell.chmod(0o755)
        client = folder / "client"
        client.write_text(CLIENT.format(python=sys.executable))
        client.chmod(0o755)
        given = {
            **DOCS,
            "agent_env": ["AGENT_DIARY", "AGENT_PLAY", "AGENT_EXTRA", "AGENT_LIMIT", "AGENT_UNTIL"],
            "notify": argv or [str(tell), "--topic", "x"],
            "labels": {"team": "payments"},
            **config,
        }
        project = Project(scratch_repo, git, config=given)
        project.env["CORRECTLESS_CLAUDE"] = str(client)
        return Told(project, folder, told)

    return made


AS_CLAUDE = ["run", "--no-check", "--spec", "spec.md", "--approve-spec-as", "Ada", "--agent", "claude"]


def as_claude(told: Told, **env: str) -> Any:
    return told.project.cauto(*AS_CLAUDE, env=env)


def test_the_gate_a_no_and_the_end_are_told_once_each_and_a_resume_that_changes_nothing_is_not(
    make: Make,
) -> None:
    told = make()
    assert told.project.run().returncode == exits.PERSON
    gate = told.project.state().gate
    assert gate is not None
    (first,) = told.got()
    assert first["event"] == "waiting"
    assert first["outcome"] == "1 decision needs your confirmation. read and answer with: correctless review"
    assert first["next"] == "correctless review"
    assert first["digest"] == gate.digest
    assert first["counts"] == {"decisions": 1, "deferred": 1, "waiting": 1}
    assert (first["branch"], first["repository"]) == ("feature/x", "project")
    assert first["run"] == told.project.state().run
    assert first["labels"] == {"team": "payments"}
    assert os.path.isfile(first["escalation"])
    assert told.ctx()["argv"] == ["--topic", "x"]

    assert told.project.cauto("resume").returncode == exits.PERSON
    assert told.kinds() == ["waiting"]
    told.project.review(answer="no")
    assert told.project.cauto("resume").returncode == exits.PERSON
    assert told.project.cauto("resume").returncode == exits.PERSON
    assert told.kinds() == ["waiting", "waiting"]
    assert "rejected by Ada: not like this" in told.got()[1]["outcome"]
    told.project.review(answer="{digest}")
    assert told.project.cauto("resume").returncode == exits.OK
    assert told.project.cauto("resume").returncode == exits.OK
    assert told.kinds() == ["waiting", "waiting", "complete"]
    assert (told.got()[2]["next"], told.got()[2]["escalation"]) == ("", None)
    assert [line["sent"] for line in told.log()] == [True, True, True]


def test_another_decision_at_the_gate_is_told_again(make: Make) -> None:
    told = make()
    told.project.run()
    told.project.command(
        "writer", "append", "ctdd", '{"decision_id": "AD-999", "default_applied": "x", "rationale": "y"}'
    )
    assert told.project.cauto("resume").returncode == exits.PERSON
    assert [one["counts"]["waiting"] for one in told.got()] == [1, 2]
    assert len({one["digest"] for one in told.got()}) == 2


def test_a_failed_step_is_told_each_time_it_failed_anew(make: Make) -> None:
    told = make()
    assert told.project.run(AGENT_PLAY="fail:cdocs").returncode == exits.FAILED
    assert told.project.cauto("resume", env={"AGENT_PLAY": "fail:cdocs"}).returncode == exits.FAILED
    assert told.kinds() == ["failed", "failed"]
    assert told.got()[0]["step"] == "cdocs"
    assert told.got()[0]["next"] == "correctless cauto resume"


def test_a_run_that_is_refused_in_its_middle_is_told_once(make: Make) -> None:
    told = make()
    told.project.run(AGENT_PLAY="fail:cdocs")
    told.project.write("stray.txt", "x")
    for _ in range(2):
        assert told.project.cauto("resume").returncode == exits.REFUSED
    assert told.kinds() == ["failed", "refused"]
    assert "changes that no step of the run made" in told.got()[1]["outcome"]


def test_a_pause_that_ends_the_run_is_told_once_however_often_it_is_tried(make: Make) -> None:
    told = make(on_limit="pause")
    until = {"AGENT_LIMIT": "9", "AGENT_UNTIL": str(int(time.time()) + 3600)}
    assert as_claude(told, **until).returncode == exits.PAUSED
    assert told.project.cauto("resume", env=until).returncode == exits.PAUSED
    (one,) = told.got()
    assert one["event"] == "paused"
    assert one["resume_at"] == datetime.fromtimestamp(int(until["AGENT_UNTIL"]), UTC).strftime(
        "%Y-%m-%dT%H:%M:%S.000Z"
    )
    assert one["next"] == "correctless cauto resume"
    assert one["escalation"] is None


def test_a_pause_the_dispatcher_waits_out_is_told_and_names_nothing_to_type(make: Make) -> None:
    told = make()
    done = as_claude(told, AGENT_LIMIT="1", AGENT_UNTIL="+4")  # from when it says so
    assert done.returncode in (exits.OK, exits.PERSON), done.stderr
    assert told.project.ran() == ["call"] * 2
    assert told.kinds().count("paused") == 1
    assert told.got()[0]["next"] == ""
    assert "it continues at" in told.got()[0]["outcome"]


def test_an_outage_of_a_whole_night_is_told_once_however_often_it_is_tried(make: Make) -> None:
    told = make()
    told.project.env["AGENT_LIMIT"] = "5"
    told.project.killed("event", 1, *AS_CLAUDE)
    slept = 0.0

    def sleep(seconds: float) -> None:
        nonlocal slept
        slept += seconds

    drive(told.project, sleep=sleep, now=lambda: datetime.now(UTC) + timedelta(seconds=slept))
    assert slept > 1400, "five pauses of five minutes"
    assert told.project.ran() == ["call"] * 6
    assert told.kinds().count("paused") == 1
    assert "as soon as it is over" in told.got()[0]["outcome"]


def test_a_budget_that_is_reached_is_told_with_the_command_that_grants_more(make: Make) -> None:
    told = make(max_usd=0.4, pipelines={"default": {"steps": [{"skill": "cdocs"}, {"skill": "cdocs"}]}})
    done = as_claude(told)
    assert done.returncode == exits.BUDGET, done.stderr
    (one,) = told.got()
    assert (one["event"], one["cost_usd"]) == ("budget", 0.5)
    assert one["next"] == "correctless cauto resume --max-usd N"
    assert one["next"] in one["outcome"]


def test_a_run_that_a_person_interrupts_tells_nothing(make: Make) -> None:
    told = make()
    child = told.project.start(*told.project.run_words(), AGENT_PLAY="sleep:cdocs#1")
    told.project.wait_asleep()
    child.send_signal(signal.SIGINT)
    child.communicate(timeout=PATIENCE)
    assert child.returncode == exits.INTERRUPTED
    assert told.got() == []


def test_a_dispatcher_that_dies_before_it_told_tells_when_it_is_resumed(make: Make) -> None:
    told = make()
    killed = told.project.killed("event", 9, *told.project.run_words())
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert told.project.events()[-1].event.event == "run_stopped"
    assert told.got() == []
    assert told.project.cauto("resume").returncode == exits.PERSON
    assert told.kinds() == ["waiting"]


def drive(project: Project, *, notify_s: float = 30.0, **other: Any) -> tuple[State, list[Activity]]:
    """`cauto resume` with another time limit for the command, or another clock."""
    here = find(str(project.top))
    said: list[Activity] = []
    with Lock.take(here, "a test") as held:
        ctx = RunContext(here, project.logs, held, project.env, activity=said.append, **other)
        return loop.drive(ctx, lambda *_: None, notify_s=notify_s), said


def test_a_command_that_hangs_is_ended_with_all_it_started_and_the_run_stands_where_it_stood(
    make: Make,
) -> None:
    told = make(program="#!/bin/sh\nsleep 997 &\necho $! $$ > {told}.pids\nsleep 998\n")
    told.project.env["AGENT_PLAY"] = "fail:cdocs"
    told.project.killed("event", 1, *told.project.run_words())  # no agent yet that holds the lock
    state, said = drive(told.project, notify_s=3)
    assert state.stopped is not None
    assert state.stopped.code == exits.FAILED
    warned = [item.text for item in said if item.kind == "warning"]
    assert warned == ["notify: 'tell' took over 3 s and was ended"]
    for pid in Path(f"{told.file}.pids").read_text().split():
        assert not os.path.exists(f"/proc/{pid}") or "Z" in Path(f"/proc/{pid}/stat").read_text()
    assert [line["sent"] for line in told.log()][-1] is False


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("#!/bin/sh\necho 'no route' >&2\nexit 7\n", "notify: 'tell' ended with 7: no route"),
        (
            "#!/bin/sh\nprintf '\\033[31mred\\033[0m\\n' >&2\nexit 7\n",
            "notify: 'tell' ended with 7: \\x1b[31mred\\x1b[0m",
        ),
        ("#!/no/such/interpreter\n", "notify: 'tell' ended with 12"),
    ],
)
def test_a_command_that_fails_changes_no_exit_code_and_is_said_once(
    make: Make, program: str, said: str
) -> None:
    told = make(program=program)
    done = told.project.run()
    assert done.returncode == exits.PERSON
    assert done.stderr.count("warning:") == 1
    assert f"warning: {said}" in done.stderr
    assert "\x1b" not in done.stderr
    assert [(line["event"], line["sent"]) for line in told.log()] == [("waiting", False)]
    assert told.project.cauto("resume").returncode == exits.PERSON
    assert len(told.log()) == 2, "what did not arrive is tried again"


def test_a_command_that_is_missing_is_said_when_the_run_begins(make: Make) -> None:
    told = make(argv=["no-such-program"])
    done = told.project.run()
    assert done.returncode == exits.PERSON
    assert (
        "warning: notify: 'no-such-program' was not found on PATH" in done.stderr.split("cdocs: attempt 1")[0]
    )
    assert [line["sent"] for line in told.log()] == [False]


def test_a_command_that_floods_its_output_leaves_the_end_of_it(make: Make) -> None:
    flood = "#!{python}\nimport sys\ncat = sys.stdin.read()\nfor n in range(400000): print('flood', n)\nopen({told!r}, 'w').write(cat)\n"
    told = make(program=flood)
    assert told.project.run().returncode == exits.PERSON
    assert told.kinds() == ["waiting"]
    (line,) = told.log()
    assert line["output"].endswith("flood 399999\n")
    assert len(line["output"]) <= 4000


def test_the_command_runs_in_the_root_with_the_persons_environment_without_the_worktrees_folders_on_path(
    make: Make,
) -> None:
    told = make()
    inside = told.project.top / "node_modules/.bin"
    path = os.pathsep.join([str(inside), ".", "bin", os.environ["PATH"]])
    told.project.run(PATH=path, SSH_AUTH_SOCK="/tmp/agent.sock", MINE="yes")
    ctx = told.ctx()
    assert ctx["cwd"] == "/"
    assert (ctx["env"]["MINE"], ctx["env"]["SSH_AUTH_SOCK"]) == ("yes", "/tmp/agent.sock")
    assert "CORRECTLESS_AGENT" not in ctx["env"]
    assert ctx["env"]["PATH"] == os.environ["PATH"]


def test_a_program_an_agent_puts_on_path_is_not_run(make: Make) -> None:
    told = make(argv=["tell"], outputs=[])
    told.project.write(".gitignore", "bin/\n")
    told.project.git(told.project.top, "add", "--all")
    told.project.git(told.project.top, "commit", "-q", "-m", "ignored")
    inside = told.project.top / "bin"
    planted = (
        "import pathlib; d = pathlib.Path('bin'); d.mkdir(); p = d / 'tell'; "
        f"p.write_text('#!/bin/sh\\ntouch {told.file}.planted\\n'); p.chmod(0o755)"
    )
    path = os.pathsep.join([str(inside), str(told.bin), os.environ["PATH"]])
    assert told.project.run(PATH=path, AGENT_EXTRA=planted).returncode == exits.PERSON
    assert (inside / "tell").exists(), "it was there to be found"
    assert not Path(f"{told.file}.planted").exists()
    assert told.kinds() == ["waiting"]


@pytest.mark.parametrize(
    "how", ["absolute", "relative", "argument", "option", "link", "linked folder", "link within"]
)
def test_a_command_from_the_worktree_is_refused_before_the_run_begins(
    make: Make, how: str, tmp_path: Path
) -> None:
    top, away = tmp_path / "project", tmp_path / "bin"
    inside = str(top / "tell.sh")
    argv = {
        "absolute": [inside],
        "relative": ["./tell.sh"],
        "argument": ["/bin/sh", inside],
        "option": ["/bin/sh", f"--rcfile={inside}"],
        "link": [str(away / "link")],
        "linked folder": [str(away / "folder/tell.sh")],
        "link within": [str(top / "out")],
    }[how]
    told = make(argv=argv)
    (away / "link").symlink_to(inside)
    (away / "folder").symlink_to(top)
    told.project.write("tell.sh", "#!/bin/sh\n")
    (top / "out").symlink_to(away / "tell")  # points outside, but who owns the link chooses where
    told.project.git(top, "add", "--all")
    told.project.git(top, "commit", "-q", "-m", "a command")
    done = told.project.run()
    assert done.returncode == exits.REFUSED, done.stderr
    assert done.stderr.startswith("correctless: notify: '")
    assert "put it outside of the repository" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not os.path.exists(told.project.logs.run)


def test_a_command_in_the_main_worktree_is_refused_from_a_linked_one(make: Make, tmp_path: Path) -> None:
    told = make(argv=[str(tmp_path / "project/tell.sh")])
    done = told.project.run("--worktree", "feature/y")
    assert done.returncode == exits.REFUSED
    assert "is where agents write" in done.stderr
    assert not (tmp_path / "project-feature-y").exists()


HOSTILE = "no \x1b[31m\x07\r\n\u202e\u2028</script><img src=x> @everyone [a](https://evil.invalid) `x`\n---\nrun: correctless cauto stop --abandon"


def test_hostile_text_is_one_printable_line_and_names_no_command(make: Make, tmp_path: Path) -> None:
    words = [sys.executable, "-c", f"import sys; sys.stdout.write({HOSTILE!r} + 'x' * 5000); sys.exit(3)"]
    told = make(pipelines={"default": {"steps": [{"skill": "cdocs", "check": words}]}})
    assert told.project.run().returncode == exits.FAILED
    (raw,) = told.file.read_bytes().splitlines()
    (one,) = told.got()
    assert one["event"] == "failed"
    assert one["next"] == "correctless cauto resume"
    assert not set("\x1b\x07\r\n\u202e\u2028") & set(one["outcome"])
    assert len(one["outcome"]) == 500
    assert b"\x1b" not in raw


def test_what_looks_like_a_secret_in_a_reason_is_not_sent(make: Make) -> None:
    key = "AKIA" + "IOSFODNN7" + "EXAMPLF"
    words = [sys.executable, "-c", f"import sys; print('key', 'AKIA' + {key[4:]!r}); sys.exit(3)"]
    told = make(pipelines={"default": {"steps": [{"skill": "cdocs", "check": words}]}})
    done = told.project.run()
    assert key in done.stderr, "the person's own terminal shows it"
    (one,) = told.got()
    assert key not in json.dumps(one)
    assert "correctless cauto status" in one["outcome"]


def test_a_pipe_in_place_of_the_log_neither_blocks_nor_hides(make: Make) -> None:
    told = make()
    told.project.run()
    path = Path(told.project.logs.folder(told.project.state().run), notify.LOG)
    path.unlink()
    os.mkfifo(path)
    done = told.project.cauto("resume")
    assert done.returncode == exits.PERSON
    assert "notify.log can't be written" in done.stderr
    assert told.kinds() == ["waiting", "waiting"]


def test_without_the_key_nothing_is_kept_and_nothing_told(scratch_repo: Path, git: Git) -> None:
    project = Project(scratch_repo, git, config=DOCS)
    assert project.run().returncode == exits.PERSON
    assert not os.path.exists(os.path.join(project.logs.folder(project.state().run), notify.LOG))
    assert project.state().plan.notify is None  # type: ignore[union-attr]


def test_a_changed_configuration_in_the_worktree_does_not_change_the_command(make: Make) -> None:
    told = make()
    extra = "pathlib.Path('.correctless/config/correctless.yaml').write_text('notify: [/bin/false]')"
    told.project.run(AGENT_EXTRA=extra)
    assert told.kinds() == ["waiting"]


def test_a_trial_is_sent_and_says_what_happened(make: Make, tmp_path: Path) -> None:
    told = make()
    told.project.run()
    plan = told.project.state().plan
    here = find(str(told.project.top))
    assert plan is not None
    sent = notify.trial(plan, here, told.project.env)
    assert (sent.ok, sent.message) == (True, "sent with 'tell'")
    assert told.kinds() == ["waiting", "trial"]
    (told.bin / "tell").unlink()
    sent = notify.trial(plan, here, told.project.env)
    assert not sent.ok
    assert "was not found" in sent.message


def test_a_relative_program_is_refused_whatever_it_would_be_relative_to(make: Make) -> None:
    told = make()
    here = find(str(told.project.top))
    for word in ("bin/tell", "../bin/tell", "~/bin/tell"):
        with pytest.raises(Stop, match="relative path"):
            notify.refuse_inside([word], here)
    notify.refuse_inside(["tell", "../x"], here)
    notify.refuse_inside(None, here)


def test_the_schema_is_printed_and_names_every_key(make: Make) -> None:
    told = make()
    done = told.project.command("schema", "notify")
    assert done.returncode == exits.OK
    schema = json.loads(done.stdout)
    Draft202012Validator.check_schema(schema)
    assert schema["properties"].keys() == set(schema["required"])
    assert {"event", "run", "outcome", "next", "counts", "digest"} <= schema["properties"].keys()


PAGE = (ROOT / "docs/notifications.md").read_text()
FAKE = "#!{python}\nimport json, sys\ninto = {told!r} + '.sent'\nopen(into, 'w').write(json.dumps([sys.argv[1:], sys.stdin.read() if '@-' in sys.argv else '']))\n"


@pytest.mark.real
@pytest.mark.parametrize("recipe", ["ntfy", "slack", "notify-send", "osascript"])
def test_each_recipe_hands_the_text_on_as_text(make: Make, recipe: str) -> None:
    assert jq_program()
    script = PAGE.split(f"<!-- recipe: {recipe} -->\n```sh\n", 1)[1].split("```", 1)[0]
    told = make(argv=["tell-me"])
    for name, text in (
        ("tell-me", script),
        (
            "curl" if recipe in ("ntfy", "slack") else recipe,
            FAKE.format(python=sys.executable, told=str(told.file)),
        ),
    ):
        (told.bin / name).write_text(text)
        (told.bin / name).chmod(0o755)
    hostile = "$(id) `id` \"quoted\" 'x' & <b>bold</b> <@U1> \\n"
    words = [sys.executable, "-c", f"print({hostile!r}); raise SystemExit(3)"]
    told.project.write(
        ".correctless/config/correctless.yaml",
        json.dumps(
            {
                "agent_env": ["AGENT_DIARY"],
                "pr": "skip",
                "notify": ["tell-me"],
                "pipelines": {"default": {"steps": [{"skill": "cdocs", "check": words}]}},
            }
        ),
    )
    told.project.git(told.project.top, "commit", "-q", "-am", "recipe")
    places = {"NTFY_URL": "http://127.0.0.1:9/topic", "SLACK_WEBHOOK": "http://127.0.0.1:9/hook"}
    done = told.project.run(PATH=os.pathsep.join([str(told.bin), os.environ["PATH"]]), **places)
    assert done.returncode == exits.FAILED
    assert [line["said"] for line in told.log()] == ["sent with 'tell-me'"]
    state = told.project.state()
    assert state.stopped is not None
    outcome = one_line(state.stopped.reason, 500)
    argv, stdin = json.loads(Path(f"{told.file}.sent").read_text())
    if recipe == "ntfy":
        assert argv[-3:] == ["--data-binary", "@-", places["NTFY_URL"]]
        assert stdin == f"failed: {outcome}\n"
    elif recipe == "slack":
        assert argv[-3:] == ["--data-binary", "@-", places["SLACK_WEBHOOK"]]
        (block,) = json.loads(stdin)["blocks"]
        assert block["text"] == {"type": "plain_text", "text": f"project feature/x: failed\n{outcome}"}
    elif recipe == "notify-send":
        assert argv[-3:-1] == ["--", "correctless"]
        assert argv[-1] == outcome.replace("&", "&amp;").replace("<", "&lt;")
    else:
        assert argv[-1] == outcome
        assert "$(id)" not in "".join(argv[:-1])
