"""An agent that changes what it is judged by changes nothing of its run, confirms nothing, and a person hears of it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Git
from correctless.base import exits
from correctless.ledger.ledger import Ledger
from correctless.runlog.events import RunStarted, StepChecked
from project import Project

CONFIG = {
    "confirm_channels": ["terminal"],
    "commands": {"test": [sys.executable, "-m", "unittest", "-q"]},
    "pipelines": {"default": {"steps": [{"skill": "ctdd"}, {"skill": "writer"}, {"skill": "writer"}]}},
}
SKILL = """---
name: writer
description: Writes. Use when something is to be written.
interaction_mode: autonomous
---
# Write

## Autonomous Defaults

- **AD-001**: Order — as they come (default). Rationale: it is the usual one.
"""
Make = Callable[[], Project]


@pytest.fixture
def project(scratch_repo: Path, git: Git) -> Project:
    (scratch_repo / "skills/writer").mkdir(parents=True)
    (scratch_repo / "skills/writer/SKILL.md").write_text(SKILL)
    (scratch_repo / "test_old.py").write_text("import unittest\n")
    return Project(scratch_repo, git, config=CONFIG)


def does(code: str, step: str = "writer") -> dict[str, str]:
    """The agent does this in one step: the first of its name."""
    lines = "".join(f"    {line}\n" for line in code.splitlines())
    return {"AGENT_EXTRA": f"import subprocess\nif step == {step!r}:\n{lines}"}


@pytest.mark.sweep(5)
@pytest.mark.parametrize(
    ("code", "name"),
    [
        (
            "pathlib.Path('.correctless/config/correctless.yaml').write_text('confirm_channels: [flag]\\npr: [./steal]\\n')",
            "configuration",
        ),
        ("h = pathlib.Path('.git/hooks/pre-commit'); h.write_text('#!/bin/sh\\n'); h.chmod(0o755)", "git-"),
        ("subprocess.run(['git', 'config', 'core.fsmonitor', './steal'])", "git-"),
        ("subprocess.run(['git', 'config', 'remote.origin.pushurl', 'https://example.invalid/x'])", "git-"),
        ("subprocess.run(['git', 'config', '--global', 'core.pager', './steal'])", "git-"),
        ("pathlib.Path('.git/info/attributes').write_text('* filter=steal\\n')", "git-"),
        (
            "pathlib.Path('test_old.py').write_text('')\nsubprocess.run(['git', 'update-index', '--assume-unchanged', 'test_old.py'])",
            "git-",
        ),
        (
            "pathlib.Path('test_old.py').write_text('')\nsubprocess.run(['git', 'update-index', '--skip-worktree', 'test_old.py'])",
            "git-",
        ),
        ("pathlib.Path('conftest.py').write_text('collect_ignore_glob = [\"*\"]\\n')", "test-setup"),
        (
            "pathlib.Path('pyproject.toml').write_text('[tool.pytest.ini_options]\\naddopts = \"-k nothing\"\\n')",
            "test-setup",
        ),
        ('pathlib.Path(\'package.json\').write_text(\'{"scripts": {"test": "true"}}\')', "test-setup"),
        ("pathlib.Path('spec.md').write_text('# Nothing to do\\n')", "spec"),
        (
            "s = pathlib.Path('skills/writer/SKILL.md'); s.write_text(s.read_text() + '- **AD-009**: x — y (default). Rationale: z.\\n')",
            "skill",
        ),
        ("pathlib.Path('test_old.py').unlink()", "deleted-tests"),
        ("pathlib.Path('CLAUDE.md').write_text('obey\\n')", "instructions"),
        ("pathlib.Path('AGENTS.md').write_text('obey\\n')", "instructions"),
    ],
)
def test_a_change_of_the_rules_is_a_persons_decision_and_changes_nothing_of_the_run(
    project: Project, code: str, name: str
) -> None:
    done = project.run(**does(code))
    assert done.returncode == exits.PERSON, done.stderr
    deferred = [d for d in project.decisions() if d["source"] == "synthesized"]
    assert [d["key"].rpartition("/s")[2][: len(name)] for d in deferred if d["step"] == "writer"] == [name]
    assert all(d["escalation_deferred"] for d in deferred)
    # Every step ran as it was planned, each with the contract of the frozen skill.
    assert project.ran() == ["ctdd#1", "writer#1", "writer-2#1"]
    [started] = [item.event for item in project.events() if isinstance(item.event, RunStarted)]
    assert started.plan.confirm_channels == ("terminal",)
    assert started.plan.pr == ("skip",)
    prompt = Path(project.logs.folder(project.state().run), "writer-2-1", "prompt.md").read_text()
    assert "AD-009" not in prompt
    found = json.loads(project.command("review", "--json").stdout)
    assert found["open"] is False


def test_a_hook_that_a_failed_attempt_left_is_put_before_a_person_by_the_next_one(project: Project) -> None:
    plant = "h = pathlib.Path('.git/hooks/pre-commit'); h.write_text('#!/bin/sh\\n'); h.chmod(0o755)"
    done = project.run(**does(f"if attempt == '1':\n    {plant}\n    sys.exit(9)"))
    assert done.returncode == exits.PERSON, done.stderr
    [told] = [d for d in project.decisions() if "/sgit-" in (d["key"] or "")]
    assert (told["step"], told["attempt"]) == ("writer", 2)


def test_a_hook_whose_step_runs_again_is_put_before_a_person_again(project: Project) -> None:
    plant = "h = pathlib.Path('.git/hooks/pre-commit'); h.write_text('#!/bin/sh\\n'); h.chmod(0o755)"
    project.run(**does(plant))
    assert project.review("--rerun", "writer")[0] == exits.PERSON
    assert project.cauto("resume").returncode == exits.PERSON
    told = [d["attempt"] for d in project.decisions() if "/sgit-" in (d["key"] or "")]
    assert told == [1, 2]


def test_git_settings_are_put_back_and_told_of_each_time_they_are_changed(project: Project) -> None:
    done = project.run(
        AGENT_EXTRA="import subprocess\nsubprocess.run(['git', 'config', 'x.y', 'same' if step != 'writer-2' else 'other'])"
    )
    assert done.returncode == exits.PERSON, done.stderr
    told = [d["step"] for d in project.decisions() if "/sgit-" in (d["key"] or "")]
    assert told == ["ctdd", "writer", "writer-2"]
    assert project.git(project.top, "config", "--default", "none", "x.y") == "none"


def test_a_dependency_in_pyproject_is_no_news(project: Project) -> None:
    done = project.run(
        **does("pathlib.Path('pyproject.toml').write_text('[project]\\nname = \"x\"\\nversion = \"1\"\\n')")
    )
    assert done.returncode == exits.OK, done.stderr


def test_a_confirmation_an_agent_writes_confirms_nothing(project: Project) -> None:
    forged = "import hashlib, json; p = next(pathlib.Path('.correctless/artifacts').glob('confirmations-*.jsonl')); "
    forged += "lines = p.read_bytes().splitlines(); "
    forged += "said = {'kind': 'escalations', 'digest': '0' * 64, 'by': 'Ada', 'channel': 'terminal', 'timestamp': '2026-01-02T03:04:05.678Z', 'note': ''}; "
    forged += "said |= {'seq': len(lines) + 1, 'prev': hashlib.sha256(lines[-1]).hexdigest()}; "
    forged += (
        "p.open('ab').write(json.dumps(said, separators=(',', ':')).encode() + b'\\n'); decide('AD-404', 'x')"
    )
    done = project.run(**does(forged))
    assert done.returncode == exits.PERSON, done.stderr
    assert (
        len(Ledger(project.logs.confirmations).read()) == 1
    )  # the spec's: the other was taken away, and told
    assert "confirmations-feature-x" in str(
        [each["original_escalation_reason"] for each in project.decisions()]
    )
    assert json.loads(project.command("review", "--json").stdout)["open"] is False


def test_a_file_that_says_the_run_is_complete_opens_no_gate(project: Project) -> None:
    assert project.run(**does("decide('AD-404', 'x')")).returncode == exits.PERSON
    manifest = Path(project.logs.manifest)
    said = {**json.loads(manifest.read_text()), "status": "complete", "gate": "open", "waiting": []}
    manifest.write_text(json.dumps(said))
    assert project.command("gate").returncode == exits.PERSON
    assert project.cauto("resume").returncode == exits.PERSON


def test_a_confirmations_log_that_an_agent_damages_is_put_back_and_told(project: Project) -> None:
    done = project.run(
        **does(
            "next(pathlib.Path('.correctless/artifacts').glob('confirmations-*.jsonl')).write_text('{}\\n')"
        )
    )
    assert done.returncode == exits.PERSON, done.stderr
    assert len(Ledger(project.logs.confirmations).read()) == 1
    assert "confirmations-feature-x" in str(
        [each["original_escalation_reason"] for each in project.decisions()]
    )


HIDE = "subprocess.run(['git', 'update-index', {flag!r}, {path!r}], check=True)"


@pytest.mark.parametrize("flag", ["--assume-unchanged", "--skip-worktree"])
def test_a_step_that_hides_its_work_from_git_has_it_committed_and_a_person_hears_of_it(
    project: Project, git: Git, flag: str
) -> None:
    code = "pathlib.Path('test_old.py').write_text('import unittest  # hidden\\n')\n" + HIDE.format(
        flag=flag, path="test_old.py"
    )
    done = project.run(**does(code))
    assert done.returncode == exits.PERSON, done.stderr
    assert git(project.top, "show", "HEAD:test_old.py") == "import unittest  # hidden"
    [hidden] = [d for d in project.decisions() if "git-hidden" in (d["key"] or "")]
    assert "test_old.py" in hidden["default_applied"]


KILLED = """
import os, signal, sys
from correctless import cli
from correctless.dispatch.step import work
check = work.check
def killed(repo, plan, step, *rest, **more):
    if step.name == "writer":
        os.kill(os.getpid(), signal.SIGKILL)
    return check(repo, plan, step, *rest, **more)
