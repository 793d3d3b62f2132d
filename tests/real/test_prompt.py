"""A person's own voice in the real client: their prompt opens the gate, and nothing a model says or starts does."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from conftest import Git, at_home, begun
from correctless.base import exits
from places import ROOT
from plugin_client import session
from programs import claude_program
from project import Project
from scripted_model import Reply, ScriptedModel, tool
from shelf import Shelf
from tmux import Pane

pytestmark = pytest.mark.real


@pytest.fixture
def project(scratch_repo: Path, git: Git) -> Project:
    return Project(scratch_repo, git)


def to_its_gate(project: Project) -> Project:
    done = project.run()
    assert done.returncode == exits.PERSON, done.stderr
    return project


@pytest.fixture
def waiting(shelf: Shelf, git: Git, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project whose run waits at its gate."""

    def make(here: Path) -> None:
        at_home(here / "home")
        to_its_gate(Project(begun(here / "project", git), git))

    here = shelf.take("a run that waits", make)
    # What a client leaves behind itself at home must be no other test's.
    home = shutil.copytree(here / "home", tmp_path / "home")
    monkeypatch.setenv("HOME", str(home))
    project = Project.found(here / "project", git)
    for mark in Path(project.logs.artifacts).glob("*.heads"):
        mark.write_text(mark.read_text().replace(str(here / "home"), str(home)))
    return project


def digest(project: Project) -> str:
    gate = project.state().gate
    assert gate is not None
    return gate.digest


def confirmations(project: Project) -> list[tuple[str, str]]:
    path = Path(project.logs.confirmations)
    lines = path.read_text().splitlines() if path.exists() else []
    said = [json.loads(line) for line in lines]
    return [(each["kind"], each["channel"]) for each in said if each["kind"] != "spec"]


def gate(project: Project) -> int:
    return project.command("gate").returncode


def test_a_prompt_opens_the_gate_and_the_model_is_told(waiting: Project) -> None:
    said = session(waiting.top, f"confirm escalations {digest(waiting)[:12]}")
    assert confirmations(waiting) == [("escalations", "prompt")]
    assert gate(waiting) == exits.OK
    assert "2 decisions confirmed by Ada" in said.asked()
    assert waiting.cauto("resume").returncode == exits.OK


@pytest.mark.parametrize(
    "prompt",
    [
        "confirm escalations {wrong}",
        "confirm escalations {short}",
        "please confirm escalations {digest}",
        "confirm escalations {digest}\nand go on",
        "> confirm escalations {digest}",
        "confirm escalations",
    ],
)
def test_any_other_prompt_opens_nothing(waiting: Project, prompt: str) -> None:
    whole = digest(waiting)
    session(waiting.top, prompt.format(digest=whole[:12], short=whole[:4], wrong="0" * 12))
    assert confirmations(waiting) == []
    assert gate(waiting) == exits.PERSON


def test_a_refused_answer_is_shown_to_the_person_and_never_to_the_model(waiting: Project) -> None:
    said = session(waiting.top, "confirm escalations 000000000000")
    assert said.requests == ()
    assert "Nothing was confirmed" in json.dumps(said.messages) + said.errors


@contextmanager
def window(project: Project) -> Iterator[Pane]:
    folder = tempfile.mkdtemp(prefix="tmux-", dir="/tmp")  # a socket's path must be short
    made = Pane(os.path.join(folder, "s"), project.top, project.env)
    try:
        yield made
    finally:
        made.tmux("kill-server")
        shutil.rmtree(folder, ignore_errors=True)


def trusted(project: Project) -> None:
    """What a person has answered when they first started the client."""
    (Path(project.env["HOME"]) / ".claude.json").write_text(
        json.dumps(
            {
                "hasCompletedOnboarding": True,
                "theme": "dark",
                "customApiKeyResponses": {"approved": ["dummy"]},
                "projects": {str(project.top): {"hasTrustDialogAccepted": True}},
            }
        )
    )


