"""The proofs before a run: what holds, what does not and what to do about it; each by trying."""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

import correctless
import terminal
from conftest import Git
from correctless.dispatch.control import start
from correctless.dispatch.control.preflight import Proof, proofs
from correctless.project.git import find
from correctless.runlog.events import RunStarted
from programs import claude_program
from project import Project
from scripted_model import Reply, ScriptedModel


def tried(project: Project, **flags: Any) -> dict[str, Proof]:
    request = start.Request("spec.md", flags={"agent": f"command:{project.agent}", **flags})
    ready = start.prepare(find(str(project.top)), str(project.top), request, project.env)
    found = [prove() for prove in proofs(ready, project.env)]
    return {proof.what.split()[0]: proof for proof in found}


def of(top: Path, git: Git, *, test: str = "", **more: Any) -> Project:
    return Project(top, git, config={"commands": {"test": [sys.executable, "-c", test]}, **more})


def test_a_project_in_order_holds_and_nothing_is_written(scratch_repo: Path, git: Git) -> None:
    project = of(scratch_repo, git)
    before = git(scratch_repo, "status", "--porcelain", "--ignored")
    found = tried(project)
    assert [proof.ok for proof in found.values()] == [True, True]
    assert "not started" in found["agent"].result
    assert git(scratch_repo, "status", "--porcelain", "--ignored") == before
    assert not project.ran()


def test_a_red_test_command_is_found_before_the_first_step(scratch_repo: Path, git: Git) -> None:
    test = "import sys; print('.F  [100%]\\n\\n1 failed, 3 passed\\n'); sys.exit('the old bug\\n')"
    found = tried(of(scratch_repo, git, test=test))[sys.executable]
    said, _, path = found.result.removesuffix(")").partition(" (its output: ")
    assert (found.ok, said) == (False, "it ended with 1: 1 failed, 3 passed; the old bug")
    assert Path(path).read_text() == ".F  [100%]\n\n1 failed, 3 passed\n\nthe old bug\n\n"
    os.unlink(path)
    assert found.fix


def test_a_red_test_command_that_says_nothing_is_said_to_say_nothing(scratch_repo: Path, git: Git) -> None:
    found = tried(of(scratch_repo, git, test="raise SystemExit(4)"))[sys.executable]
    assert found.result == "it ended with 4: without output"


def test_a_test_command_that_leaves_files_behind_is_found_each_time_it_is_tried(
    scratch_repo: Path, git: Git
) -> None:
    project = of(scratch_repo, git, test="open('junk', 'w').write('result')")
    for _ in range(2):  # what a trial made is no uncommitted change of yours
        found = tried(project)[sys.executable]
        moved = re.fullmatch(r"it passed and left junk behind, moved to (.*)", found.result)
        assert moved, found.result
        assert (found.ok, found.fix) == (False, "add junk to .gitignore: each step would commit it")
        assert (Path(moved[1]) / "junk").read_text() == "result"
        shutil.rmtree(moved[1])
    assert git(scratch_repo, "status", "--porcelain") == ""


def test_caches_that_a_test_command_leaves_are_removed_again_and_a_warning(
    scratch_repo: Path, git: Git
) -> None:
    test = (
        "import os; os.makedirs('pkg/node_modules/deep'); open('pkg/node_modules/deep/a.pyc', 'w'); "
        "os.mkdir('.pytest_cache'); open('.pytest_cache/x', 'w'); os.symlink('/', '.pytest_cache/root')"
    )
    project = of(scratch_repo, git, test=f"{test}; raise SystemExit(os.path.exists('red'))")
    for _ in range(2):
        found = tried(project)[sys.executable]
        assert (found.ok, found.warning) == (True, True)
        assert ".pytest_cache/ and 1 more" in found.result
        assert not (scratch_repo / "pkg/node_modules").exists()
    project.write("red", "")
    git(scratch_repo, "add", "red")
    git(scratch_repo, "commit", "-q", "-m", "red")
    for _ in range(2):  # a failing one leaves them too
        found = tried(project)[sys.executable]
        assert "it ended with 1" in found.result