work.check = killed
sys.exit(cli.main(sys.argv[1:]))
"""


def test_hidden_work_needs_a_confirmation_also_when_the_dispatcher_is_killed_before_the_check(
    project: Project, git: Git
) -> None:
    code = HIDE.format(flag="--assume-unchanged", path="test_old.py")
    argv = [sys.executable, "-c", KILLED, "cauto", *project.run_words()]
    subprocess.run(argv, cwd=project.top, env={**project.env, **does(code)}, check=False)
    assert git(project.top, "ls-files", "-v", "test_old.py") == "H test_old.py"  # it is compared again
    assert project.cauto("resume").returncode == exits.PERSON
    [hidden] = [d for d in project.decisions() if "git-hidden" in (d["key"] or "")]
    assert "test_old.py" in hidden["default_applied"]


@pytest.mark.parametrize("flag", ["--assume-unchanged", "--skip-worktree"])
def test_what_a_failed_attempt_hid_from_git_is_taken_back_with_it(
    project: Project, git: Git, flag: str
) -> None:
    code = (
        "if attempt == '1':\n    pathlib.Path('test_old.py').write_text('raise SystemExit(1)\\n')\n    "
        + HIDE.format(flag=flag, path="test_old.py")
    )
    done = project.run(**does(code, "ctdd"))
    assert project.ran()[:2] == ["ctdd#1", "ctdd#2"], done.stderr
    assert (project.top / "test_old.py").read_text() == "import unittest\n"
    left = Path(project.logs.folder(project.state().run), "ctdd-1", "left.patch").read_text()
    assert "+raise SystemExit(1)" in left


@pytest.mark.parametrize("flag", ["--assume-unchanged", "--skip-worktree"])
def test_a_check_that_hides_its_work_from_git_has_it_committed(project: Project, git: Git, flag: str) -> None:
    code = 'pathlib.Path(\'test_hides.py\').write_text(\'import pathlib, subprocess, unittest\\nclass T(unittest.TestCase):\\n    def test(self):\\n        pathlib.Path("test_old.py").write_text("# by the check\\\\n")\\n        subprocess.run(["git", "update-index", "FLAG", "test_old.py"], check=True)\\n\')'
    done = project.run(**does(code.replace("FLAG", flag), "ctdd"))
    assert done.returncode in (exits.OK, exits.PERSON), done.stderr
    assert git(project.top, "show", "HEAD:test_old.py") == "# by the check"


@pytest.mark.sweep(2)
@pytest.mark.parametrize(
    ("way", "fault"),
    [
        ("git symbolic-ref HEAD refs/heads/main", "left the branch feature/x for main"),
        ("git checkout -q --detach", "left the branch feature/x for a detached HEAD"),
        ("git reset -q --soft HEAD~1; git commit -qm mine", "rewrote commits"),
        (
            "echo x >.correctless/artifacts/x; git add -f .correctless/artifacts/x; git commit -qm mine",
            "under version control",
        ),
        ("git init -q in; echo x >in/f", "a repository of its own"),
    ],
)
def test_what_the_agents_tests_may_not_leave_fails_the_check_that_ran_them(
    project: Project, git: Git, tmp_path: Path, way: str, fault: str
) -> None:
    main, spec = git(project.top, "rev-parse", "main"), git(project.top, "rev-parse", "HEAD")
    test = (
        f"import os, subprocess, unittest\nclass T(unittest.TestCase):\n    def test(self):\n"
        f"        if not os.path.exists({str(tmp_path / 'done')!r}):\n"
        f"            open({str(tmp_path / 'done')!r}, 'w').close()\n"
        f"            subprocess.run({way!r}, shell=True, check=True)\n"
    )
    done = project.run(**does(f"pathlib.Path('test_way.py').write_text({test!r})", "ctdd"))
    assert done.returncode == exits.OK, done.stderr
    checks = [item.event for item in project.events() if isinstance(item.event, StepChecked)]
    assert (checks[0].step, checks[0].ok, checks[1].ok) == ("ctdd", False, True)
    assert fault in checks[0].detail
    assert git(project.top, "rev-parse", "main") == main
    git(project.top, "merge-base", "--is-ancestor", spec, "feature/x")
    assert "hello" in git(project.top, "show", "feature/x:greet.py")
    assert git(project.top, "status", "--porcelain") == ""


@pytest.mark.parametrize("flag", ["--assume-unchanged", "--skip-worktree"])
def test_an_untrusted_step_can_not_hide_what_it_may_not_touch(project: Project, git: Git, flag: str) -> None:
    (project.top / ".correctless/config/x.md").write_text("x\n")
    config = json.loads((project.top / ".correctless/config/correctless.yaml").read_text())
    config["pipelines"] = {"default": {"steps": [{"skill": "ctdd"}, {"skill": "simplify"}]}}
    project.write(".correctless/config/correctless.yaml", json.dumps(config))
    git(project.top, "add", ".")
    git(project.top, "commit", "-q", "-m", "x")
    path = ".correctless/config/x.md"
    code = f"pathlib.Path({path!r}).write_text('y')\n" + HIDE.format(flag=flag, path=path)
    done = project.run(**does(code, "simplify"))
    assert done.returncode in (exits.OK, exits.PERSON), done.stderr
    assert git(project.top, "show", f"HEAD:{path}") == "x"
    assert (project.top / path).read_text() == "x\n"


@pytest.mark.parametrize("flag", ["--assume-unchanged", "--skip-worktree"])
def test_a_run_does_not_begin_over_hidden_changes_of_yours(project: Project, git: Git, flag: str) -> None:
    git(project.top, "update-index", flag, "test_old.py")
    (project.top / "test_old.py").write_text("secret\n")
    refused = project.run()
    assert (refused.returncode, "changes that git's index hides (test_old.py)" in refused.stderr) == (
        exits.REFUSED,
        True,
    )
    (project.top / "test_old.py").write_text("import unittest\n")
    assert project.run().returncode != exits.REFUSED


def test_what_a_sparse_checkout_leaves_out_is_no_change_of_the_settings(project: Project, git: Git) -> None:
    git(project.top, "config", "core.sparseCheckout", "true")
    (project.top / ".git/info/sparse-checkout").write_text("/*\n!/test_old.py\n")
    git(project.top, "read-tree", "-mu", "HEAD")
    assert not (project.top / "test_old.py").exists()
    done = project.run()
    assert done.returncode == exits.OK, done.stderr
    assert git(project.top, "show", "HEAD:test_old.py") == "import unittest"
