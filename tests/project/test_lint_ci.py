"""The linter where others run it: the steps of action.yml as a runner runs them, and the pre-commit hook by pre-commit."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from conftest import Git
from patience import PATIENCE
from places import CASES, ROOT

BROKEN = "---\nname: {}\ndescription: Presets: QA\n---\n# A\n"
SOUND = "---\nname: b\ndescription: d\n---\n# B\n"
ACTION = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))


@pytest.fixture
def workspace(scratch_repo: Path) -> Path:
    for name, text in (("skills/a", BROKEN), ("skills/b", SOUND), ("my team/skills/c", BROKEN)):
        (scratch_repo / name).mkdir(parents=True)
        (scratch_repo / name / "SKILL.md").write_text(text.format(name[-1]))
    return scratch_repo


def act(workspace: Path, **given: str) -> tuple[int, str, dict[str, str]]:
    """Every step of the action in its workspace, as GitHub's runner does it: exit code, what it printed, its outputs."""
    values = {
        name: given.get(name.replace("-", "_"), said["default"]) for name, said in ACTION["inputs"].items()
    }
    values = {f"inputs.{name}": value for name, value in values.items()} | {"github.action_path": str(ROOT)}
    outputs = workspace.parent / "outputs"
    outputs.write_text("")
    code, printed = 0, ""
    for step in ACTION["runs"]["steps"]:
        assert step["shell"] == "bash"
        assert "${{" not in step["run"], "a value would be run as shell"
        script = workspace.parent / "step.sh"
        script.write_text(step["run"])
        env = {
            name: re.sub(r"\$\{\{ (\S+) \}\}", lambda m: values[m[1]], value)
            for name, value in step["env"].items()
        }
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", str(script)],
            cwd=workspace,
            env={**os.environ, **env, "GITHUB_OUTPUT": str(outputs)},
            capture_output=True, text=True, check=False, timeout=PATIENCE,
        )  # fmt: skip
        assert "Traceback" not in done.stderr
        code, printed = done.returncode, printed + done.stdout
        if code:
            break
    return code, printed, dict(line.split("=", 1) for line in outputs.read_text().splitlines())


def test_the_action_annotates_the_true_lines_and_fails(workspace: Path) -> None:
    code, printed, outputs = act(workspace)
    assert code == 1
    assert [line for line in printed.splitlines() if line.startswith("::error")] == [
        f"::error file={name}/SKILL.md,line=3,col=21,endLine=3,endColumn=25,title=yaml-syntax::': ' in a value"
        ' without quotes starts another key. write "Presets: QA"'
        for name in ("my team/skills/c", "skills/a")
    ]
    assert outputs == {}


def test_the_action_lints_the_paths_it_was_given_and_takes_none_of_them_for_a_command(
    workspace: Path,
) -> None:
    assert act(workspace, paths="skills/b")[0] == 0
    assert act(workspace, paths="skills/b\nmy team\n")[0] == 1
    assert act(workspace, paths="$(touch stolen)")[0] == 3
    assert act(workspace, paths="--fix")[0] == 3
    assert act(workspace, paths="`touch stolen`", fail_on="error; touch stolen")[0] == 2
    assert not (workspace / "stolen").exists()
    assert (workspace / "skills/a/SKILL.md").read_text() == BROKEN.format("a")


def test_the_action_writes_sarif_and_says_where(workspace: Path) -> None:
    schema = json.loads((CASES / "sarif-schema-2.1.0.json").read_text("utf-8"))
    for paths, code, count in ((".", 1, 2), ("skills/b", 0, 0)):
        assert act(workspace, format="sarif", output="out file.sarif", paths=paths) == (
            code, "", {"sarif": "out file.sarif"},
        )  # fmt: skip
        log = json.loads((workspace / "out file.sarif").read_text())
        jsonschema.Draft4Validator(schema).validate(log)
        assert sum(each["level"] == "error" for each in log["runs"][0]["results"]) == count


def test_the_action_uses_no_other_action_no_secret_and_no_token() -> None:
    text = (ROOT / "action.yml").read_text()
    assert [step for step in ACTION["runs"]["steps"] if "uses" in step] == []
    asked = {name.partition(".")[0] for name in re.findall(r"\$\{\{\s*(\S+)", text)}
    assert asked <= {"inputs", "steps", "github"}
    assert "github.token" not in text
    assert set(ACTION["inputs"]) == {"paths", "format", "fail-on", "output"}


def hook() -> dict[str, Any]:
    (only,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))
    return dict(only)


@pytest.mark.parametrize(
    ("path", "linted"),
    [
        ("skills/a/SKILL.md", True),
        ("SKILL.md", True),
        (".claude-plugin/plugin.json", True),
        ("p/.claude-plugin/marketplace.json", True),
        ("hooks/hooks.json", True),
        (".claude/agents/a.md", True),
        ("README.md", False),
        ("grafana/plugin.json", False),
        ("skills/a/agents/g.md", False),
        ("hooks.json", False),
    ],
)
def test_the_hook_is_given_what_a_search_would_find(path: str, linted: bool) -> None:
    assert bool(re.search(hook()["files"], path)) == linted


@pytest.mark.real
def test_pre_commit_runs_the_hook_of_a_clone_in_a_scratch_repository(
    workspace: Path, git: Git, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRE_COMMIT_HOME", str(tmp_path / "pre-commit"))
    clone = tmp_path / "clone"
    git(ROOT, "clone", "-q", "--no-hardlinks", str(ROOT), str(clone))
    for name in git(ROOT, "ls-files", "--others", "--modified", "--exclude-standard").splitlines():
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).exists():
            (clone / name).write_bytes((ROOT / name).read_bytes())
    git(clone, "add", "--all")
    git(clone, "commit", "-q", "--allow-empty", "-m", "as it stands")
    config = {
        "repos": [
            {"repo": str(clone), "rev": git(clone, "rev-parse", "HEAD"), "hooks": [{"id": hook()["id"]}]}
        ]
    }
    (workspace / ".pre-commit-config.yaml").write_text(yaml.safe_dump(config))
    git(workspace, "add", "--all")

    def pre_commit(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "pre_commit", *words],
            cwd=workspace, capture_output=True, text=True, check=False, timeout=PATIENCE,
        )  # fmt: skip

    done = pre_commit("run", "--all-files")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "skills/a/SKILL.md:3:21: ': ' in a value without quotes starts another key" in done.stdout
    assert "my team/skills/c/SKILL.md:3:21" in done.stdout
    assert "2 errors" in done.stdout
    assert ": 3 files read" in done.stdout
    # And as people meet it: a commit that is refused, mended, and goes through.
    assert pre_commit("install").returncode == 0
    git(workspace, "reset", "-q", "my team", "skills/b")
    refused = subprocess.run(["git", "commit", "-qm", "x"], cwd=workspace, capture_output=True, check=False)
    assert refused.returncode == 1
    (workspace / "skills/a/SKILL.md").write_text(BROKEN.format("a").replace("Presets: QA", '"Presets: QA"'))
    git(workspace, "add", "skills/a")
    git(workspace, "commit", "-qm", "x")