def test_a_test_command_that_changes_a_tracked_file_is_found_and_the_file_is_left(
    scratch_repo: Path, git: Git
) -> None:
    found = tried(of(scratch_repo, git, test="open('spec.md', 'a').write('x')"))[sys.executable]
    assert (found.ok, found.result) == (False, "it passed and changed spec.md")
    assert (scratch_repo / "spec.md").read_text().endswith("x")


def test_the_test_command_gets_no_credentials(scratch_repo: Path, git: Git) -> None:
    project = of(
        scratch_repo,
        git,
        test="import os; assert 'GH_TOKEN' not in os.environ and os.environ['CORRECTLESS_AGENT']",
    )
    project.env["GH_TOKEN"] = "secret"
    assert tried(project)[sys.executable].ok


@pytest.mark.parametrize(("program", "holds"), [("false", False), ("signer", True)])
def test_a_commit_that_can_not_be_signed_is_found(
    scratch_repo: Path, git: Git, tmp_path: Path, program: str, holds: bool
) -> None:
    project = of(scratch_repo, git)
    signer = tmp_path / "signer"
    signer.write_text("#!/bin/sh\ncat >/dev/null\necho '[GNUPG:] SIG_CREATED ' >&2\necho signature\n")
    signer.chmod(0o755)
    git(scratch_repo, "config", "commit.gpgsign", "true")
    git(scratch_repo, "config", "gpg.program", str(signer) if program == "signer" else "false")
    head = git(scratch_repo, "rev-parse", "HEAD")
    found = tried(project)["a"]
    assert (found.ok, bool(found.fix)) == (holds, not holds)
    assert git(scratch_repo, "rev-parse", "HEAD") == head


CONVENTIONAL = "#!/bin/sh\ngrep -qE '^(feat|fix|chore)(\\([a-z]+\\))?: ' \"$1\" || { echo 'not a conventional commit' >&2; exit 1; }\n"


