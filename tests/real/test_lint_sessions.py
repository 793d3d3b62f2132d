"""Rules whose facts only a session shows, beside sessions of the real client: what is listed, read, run and loaded."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from correctless.lint import run
from correctless.lint.discover import discover
from correctless.lint.settings import Settings
from patience import PATIENCE
from programs import claude_program, claude_versions
from scripted_model import Reply, ScriptedModel, tool

pytestmark = pytest.mark.real


@pytest.fixture(params=claude_versions())
def version(request: pytest.FixtureRequest) -> str:
    """The version of the client that is asked; each that scripts/setup-ci installs."""
    return str(request.param)


def project(top: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        file = top / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return top


def session(
    top: Path, version: str, prompt: str = "hello", *flags: str, replies: tuple[Reply, ...] = (Reply("ok"),)
) -> tuple[Mapping[str, Any], str]:
    """The first message of a session in a project, and all that the model was sent."""
    with ScriptedModel({"": replies}) as model:
        done = subprocess.run(
            [
                *(claude_program(version), "-p", prompt, "--output-format", "stream-json", "--verbose"),
                *("--permission-mode", "dontAsk", *flags),
            ],
            cwd=top,
            env={**os.environ, **model.environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        messages = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        return next(each for each in messages if each.get("subtype") == "init"), json.dumps(model.requests)


def rules(top: Path) -> set[str]:
    """The rules with a finding of warning or error in a project."""
    targets = discover([str(top)]).targets
    reports = [
        run.text(Path(each.path).read_bytes(), each, Settings(), today="2026-11-30") for each in targets
    ]
    return {finding.rule for report in reports for finding in report.findings}


def skill(description: str, body: str = "Do it.", *lines: str) -> str:
    return "\n".join(("---", "name: a", f"description: {description}", *lines, "---", body, ""))


@pytest.mark.parametrize(
    ("description", "shown"),
    [
        ("Closes ticket #12 and more", "Closes ticket"),
        ("Counts C# and a#b and more", "Counts C# and a#b and more"),
        ("'Closes ticket #12 and more'", "Closes ticket #12 and more"),
        ("Kinds: all #12 and more", "Kinds: all #12 and more"),
    ],
)
def test_a_description_is_cut_off_where_we_say_so(
    description: str, shown: str, tmp_path: Path, version: str
) -> None:
    top = project(tmp_path / "p", {".claude/skills/a/SKILL.md": skill(description)})
    sent = session(top, version)[1]
    assert f"- a: {shown}\\\\n" in sent or f"- a: {shown}\\n" in sent
    assert ("comment-in-value" in rules(top)) == (shown == "Closes ticket")


@pytest.mark.parametrize("name", ["skill.md", "Skill.md", "SKILL.md"])
def test_a_skill_is_loaded_from_capitals_alone(name: str, tmp_path: Path, version: str) -> None:
    top = project(tmp_path / "p", {f".claude/skills/a/{name}": skill("Does something")})
    assert ("a" in session(top, version)[0]["skills"]) == (name == "SKILL.md")
    assert ("skill-file-name" in rules(top)) == (name != "SKILL.md")


@pytest.mark.parametrize(
    "body",
    [
        "```\n!`echo 4$((1+1))`\n```",
        "~~~md\nSay !`echo 4$((1+1))` so.\n~~~",
        "Say `` !`echo 4$((1+1))` `` so.",
        "<!-- !`echo 4$((1+1))` -->",
        "````md\n```!\necho 4$((1+1))\n```\n````",
        "Say\n\n    !`echo 4$((1+1))`",
        "```\n\\!`echo 4$((1+1))`\n```",
        "```\nx!`echo 4$((1+1))`\n```",
        "```\n(!`echo 4$((1+1))`)\n```",
    ],
)
@pytest.mark.parametrize("place", [".claude/skills/a/SKILL.md", ".claude/commands/a.md"])
def test_a_command_in_an_example_runs_where_we_say_so(
    body: str, place: str, tmp_path: Path, version: str
) -> None:
    top = project(tmp_path / "p", {place: skill("Does it", f"START\n{body}\nEND")})
    sent = session(top, version, "/a")[1]
    assert "START" in sent
    assert ("fenced-command" in rules(top)) == ("42" in sent[sent.index("START") : sent.index("END")])


@pytest.mark.parametrize("value", ["fork", "Fork", "forked", "frok", "isolated"])
def test_only_one_word_forks(value: str, tmp_path: Path, version: str) -> None:
    top = project(
        tmp_path / "p", {".claude/skills/a/SKILL.md": skill("Does it", "Do it.", f"context: {value}")}
    )
    with ScriptedModel({"": (Reply("ok"),)}) as model:
        done = subprocess.run(
            [claude_program(version), "-p", "/a", "--output-format", "stream-json", "--verbose"],
            cwd=top,
            env={**os.environ, **model.environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    forked = any(json.loads(line).get("parent_tool_use_id") for line in done.stdout.splitlines())
    assert forked == (value == "fork") == ("context" not in rules(top))


HOOK = {"hooks": [{"type": "command", "command": 'touch "$CLAUDE_PROJECT_DIR/RAN"'}]}
FLAT = HOOK["hooks"][0]


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"env": {"A": 1}, "model": "opus", "other": 5},
        {"hooks": {"PreToolUse": [FLAT]}},
        {"hooks": [{"UserPromptSubmit": [HOOK]}]},
        {"permissions": {"allow": "Bash"}},
        {"permissions": {"defaultMode": "acceptedits"}},
        {"env": "A=1"},
        {"model": 5},
        {"includeCoAuthoredBy": "no"},
        {"statusLine": {"command": "x"}},
        {"cleanupPeriodDays": "30"},
        {"enabledMcpjsonServers": [5]},
    ],
    ids=json.dumps,
)
def test_settings_that_we_call_wrong_are_dropped_whole(
    settings: dict[str, Any], tmp_path: Path, version: str
) -> None:
    hooks = settings.get("hooks", {})
    if isinstance(hooks, dict):
        settings = {**settings, "hooks": {"UserPromptSubmit": [HOOK], **hooks}}
    top = project(tmp_path / "p", {".claude/settings.json": json.dumps(settings)})
    session(top, version)
    assert (top / "RAN").exists() == (not rules(top))


@pytest.mark.parametrize(
    ("hooks", "runs"),
    [
        ({"PreToolUse": [HOOK]}, True),
        ({"PreToolUse": [FLAT]}, False),
        ({"PreToolUse": [{"matcher": 5, **HOOK}]}, False),
        ({"BeforeTool": [HOOK]}, False),
        ("nope", False),
    ],
    ids=json.dumps,
)
def test_hooks_of_a_skill_run_where_we_find_nothing(
    hooks: object, runs: bool, tmp_path: Path, version: str
) -> None:
    text = skill("Does it", "Do it.", f"hooks: {json.dumps(hooks)}")
    top = project(tmp_path / "p", {".claude/skills/a/SKILL.md": text})
    replies = (Reply(tool("Bash", command="true")), Reply("done"))
    session(top, version, "/a", "--allowedTools", "Bash", replies=replies)
    assert (top / "RAN").exists() == runs == (not rules(top))


@pytest.mark.parametrize(
    ("text", "loaded"),
    [
        ('{"mcpServers": {"one": {"command": "cat"}}}', {"one"}),
        ('{"mcpServers": {"one": {"command": "cat"}, "two": {"url": "http://127.0.0.1:9/x"}}}', {"one"}),
        ('{"mcpServers": {"one": {"command": "cat"}, "two": {"command": "cat", "args": [5]}}}', {"one"}),
        ('{"one": {"command": "cat"}}', set()),
        ("[]", set()),
        ('{"mcpServers": []}', set()),
        ("{ this is not valid json }", set()),
        ('{"mcpServers": {"one": {"command": "cat"},}}', set()),
    ],
)
def test_a_server_that_we_call_wrong_is_not_loaded(
    text: str, loaded: set[str], tmp_path: Path, version: str
) -> None:
    allowed = '{"enableAllProjectMcpServers": true}'
    top = project(tmp_path / "p", {".mcp.json": text, ".claude/settings.json": allowed})
    servers = {each["name"] for each in session(top, version)[0]["mcp_servers"]}
    assert servers == loaded
    assert (not rules(top)) == ("two" not in text and servers != set())


@pytest.mark.parametrize(
    ("command", "runs"),
    [
        ('sh "${CLAUDE_PROJECT_DIR}/ran.sh"', True),
        ("sh $CLAUDE_PROJECT_DIR/ran.sh", False),
        ('X=${CLAUDE_PROJECT_DIR}/ran.sh; sh "$X"', True),
        ('case $CLAUDE_PROJECT_DIR in *) echo "$(sh "${CLAUDE_PROJECT_DIR}/ran.sh")" ;; esac', True),
        ('echo "$(sh ${CLAUDE_PROJECT_DIR}/ran.sh)"', False),
    ],
)
def test_a_path_with_a_space_needs_quotes(command: str, runs: bool, tmp_path: Path, version: str) -> None:
    hooks = {"hooks": {"UserPromptSubmit": [{"hooks": [{"type": "command", "command": command}]}]}}
    files = {"ran.sh": "touch RAN\n", ".claude/settings.json": json.dumps(hooks)}
    top = project(tmp_path / "a project", files)
    session(top, version)
    assert (top / "RAN").exists() == runs == ("hook-unquoted-path" not in rules(top))
