"""The guard in the real client: each call of the table as the client sees its outcome, wherever in the client it is made."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from conftest import Git
from correctless.agents.claude import settings
from correctless.base import exits
from guard_calls import CALLS, LOG, Call, When
from places import ROOT
from plugin_client import Session, session
from project import Project
from scripted_model import Reply, tool

pytestmark = pytest.mark.real

DENIED = "correctless guard: "
# A dispatched agent gets the guard by its command line alone.
AGENT_FLAGS = ("--setting-sources", "", "--settings", json.dumps(settings()), "--strict-mcp-config")


@pytest.fixture
def project(scratch_repo: Path, git: Git) -> Project:
    made = Project(scratch_repo, git)
    # An edit of a file that is not there is refused by the client itself, before any hook.
    made.write(LOG, "true\n")
    made.write(".correctless/artifacts/.gitignore", "*\n")
    return made


@pytest.fixture
def waiting(project: Project) -> Project:
    done = project.run()
    assert done.returncode == exits.PERSON, done.stderr
    return project


def replies(calls: Sequence[Call], top: Path) -> list[Reply]:
    made = []
    for each in calls:
        given = {
            name: str(top / value) if name.endswith("_path") else value for name, value in each.given.items()
        }
        made.append(Reply(tool(each.tool, **given)))
    return [*made, Reply("done")]


def outcomes(said: Session, calls: Sequence[Call]) -> dict[str, bool]:
    assert len(said.results) == len(calls), said.errors
    return {str(each): DENIED in result for each, result in zip(calls, said.results, strict=True)}


def kept(top: Path) -> dict[str, str]:
    folder = top / ".correctless" / "artifacts"
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


# The client offers these at once; others it loads when it looks for them.
TOLD = tuple(each for each in CALLS if each.tool in ("Bash", "Write", "Edit", "Read", "Task"))


def expected(calls: Sequence[Call], *denied: When) -> dict[str, bool]:
    return {str(each): each.when in denied for each in calls}


def test_beside_a_run_every_call_of_the_table_ends_as_it_says(waiting: Project) -> None:
    before = kept(waiting.top)
    said = session(waiting.top, "go on", {"": replies(TOLD, waiting.top)}, flags=("--max-turns", "400"))
    assert len(TOLD) >= 140
    assert outcomes(said, TOLD) == expected(TOLD, "always", "under way")
    assert kept(waiting.top) == before


def test_without_a_run_only_what_is_never_an_agents_is_denied(project: Project) -> None:
    calls = [each for each in TOLD if each.when != "under way"]
    before = kept(project.top)
    said = session(project.top, "go on", {"": replies(calls, project.top)}, flags=("--max-turns", "400"))
    assert outcomes(said, calls) == expected(calls, "always")
    assert kept(project.top) == before


def test_in_a_dispatched_agent_it_holds_without_the_plugin(project: Project) -> None:
    project.write(".claude/settings.json", '{"disableAllHooks": true}')
    calls = [each for each in TOLD if each.when == "under way" or each.tool != "Bash"]
    said = session(
        project.top,
        "go on",
        {"": replies(calls, project.top)},
        plugin=None,
        env={"CORRECTLESS_AGENT": "1"},
        flags=(*AGENT_FLAGS, "--max-turns", "400"),
    )
    assert outcomes(said, calls) == expected(calls, "always", "under way")


@pytest.mark.parametrize("how", ["exit 1", "kill -9 $$", "cat >/dev/null; exit 3", "echo bad >&2; exit 2"])
def test_in_a_dispatched_agent_a_broken_interpreter_blocks_every_call(
    project: Project, tmp_path: Path, how: str
) -> None:
    bad = tmp_path / "python"
    bad.write_text(f"#!/bin/sh\n{how}\n")
    bad.chmod(0o755)
    given = settings(python=str(bad))
    said = session(
        project.top,
        "go on",
        {"": [Reply(tool("Bash", command="touch it-ran")), Reply("done")]},
        plugin=None,
        env={"CORRECTLESS_AGENT": "1"},
        flags=("--setting-sources", "", "--settings", json.dumps(given)),
    )
    assert "it is broken" in said.results[0]
    assert not (project.top / "it-ran").exists()


def test_in_a_dispatched_agent_a_guard_that_is_gone_blocks_every_call(
    project: Project, tmp_path: Path
) -> None:
    given = settings(door=str(tmp_path / "nowhere" / "guard"))
    said = session(
        project.top,
        "go on",
        {"": [Reply(tool("Bash", command="touch it-ran")), Reply("done")]},
        plugin=None,
        env={"CORRECTLESS_AGENT": "1"},
        flags=("--setting-sources", "", "--settings", json.dumps(given)),
    )
    assert not (project.top / "it-ran").exists(), said.results


def test_in_an_ordinary_session_a_broken_interpreter_stops_nothing(project: Project, tmp_path: Path) -> None:
    bad = tmp_path / "python"
    bad.write_text("#!/bin/sh\nexit 1\n")
    bad.chmod(0o755)
    calls = [each for each in TOLD if each.when == "never"]
    assert len(calls) >= 30
    said = session(
        project.top,
        "go on",
        {"": replies(calls, project.top)},
        env={"CORRECTLESS_GUARD_PYTHON": str(bad)},
        flags=("--max-turns", "400"),
    )
    assert outcomes(said, calls) == expected(calls)


def test_it_holds_in_a_sub_agent(waiting: Project) -> None:
    before = kept(waiting.top)
    said = session(
        waiting.top,
        "go on",
        {
            "you are the helper": [
                Reply(tool("Bash", command=f"echo x >> {LOG}")),
                Reply(tool("Bash", command="rm -rf .correctless")),
                Reply("the helper was told: {{last_tool_result}}"),
            ],
            "": [
                Reply(tool("Task", description="x", prompt="you are the helper", subagent_type="claude")),
                Reply("done"),
            ],
        },
    )
    assert DENIED in said.asked()
    assert kept(waiting.top) == before


def test_it_holds_in_a_forked_skill(waiting: Project) -> None:
    before = kept(waiting.top)
    waiting.write(
        ".claude/skills/forked/SKILL.md",
        """\
        ---
        name: forked
        description: A skill that runs apart. Use when asked.
        context: fork
        allowed-tools: Bash
        ---
        you are the fork
        """,
    )
    said = session(
        waiting.top,
        "go on",
        {
            "you are the fork": [
                Reply(tool("Bash", command="rm -rf .correctless")),
                Reply("forked: {{last_tool_result}}"),
            ],
            "": [Reply(tool("Skill", skill="forked")), Reply("done")],
        },
    )
    assert DENIED in said.asked()
    assert kept(waiting.top) == before


def test_the_plugin_loads_with_every_skill_and_without_an_error(project: Project) -> None:
    init = session(project.top, "hello").init
    wanted = {f"correctless:{path.parent.name}" for path in (ROOT / "skills").glob("*/SKILL.md")}
    assert wanted <= set(init["slash_commands"])
    assert not init.get("plugin_errors")
    assert "correctless" in [each["name"] for each in init["plugins"]]
