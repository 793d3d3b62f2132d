"""A whole run against a client that misbehaves: how it ends, what is on record, and that nothing of the client is left."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import bad_client
import places
from conftest import Git
from correctless.base.process.descendants import group_alive, marked
from correctless.runlog.events import AgentEnded, AttemptFailed, DecisionsTaken, RunStopped, StepStarted
from project import Project

RUNS = places.CASES / "runs"
CASES = {path.stem: json.loads(path.read_text()) for path in sorted(RUNS.glob("*.json"))}
STEP = {
    "skill": "ctdd",
    "check": ["true"],
    "max_minutes": 0.5,
    "idle_minutes": 0.5,
    "max_turns": 3,
    "max_usd": 0.5,
}
RUN = ("run", "--no-check", "--spec", "spec.md", "--approve-spec-as", "Ada", "--agent", "claude")
Make = Callable[..., tuple[Project, dict[str, str]]]


@pytest.fixture
def make(scratch_repo: Path, git: Git, tmp_path: Path) -> Make:
    """A project whose pipeline is one step, and the environment in which its client plays a scenario."""

    def make(
        name: str,
        *,
        step: dict[str, Any] | None = None,
        until: int = 99,
        config: dict[str, Any] | None = None,
    ) -> tuple[Project, dict[str, str]]:
        whole = {
            "intensity": "high",  # two attempts
            "on_limit": "pause",
            "pipelines": {"default": {"steps": [STEP | (step or {})]}},
        }
        client = tmp_path / "claude"
        client.write_text(f"#!{sys.executable} -I\n{Path(bad_client.__file__).read_text()}")
        client.chmod(0o755)
        env = {
            "CORRECTLESS_CLAUDE": str(client),
            "CORRECTLESS_BAD": name,
            "CORRECTLESS_BAD_UNTIL": str(until),
        }
        return Project(scratch_repo, git, config=whole | (config or {})), env

    return make


def nothing_is_left(project: Project) -> bool:
    """No process of any attempt lives, and the worktree is as the last commit has it."""
    begun = [item.event for item in _events(project) if isinstance(item.event, StepStarted)]
    assert not [event for event in begun if group_alive(event.group, event.mark) or marked(event.mark)]
    return not project.git(project.top, "status", "--porcelain")


def golden(project: Project, code: int, said: str, tmp_path: Path) -> dict[str, Any]:
    """What must be the same each time the scenario is played."""
    message = [line for line in said.splitlines() if line.startswith("correctless: ")]
    assert len(message) <= 1
    warned = [line.strip() for line in said.splitlines() if line.strip().startswith("warning: ")]
    on_record = project.decisions() if os.path.exists(project.logs.decisions) else []
    return {
        "exit": code,
        "message": _plain("".join(message), tmp_path),
        "warnings": [_plain(line, tmp_path) for line in dict.fromkeys(warned)],
        "events": [_spelled(item.event) for item in _events(project)],
        "reason": _plain(_last_reason(project), tmp_path),
        "decisions": [[one["decision_id"], one["attempt"], one["escalation_deferred"]] for one in on_record],
    }


def _events(project: Project) -> tuple[Any, ...]:
    return project.events() if os.path.exists(project.logs.run) else ()


def _spelled(event: Any) -> str:
    match event:
        case StepStarted(attempt=attempt):
            return f"step_started {attempt}"
        case AgentEnded(attempt=attempt, outcome=outcome, resume_at=resume_at):
            return f"agent_ended {attempt} {outcome}{', known when to go on' if resume_at else ''}"
        case AttemptFailed(attempt=attempt, counted=counted):
            return f"attempt_failed {attempt} {'counted' if counted else 'not counted'}"
        case DecisionsTaken(count=count, warnings=warnings):
            return f"decisions_taken {count}{''.join(f', {warning}' for warning in warnings)}"
        case RunStopped(code=code):
            return f"run_stopped {code}"
    return str(event.event)


def _last_reason(project: Project) -> str:
    ended = [item.event for item in _events(project) if isinstance(item.event, AgentEnded)]
    return ended[-1].reason if ended else ""


def _plain(text: str, tmp_path: Path) -> str:
    return re.sub(r"\d{8}-\d{6}-[0-9a-f]{4}", "<run>", text.replace(str(tmp_path), "<tmp>"))


def _cases(*, slow: bool) -> list[str]:
    return [name for name, case in CASES.items() if case.get("slow", False) is slow]


def _ends_as_recorded(make: Make, name: str, tmp_path: Path) -> None:
    case = CASES[name]
    project, env = make(name, **case.get("given", {}))
    done = project.cauto(*RUN, env=env)
    done.stderr.encode()  # no byte of it is anything but UTF-8
    assert nothing_is_left(project)
    assert golden(project, done.returncode, done.stderr, tmp_path) == case["golden"], case["why"]


@pytest.mark.sweep(6)
@pytest.mark.parametrize("name", _cases(slow=False))
def test_a_run_with_a_bad_client_ends_as_recorded(make: Make, name: str, tmp_path: Path) -> None:
    _ends_as_recorded(make, name, tmp_path)


@pytest.mark.campaign
@pytest.mark.parametrize("name", _cases(slow=True))
def test_a_run_with_a_slow_bad_client_ends_as_recorded(make: Make, name: str, tmp_path: Path) -> None:
    _ends_as_recorded(make, name, tmp_path)


def test_every_scenario_has_a_golden_outcome() -> None:
    assert {*bad_client.PLAYS, *bad_client.VERSIONS} == CASES.keys()