def test_a_message_that_an_old_git_cannot_try_is_a_warning_and_no_success(
    scratch_repo: Path, git: Git, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = of(scratch_repo, git)
    hook = scratch_repo / ".git/hooks/commit-msg"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    old = tmp_path / "bin" / "git"  # as git before 2.36 answers
    old.parent.mkdir()
    old.write_text(
        "#!/bin/sh\nfor word; do case $word in hook) echo \"git: 'hook' is not a git command\" >&2; exit 1 ;; esac; done\n"
        f'exec {shutil.which("git")} "$@"\n'
    )
    old.chmod(0o755)
    monkeypatch.setenv("PATH", f"{old.parent}:{os.environ['PATH']}")
    request = start.Request("spec.md", flags={"agent": f"command:{project.agent}"})
    ready = start.prepare(find(str(project.top)), str(project.top), request, project.env)
    [said] = [p for p in (prove() for prove in proofs(ready, project.env)) if "commit message" in p.what]
    assert (said.ok, said.warning, "not tried" in said.result) == (True, True, True)


@pytest.mark.parametrize("folder", [".git/hooks", ".husky"])
@pytest.mark.parametrize(
    ("form", "taken"), [("{step}: {title}", False), ("chore({step}): {title} {branch}", True)]
)
def test_the_commit_message_is_tried_with_the_repositorys_hooks(
    scratch_repo: Path, git: Git, folder: str, form: str, taken: bool
) -> None:
    path = scratch_repo / folder / "commit-msg"
    path.parent.mkdir(exist_ok=True)
    path.write_text(CONVENTIONAL)
    path.chmod(0o755)
    if folder == ".husky":
        git(scratch_repo, "config", "core.hooksPath", folder)
    with_hooks_off = ("-c", "core.hooksPath=/dev/null")
    project = of(scratch_repo, lambda top, *args: git(top, *with_hooks_off, *args), commit={"message": form})
    found = tried(project)["the"]
    assert found.ok is taken
    assert ("not a conventional commit" in found.result) is not taken
    assert taken or "commit: {message:" in found.fix
    assert (scratch_repo / ".git" / "COMMIT_EDITMSG").read_text() == "a spec\n"


@pytest.mark.parametrize("refuses", [False, True])
def test_a_push_is_tried_and_nothing_arrives(
    scratch_repo: Path, git: Git, tmp_path: Path, refuses: bool
) -> None:
    project = of(scratch_repo, git, pr=["./open-it"])
    git(tmp_path, "init", "-q", "--bare", "-b", "main", "origin.git")
    git(scratch_repo, "remote", "add", "origin", str(tmp_path / "origin.git"))
    git(scratch_repo, "push", "-q", "origin", "main")
    if refuses:
        git(scratch_repo, "remote", "set-url", "--push", "origin", str(tmp_path / "gone.git"))
    found = tried(project)["git"]
    assert found.ok != refuses
    assert git(tmp_path / "origin.git", "branch", "--list", "feature/x") == ""


@pytest.mark.parametrize("there", [False, True])
def test_the_programs_of_pr_and_notify_are_looked_for_before_the_start(
    scratch_repo: Path, git: Git, tmp_path: Path, there: bool
) -> None:
    tool = tmp_path / "tool"
    if there:
        tool.write_text("#!/bin/sh\n")
        tool.chmod(0o755)
    project = of(scratch_repo, git, pr=[str(tool)], notify=[str(tool)])
    request = start.Request("spec.md", flags={"agent": f"command:{project.agent}"})
    ready = start.prepare(find(str(project.top)), str(project.top), request, project.env)
    looked = {p.what: p for p in (prove() for prove in proofs(ready, project.env)) if "command of" in p.what}
    command, told = looked[f"the command of pr, {tool}"], looked[f"the command of notify, {tool}"]
    assert (command.ok, told.ok, told.warning) == (there, True, not there)


def test_ask_is_said_to_be_defer_for_an_agent_that_cannot_continue_a_session(
    scratch_repo: Path, git: Git
) -> None:
    steps, usage = [{"skill": "cverify"}], {"five_hours": 90, "seven_day": 80, "weekly_x": 5}
    agent = f"command:{scratch_repo.parent}/agent.py"
    project = of(
        scratch_repo,
        git,
        agent=agent,
        on_escalation="ask",
        stop_at_usage=usage,
        pipelines={"default": {"steps": steps}},
    )
    said = project.cauto("check", "--spec", "spec.md").stdout
    assert (
        "WARNING    stop_at_usage has 'five_hours', which no account reports. did you mean five_hour?" in said
    )
    assert "weekly" not in said  # a later client may know more
    assert "WARNING    on_escalation: ask asks nothing in cverify, whose agent" in said
    other = project.cauto("check", "--spec", "spec.md", "--on-escalation", "defer").stdout
    assert ("cverify" in other, "ask asks" in other) == (True, False)


@pytest.mark.real
@pytest.mark.parametrize(("reply", "said"), [(Reply("OK"), ""), (Reply("no", status=401), "authentication")])
def test_one_turn_of_the_real_client_is_tried(scratch_repo: Path, git: Git, reply: Reply, said: str) -> None:
    project = of(scratch_repo, git)
    with ScriptedModel({"": [reply]}) as model:
        project.env |= {**model.environment, "CORRECTLESS_CLAUDE": claude_program()}
        found = tried(project, agent="claude")["one"]
        assert len(model.requests) >= 1
    assert (found.ok, said in found.result) == (not said, True), found
    assert os.listdir(scratch_repo / ".correctless") == ["config"]


@pytest.mark.real
def test_the_guard_is_seen_to_deny_in_the_client_and_with_the_flags_of_the_run(
    scratch_repo: Path, git: Git, tmp_path: Path
) -> None:
    project = of(scratch_repo, git)
    with ScriptedModel({}) as model:
        project.env |= {**model.environment, "CORRECTLESS_CLAUDE": claude_program()}
        found = tried(project, agent="claude")["the"]
        assert found == Proof("the guard in that client", "denied a trial call of Bash")
        assert len(model.requests) == 1  # the other turn: the trial call needs no model
        # A client whose hooks are off, whoever saw to it.
        deaf = tmp_path / "claude"
        deaf.write_text(
            f"#!{sys.executable} -I\nimport os, sys\nwords = sys.argv[1:]\n"
            "if '--settings' in words:\n    words[words.index('--settings') + 1] = '{\"disableAllHooks\":true}'\n"
            f"os.execv({claude_program()!r}, [{claude_program()!r}, *words])\n"
        )
        deaf.chmod(0o755)
        project.env["CORRECTLESS_CLAUDE"] = str(deaf)
        found = tried(project, agent="claude")["the"]
    assert not found.ok
    assert "was not denied" in found.result
    assert "managed setting" in found.fix


WORDS = ("run", "--spec", "spec.md", "--approve-spec-as", "Ada")


def test_a_run_tries_all_it_needs_before_it_starts_and_the_log_names_it(scratch_repo: Path, git: Git) -> None:
    project = of(scratch_repo, git, pipelines={"default": {"steps": [{"skill": "ctdd"}]}})
    done = project.cauto(*WORDS, "--agent", f"command:{project.agent}")
    assert done.returncode == 0, done.stderr
    assert "ok   " in done.stderr
    [started] = [item.event for item in project.events() if isinstance(item.event, RunStarted)]
    assert started.tried == (f"{sys.executable} -c  on the base commit", f"agent command:{project.agent}")


def test_where_something_fails_no_run_starts_and_everything_that_failed_is_told(
    scratch_repo: Path, git: Git
) -> None:
    project = of(scratch_repo, git, test="raise SystemExit('the old bug')", pr=["./open-it"])
    done = project.cauto(*WORDS, "--agent", f"command:{project.agent}")
    assert done.returncode == 3
    failed = [line for line in done.stderr.splitlines() if line.startswith("FAILED")]
    assert len(failed) == 3  # the tests, the push, and the program of pr
    assert re.search(r"the old bug \(its output: .*\) \(and 2 more\)", done.stderr.splitlines()[-1])
    assert "--no-check" in done.stderr.splitlines()[-1]
    assert not os.path.exists(project.logs.run)
    assert not project.ran()
    unnamed = project.cauto("run", "--spec", "spec.md", "--agent", f"command:{project.agent}")
    assert (unnamed.returncode, "is not approved" in unnamed.stderr) == (3, True)
    assert "FAILED" not in unnamed.stderr  # nothing is tried for a run that nobody can approve
    words = ["cauto", "run", "--spec", "spec.md", "--agent", f"command:{project.agent}"]
    code, shown = project.on_terminal(*words)
    assert (code, "FAILED" in shown, "approve this spec" in shown) == (3, True, False)


def test_at_a_terminal_you_approve_after_the_trials_and_only_what_is_still_there(
    scratch_repo: Path, git: Git
) -> None:
    project = of(scratch_repo, git, pipelines={"default": {"steps": [{"skill": "ctdd"}]}})
    words = ["cauto", "run", "--spec", "spec.md", "--agent", f"command:{project.agent}"]
    child = terminal.spawn([*correctless.itself(), *words], project.top, project.env)
    child.expect("ok  .*base commit: it passed.*R-002: greet")

    def yes() -> str:
        git(scratch_repo, "commit", "-q", "--allow-empty", "-m", "meanwhile")
        return "y"

    code, shown = terminal.typed(child, (("approve this spec", yes),))
    assert (code, "changed since the plan was made" in shown) == (3, True), shown
    assert not os.path.exists(project.logs.run)
    assert not os.path.exists(project.logs.confirmations)  # no approval of what you did not see


def test_a_client_that_does_not_know_a_flag_is_found_before_the_first_step(
    scratch_repo: Path, git: Git, tmp_path: Path
) -> None:
    client = tmp_path / "claude"
    client.write_text(
        "#!/bin/sh\n[ \"$1\" = --version ] && { echo '2.1.329 (Claude Code)'; exit; }\n"
        "echo \"error: unknown option '--max-turns'\" >&2\nexit 1\n"
    )
    client.chmod(0o755)
    project = of(scratch_repo, git)
    done = project.cauto(*WORDS, "--agent", "claude", env={"CORRECTLESS_CLAUDE": str(client)})
    assert done.returncode == 3
    assert "unknown option '--max-turns'. use a tested version" in done.stderr
    assert not os.path.exists(project.logs.run)