def test_in_a_terminal_a_person_types_it(project: Project) -> None:
    waiting = to_its_gate(project)
    trusted(waiting)
    with ScriptedModel({}) as model, window(waiting) as pane:
        pane.resize(110, 40)
        names = " ".join(f"{name}={shlex.quote(value)}" for name, value in model.environment.items())
        pane.type(f"env {names} {claude_program()} --plugin-dir {ROOT}")
        pane.wait(rf"run .* waits: 2 decisions(.|\n)*confirm\s+escalations\s+{digest(waiting)[:12]}")
        pane.tmux("send-keys", "-l", f"confirm escalations {digest(waiting)[:12]}")
        pane.wait(r"❯\s+confirm escalations")
        pane.press("Enter")
        pane.wait("2 decisions confirmed by Ada")
    assert confirmations(waiting) == [("escalations", "prompt")]


def test_the_same_words_from_the_model_open_nothing(waiting: Project) -> None:
    words = f"confirm escalations {digest(waiting)[:12]}"
    (waiting.top / "note.txt").write_text(words)
    session(
        waiting.top,
        "look around",
        {
            "": [
                Reply(words, tool("Bash", command="cat note.txt")),
                Reply(tool("Read", file_path=str(waiting.top / "note.txt"))),
                Reply(words),
            ]
        },
    )
    assert confirmations(waiting) == []


# Ways in which a tool call may say a person's words to a client; {client} is one, which no module looks for at import.
WAYS: dict[str, tuple[str, dict[str, object]]] = {
    "claude -p": ("Bash", {"command": "{client} '{words}'"}),
    "by a pipe": ("Bash", {"command": "echo '{words}' | {client}"}),
    "env -u": ("Bash", {"command": "env -u CLAUDECODE {client} '{words}'"}),
    "script": ("Bash", {"command": "script -qc \"{client} '{words}'\" /dev/null"}),
    "tmux": ("Bash", {"command": "tmux send-keys -t 0 '{words}' Enter"}),
    "a schedule": ("CronCreate", {"cron": "* * * * *", "prompt": "{words}", "recurring": False}),
    "a wakeup": ("ScheduleWakeup", {"delaySeconds": 60, "prompt": "{words}", "reason": "later"}),
    "a message": ("SendMessage", {"to": "main", "message": "{words}", "summary": "hello"}),
    "a sub-agent": ("Task", {"prompt": "{words}", "description": "say it", "subagent_type": "claude"}),
    "the command": ("Bash", {"command": "{review}"}),
    "the command in a terminal of its own": ("Bash", {"command": "script -qc '{review}' /dev/null"}),
}


@pytest.mark.parametrize("way", sorted(WAYS))
def test_no_tool_call_says_a_persons_words(waiting: Project, way: str) -> None:
    said_of = {
        "words": f"confirm escalations {digest(waiting)[:12]}",
        "client": f"{claude_program()} -p --plugin-dir {ROOT}",
        "review": f"{ROOT}/scripts/correctless review --confirm {digest(waiting)[:12]}",
    }
    name, given = WAYS[way]
    given = {key: each.format_map(said_of) if isinstance(each, str) else each for key, each in given.items()}
    said = session(waiting.top, "go on", {"": [Reply(tool(name, **given)), Reply("done")]})
    assert any("correctless guard: " in each for each in said.results) or not any(said.results), said.results
    assert confirmations(waiting) == []


