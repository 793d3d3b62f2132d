"""The workflows of examples/workflows: what they may do, and their scripts run as a runner runs them."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from conftest import Git
from correctless.base import exits
from fleet import Fleet
from patience import PATIENCE
from places import ROOT
from project import CONFIG, SPEC

FOLDER = ROOT / "examples" / "workflows"
NAMES = ("run-on-label", "resume-on-comment", "nightly")
PINNED = re.compile(r"uses: (\S+@[0-9a-f]{40}) # v[\d.]+$", re.MULTILINE)
# The answers of the gh program to what the scripts ask it.
GH = """#!/bin/sh
case "$*" in
  "auth setup-git") ;;
  "api repos/shop/shop/collaborators/ada/permission --jq .permission") printf '%s\\n' "$LEVEL" && test "$LEVEL" != error ;;
  *) echo "gh: $*" >&2 && exit 9 ;;
esac
"""


def text_of(name: str) -> str:
    return (FOLDER / f"{name}.yml").read_text("utf-8")


def job_of(name: str) -> dict[str, Any]:
    [job] = yaml.safe_load(text_of(name))["jobs"].values()
    return dict(job)


def test_these_are_all_workflows_and_the_page_shows_each_whole() -> None:
    page = (ROOT / "docs" / "ci-recipes.md").read_text("utf-8")
    blocks = re.findall(r"^```yaml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert sorted(path.name for path in FOLDER.iterdir()) == sorted(f"{name}.yml" for name in NAMES)
    assert blocks == [text_of(name) for name in NAMES]


@pytest.mark.parametrize("name", NAMES)
def test_a_workflow_has_no_rights_and_its_job_the_two_it_needs(name: str) -> None:
    workflow = yaml.safe_load(text_of(name))
    assert workflow["permissions"] == {}
    assert job_of(name)["permissions"] == {"contents": "write", "pull-requests": "write"}
    assert job_of(name)["environment"] == "correctless"
    assert job_of(name)["timeout-minutes"] < 360  # that of a hosted machine
    # The key of PyYAML for `on` is the truth value.
    assert {"run-on-label": {"issues"}, "resume-on-comment": {"issue_comment"}}.get(
        name, {"schedule", "workflow_dispatch"}
    ) == set(workflow[True])


@pytest.mark.parametrize("name", NAMES)
def test_its_actions_are_those_of_our_own_workflows_by_sha(name: str) -> None:
    ours = set(PINNED.findall((ROOT / ".github/workflows/ci.yml").read_text("utf-8")))
    used = PINNED.findall(text_of(name))
    assert set(used) <= ours
    assert len(used) == text_of(name).count("uses:") == 2


@pytest.mark.parametrize("name", NAMES)
def test_it_checks_out_the_default_branch_and_leaves_no_token(name: str) -> None:
    ours, tool = (step["with"] for step in job_of(name)["steps"] if "uses" in step)
    assert ours == {"persist-credentials": False, "fetch-depth": 0, "path": "work"}
    assert (tool["repository"], tool["ref"]) == ("OWNER/correctless", "COMMIT")
    assert tool["persist-credentials"] is False
    assert not re.search(r"pull_request|head_ref|head\.|refs/pull", text_of(name))


@pytest.mark.parametrize("name", NAMES)
def test_no_value_is_run_as_shell_and_the_secret_reaches_one_step(name: str) -> None:
    job = job_of(name)
    asked = {
        expression: step["name"]
        for step in job["steps"]
        for value in step.get("env", {}).values()
        for expression in re.findall(r"\$\{\{ (.*?) \}\}", str(value))
    }
    assert [step["name"] for step in job["steps"] if "${{" in step.get("run", "")] == []
    assert asked["secrets.ANTHROPIC_API_KEY"] == job["steps"][-1]["name"]
    assert text_of(name).count("secrets.") == 1
    assert "env" not in job
    assert not [step for step in job["steps"] if step.get("name") == "Install" and "${{" in str(step)]


@pytest.mark.parametrize("name", NAMES)
def test_the_client_is_the_one_of_setup_ci(name: str) -> None:
    setup = (ROOT / "scripts" / "setup-ci").read_text()
    [env] = [step["env"] for step in job_of(name)["steps"] if step.get("name") == "Install"]
    assert f"client={env['VERSION']}\n" in setup
    assert f"sha256_linux_x64={env['SHA256']}\n" in setup
    assert env["CLIENT"] == "@anthropic-ai/claude-code-linux-x64"


class Runner:
    """A hosted machine: a checkout of the default branch and one of correctless."""

    def __init__(self, folder: Path, git: Git, origin: Path, env: dict[str, str]) -> None:
        self.folder = folder
        self.work = folder / "work"
        folder.mkdir()
        git(folder, "clone", "-q", str(origin), str(self.work))
        (folder / "correctless").symlink_to(ROOT)
        (folder / "bin").mkdir()
        (folder / "bin" / "gh").write_text(GH)
        (folder / "bin" / "gh").chmod(0o755)
        home = folder / "home"
        home.mkdir()
        path = f"{folder / 'bin'}:{os.environ['PATH']}"
        runner = {"GITHUB_WORKSPACE": str(folder), "GITHUB_RUN_ID": "7", "CI": "true"}
        self.env = {**env, **runner, "HOME": str(home), "PATH": path, "LEVEL": "write"}

    def step(self, workflow: str, name: str, **event: str) -> subprocess.CompletedProcess[str]:
        """One step of a workflow. `event` has the value of each variable that is from the event."""
        job = job_of(workflow)
        [step] = [each for each in job["steps"] if each.get("name") == name]
        unknown = {
            variable for variable, value in step["env"].items() if "github.event" in value
        } - event.keys()
        assert not unknown
        script = self.folder / "step.sh"
        script.write_text(step["run"])
        return subprocess.run(
            ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", str(script)],
            cwd=self.folder / step.get("working-directory", "."),
            env={**self.env, "REPOSITORY": "shop/shop", **event},
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=PATIENCE,
        )  # fmt: skip


@pytest.fixture
def runner(scratch_repo: Path, git: Git, tmp_path: Path) -> Runner:
    runner = Runner(tmp_path / "runner", git, scratch_repo, dict(os.environ))
    (runner.work / ".correctless/config").mkdir(parents=True)
    (runner.work / ".correctless/config/correctless.yaml").write_text("agent_sandbox: require\n")
    return runner


@pytest.mark.parametrize("workflow", NAMES[:2])
@pytest.mark.parametrize(("level", "code"), [("admin", 0), ("write", 0), ("read", 1), ("none", 1), ("", 1), ("error", 1)])  # fmt: skip
def test_who_may_not_write_to_the_repository_starts_nothing(
    workflow: str, level: str, code: int, runner: Runner
) -> None:
    runner.env["LEVEL"] = level
    assert job_of(workflow)["steps"][0]["name"] == "May this person do that?"
    done = runner.step(workflow, "May this person do that?", WHO="ada")
    assert done.returncode == code, done.stderr
    assert ("may not write" in done.stdout) == (code == 1 and level != "error")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "please run docs/specs/a.md",
        "spec: /etc/passwd",
        "spec: docs/specs/../../x.md",
        "spec: docs/specs/.md",
        "spec: docs/specs/a.md; touch stolen",
        "spec: docs/specs/$(touch stolen).md",
        "spec: docs/specs/--help",
        " spec: docs/specs/a.md",
        "spec: docs/specs/a.md --no-check",
    ],
)
def test_an_issue_that_names_no_spec_starts_nothing(text: str, runner: Runner, git: Git) -> None:
    done = runner.step("run-on-label", "Run", TEXT=text, ISSUE="12", WHO="ada")
    assert (done.returncode, "has no line" in done.stdout) == (2, True), done.stderr
    assert git(runner.work, "branch", "--list", "correctless/*") == ""
    assert not [*runner.folder.rglob("stolen")]


@pytest.mark.parametrize(
    "text",
    [
        "/resume ",
        "/resume 20260102-030405-9f3a now",
        "/resume 20260102-030405-9f3a\nthanks",
        "/resume 20260102-030405-9F3A",
        "/resume --take-over 20260102-030405-9f3a",
        "/resume $(touch stolen)",
        "> /resume 20260102-030405-9f3a",
        "x\n/resume 20260102-030405-9f3a",
    ],
)
def test_a_comment_that_is_more_than_the_command_continues_nothing(text: str, runner: Runner) -> None:
    done = runner.step("resume-on-comment", "Resume", TEXT=text)
    assert (done.returncode, "and no more" in done.stdout) == (2, True), done.stderr
    assert not [*runner.folder.rglob("stolen")]


@pytest.mark.parametrize("config", ["", "agent_sandbox: auto\n", "# agent_sandbox: require\n"])
@pytest.mark.parametrize("workflow", ["run-on-label", "nightly"])
def test_no_run_starts_where_the_configuration_requires_no_sandbox(
    workflow: str, config: str, runner: Runner
) -> None:
    (runner.work / ".correctless/config/correctless.yaml").write_text(config)
    done = runner.step(workflow, "Run", TEXT="spec: docs/specs/a.md", ISSUE="12", WHO="ada")
    assert (done.returncode, "agent_sandbox: require" in done.stdout) == (2, True), done.stderr


@pytest.fixture
def shop(tmp_path: Path, git: Git) -> tuple[Fleet, dict[str, str]]:
    """A shared repository whose default branch has specs and a configuration, and the environment of its agent."""
    diaries = tmp_path / "diaries"
    diaries.mkdir()
    agent = {"agent": f"command:{tmp_path / 'agent.py'}", "agent_writable": [str(diaries)]}
    fleet = Fleet(tmp_path, git, {**CONFIG, **agent, "agent_sandbox": "require"})
    first = fleet.first
    config = first.top / ".correctless/config/correctless.yaml"
    config.write_text(yaml.safe_dump(json.loads(config.read_text())))  # as people write it
    for name in ("discounts", "nightly"):
        first.write(f"docs/specs/{name}.md", SPEC)
    first.write(
        "test_it.py",
        "import unittest\n\n\nclass T(unittest.TestCase):\n    def test(self) -> None:\n        pass\n",
    )
    git(first.top, "add", "--all")
    git(first.top, "commit", "-q", "-m", "specs")
    git(first.top, "push", "-q", str(fleet.origin), "HEAD:main")
    return fleet, {**first.env, "AGENT_DIARY": str(diaries / "diary")}


@pytest.mark.real
def test_a_label_starts_a_run_you_answer_it_in_a_terminal_and_a_comment_completes_it(
    shop: tuple[Fleet, dict[str, str]], tmp_path: Path, git: Git
) -> None:
    fleet, env = shop
    first = Runner(tmp_path / "first", git, fleet.origin, env)
    text = "Discounts are missing.\r\nspec: docs/specs/discounts.md\r\nThanks!"
    done = first.step("run-on-label", "Run", TEXT=text, ISSUE="12", WHO="ada")
    assert done.returncode == exits.PERSON, done.stdout + done.stderr
    assert "correctless/issue-12-7" in done.stderr
    run = fleet.parked_run()
    reviewer = fleet.machine("reviewer")
    code, said = reviewer.review("--from", "origin", run, answer="{digest}")
    assert code == 0, said
    second = Runner(tmp_path / "second", git, fleet.origin, env)
    done = second.step("resume-on-comment", "Resume", TEXT=f"/resume {run}")
    assert done.returncode == exits.OK, done.stdout + done.stderr
    assert git(second.work, "branch", "--show-current") == "correctless/issue-12-7"


@pytest.mark.real
def test_a_night_starts_a_run_that_is_parked_where_it_needs_you(
    shop: tuple[Fleet, dict[str, str]], tmp_path: Path, git: Git
) -> None:
    fleet, env = shop
    runner = Runner(tmp_path / "night", git, fleet.origin, env)
    done = runner.step("nightly", "Run")
    assert done.returncode == exits.PERSON, done.stdout + done.stderr
    assert f"review --from origin {fleet.parked_run()}" in done.stderr