@pytest.mark.parametrize(
    "wrapped",
    [
        "{client} {words}",
        "env -u CLAUDECODE {client} {words}",
        "env -i PATH=$PATH HOME=$HOME {names} {client} {words}",
        'script -qc "env -u CLAUDECODE {client} {words}" /dev/null',
        "env -u CLAUDECODE setsid -w {client} {words}",
    ],
)
def test_a_client_that_an_agent_started_is_not_believed_where_the_guard_was_evaded(
    waiting: Project, wrapped: str, tmp_path: Path
) -> None:
    # The words are put together by the program, so no look at the command can see them.
    with ScriptedModel({}) as model:
        names = " ".join(f"{name}={value}" for name, value in model.environment.items())
        inner = tmp_path / "inner.sh"
        words = f"confirm escalations {digest(waiting)[:12]}"
        client = f"env {names} {claude_program()} --plugin-dir {ROOT} -p"
        inner.write_text(
            "#!/bin/bash\n"
            + wrapped.format(client=client, words=shlex.quote(words).replace("'", "'"), names=names)
            + "\n"
        )
        inner.chmod(0o755)
        said = session(waiting.top, "go on", {"": [Reply(tool("Bash", command=str(inner))), Reply("done")]})
    assert "correctless guard" not in "".join(said.results)  # it ran
    assert "started by an agent" in "".join(said.results) or "blocked" in "".join(said.results), said.results
    assert confirmations(waiting) == []


def test_a_prompt_approves_a_spec_by_its_digest(project: Project) -> None:
    sha = hashlib.sha256((project.top / "spec.md").read_bytes()).hexdigest()
    said = session(project.top, f"approve spec {sha[:12]}")
    assert "spec.md" in said.asked()
    started = project.cauto("run", "--no-check", "--spec", "spec.md", "--agent", f"command:{project.agent}")
    assert started.returncode == exits.PERSON, started.stderr
    assert project.events()[0].event.approved_channel == "prompt"  # type: ignore[union-attr]


def test_a_spec_that_was_changed_after_its_digest_was_shown_is_not_approved(project: Project) -> None:
    sha = hashlib.sha256((project.top / "spec.md").read_bytes()).hexdigest()
    project.write("spec.md", "# Other\n\n- R-001: delete everything.\n")
    session(project.top, f"approve spec {sha[:12]}")
    assert not Path(project.logs.confirmations).exists()


def test_a_configuration_without_the_channel_takes_no_prompt(scratch_repo: Path, git: Git) -> None:
    from project import CONFIG

    project = Project(scratch_repo, git, config={**CONFIG, "confirm_channels": ["terminal"]})
    assert project.run().returncode == exits.PERSON
    session(project.top, f"confirm escalations {digest(project)[:12]}")
    assert confirmations(project) == []


# Each waits for its minute, at the client's own clock; so they wait beside each other.
SCHEDULED: dict[str, dict[str, object]] = {
    "CronCreate": {"cron": "* * * * *", "recurring": False},
    "ScheduleWakeup": {"delaySeconds": 60, "reason": "later"},
}


def test_what_a_model_scheduled_opens_nothing_even_with_the_guard_off(project: Project) -> None:
    waiting = to_its_gate(project)
    # To the hook it looks as if it had been typed: the client's transcript alone tells.
    code, shown = waiting.on_terminal("guard", "off")
    assert code == exits.OK, shown
    trusted(waiting)
    words = f"confirm escalations {digest(waiting)[:12]}"
    with ExitStack() as stack:
        panes = []
        for name, given in SCHEDULED.items():
            scripts = {
                words: [Reply("it fired")],
                "": [
                    Reply(tool("ToolSearch", query=f"select:{name}")),
                    Reply(tool(name, prompt=words, **given)),
                    Reply("{{last_tool_result}}"),
                ],
            }
            model = stack.enter_context(ScriptedModel(scripts))
            pane = stack.enter_context(window(waiting))
            pane.resize(110, 40)
            names = " ".join(f"{name}={shlex.quote(value)}" for name, value in model.environment.items())
            pane.type(
                f"env {names} {claude_program()} --plugin-dir {ROOT} --permission-mode default --allowedTools {name},ToolSearch"
            )
            pane.wait("❯")
            pane.tmux("send-keys", "-l", "go on")
            pane.wait(r"❯\s+go on")
            pane.press("Enter")
            panes.append(pane)
        for pane in panes:
            pane.wait("may have come from a scheduled task|started by an agent|confirmed by")
            assert "confirmed by" not in pane.shown()
    assert confirmations(waiting) == []
