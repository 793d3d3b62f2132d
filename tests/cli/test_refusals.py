"""Bad input: one line that says what is wrong and what to do, the right exit code, nothing changed on disk."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Git
from correctless.base import exits
from places import SOURCE
from project import CONFIG, Project


@pytest.fixture
def project(scratch_repo: Path, git) -> Project:  # type: ignore[no-untyped-def]
    return Project(scratch_repo, git)


def snapshot(folder: Path) -> dict[str, str]:
    """Every file below a folder with its bytes; the lock's file and what git keeps for itself are no trace of a run."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name not in ("correctless.lock", "index", "packed-refs"):
            found[str(path.relative_to(folder))] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


Break = Callable[[Project], object]


def commit(project: Project) -> None:
    project.git(project.top, "add", "--all")
    project.git(project.top, "commit", "-q", "-m", "more")


def skill(project: Project, text: str) -> None:
    project.write("skills/mine/SKILL.md", text)
    project.write(
        ".correctless/config/correctless.yaml",
        json.dumps({"pr": "skip", "pipelines": {"default": {"steps": [{"skill": "mine"}]}}}),
    )
    commit(project)


INTERACTIVE = "---\nname: mine\ndescription: d\ninteraction_mode: interactive\n---\n# mine\n"
CONTRACTLESS = "---\nname: mine\ndescription: d\n---\n# mine\n"
NO_SECTION = "---\nname: mine\ndescription: d\ninteraction_mode: hybrid\n---\n# mine\n"


def not_git(project: Project) -> None:
    subprocess.run(["rm", "-rf", str(project.top / ".git")], check=True)


def empty_spec(project: Project) -> None:
    project.write("spec.md", " \n")
    commit(project)


def config(project: Project, text: str) -> None:
    project.write(".correctless/config/correctless.yaml", text)
    commit(project)


CASES: dict[str, tuple[Break, list[str], str]] = {
    "no repository": (not_git, [], "is not in a git worktree"),
    "detached HEAD": (lambda p: p.git(p.top, "switch", "-q", "--detach"), [], "on no branch"),
    "main": (lambda p: p.git(p.top, "switch", "-q", "-C", "main"), [], "is protected"),
    "a release branch": (lambda p: p.git(p.top, "switch", "-q", "-c", "release/1"), [], "is protected"),
    "a protected branch of its own": (
        lambda p: config(p, "pr: skip\nprotected: [feature/*]\n"),
        [],
        "is protected",
    ),
    "dirty": (
        lambda p: p.write("README.md", "changed"),
        [],
        "uncommitted changes (README.md). commit or stash them, or let the run have a worktree of its own: correctless cauto run --worktree",
    ),
    "untracked": (lambda p: p.write("new.txt", "new"), [], "uncommitted changes (new.txt)"),
    "no spec": (lambda p: None, ["--spec", "nothing.md"], "nothing.md can't be read"),
    "empty spec": (empty_spec, [], "is empty"),
    "spec outside": (lambda p: None, ["--spec", "/etc/hostname"], "is outside of"),
    "no agent program": (lambda p: None, ["--agent", "command:./nothing-there.sh"], "nothing-there.sh"),
    "no claude": (lambda p: None, ["--agent", "claude"], "claude"),
    "no gh": (
        lambda p: (
            p.git(p.top, "remote", "add", "origin", "https://github.com/a/b.git"),
            p.git(p.top, "update-ref", "refs/remotes/origin/main", "main"),
            # known, so that nobody is asked
            p.git(p.top, "symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main"),
        ),
        ["--pr", "gh"],
        "gh",
    ),
    "no remote": (lambda p: None, ["--pr", "gh"], "--pr skip"),
    "unknown skill": (
        lambda p: config(
            p, json.dumps({"pr": "skip", "pipelines": {"default": {"steps": [{"skill": "nope"}]}}})
        ),
        [],
        "no skill 'nope'",
    ),
    "a skill that climbs": (
        lambda p: config(
            p, json.dumps({"pr": "skip", "pipelines": {"default": {"steps": [{"skill": "../x"}]}}})
        ),
        [],
        "not a skill's name",
    ),
    "interactive skill": (lambda p: skill(p, INTERACTIVE), [], "mine is interactive"),
    "skill without contract": (lambda p: skill(p, CONTRACTLESS), [], "no valid interaction_mode"),
    "hybrid without section": (lambda p: skill(p, NO_SECTION), [], "Autonomous Defaults"),
    "unknown pipeline": (lambda p: None, ["--pipeline", "nope"], "write one of: default, quick"),
    "unknown key": (lambda p: config(p, "intensty: high\n"), [], "did you mean intensity"),
    "nobody": (lambda p: p.git(p.top, "config", "user.name", ""), [], "who commits here"),
    "broken YAML": (lambda p: config(p, "intensity: [\n"), [], "correctless.yaml"),
}


@pytest.mark.parametrize("name", CASES)
def test_refused_in_one_line_with_nothing_changed(project: Project, name: str) -> None:
    spoil, words, expected = CASES[name]
    spoil(project)
    before = snapshot(project.top)
    path = os.path.dirname(sys.executable) + ":/usr/bin:/bin" if name != "no gh" else _without_gh(project)
    done = project.cauto(*project.run_words(*words), env={"PATH": path})
    assert done.returncode == exits.REFUSED, done.stderr
    assert expected in done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert done.stdout == ""
    assert snapshot(project.top) == before


def _without_gh(project: Project) -> str:
    """A PATH that has git and nothing of gh."""
    folder = project.top.parent / "bin"
    folder.mkdir()
    for program in ("git", "sh", "env"):
        found = subprocess.run(["which", program], capture_output=True, text=True, check=True).stdout.strip()
        (folder / program).symlink_to(found)
    return str(folder)


def test_an_unapproved_spec_is_refused_and_no_agent_can_approve_it(project: Project) -> None:
    words = [word for word in project.run_words() if word not in ("--approve-spec-as", "Ada")]
    before = snapshot(project.top)
    done = project.cauto(*words)
    assert done.returncode == exits.REFUSED
    assert "is not approved. Approve and start it in your own terminal" in done.stderr
    assert (
        f": correctless cauto {shlex.join(words)} " in done.stderr
    )  # the very command, to be typed by a person
    for mark in ("CORRECTLESS_AGENT", "CLAUDECODE"):
        done = project.cauto(*project.run_words(), env={mark: "1"})
        assert done.returncode == exits.REFUSED
        assert "only you may answer" in done.stderr
    assert snapshot(project.top) == before


def test_an_approval_is_bound_to_the_bytes_of_the_spec(project: Project) -> None:
    assert project.run().returncode == exits.PERSON
    assert project.cauto("stop", "--abandon").returncode == 0
    words = [word for word in project.run_words() if word not in ("--approve-spec-as", "Ada")]
    again = project.cauto(*words)  # the approval is on record
    assert again.returncode == exits.PERSON, again.stderr
    assert project.cauto("stop", "--abandon").returncode == 0
    project.write("spec.md", "# Another\n\n- R-001: otherwise\n")
    commit(project)
    assert project.cauto(*words).returncode == exits.REFUSED


def test_a_foreign_log_is_named_and_never_written_to(project: Project) -> None:
    os.makedirs(project.logs.artifacts)
    (project.top / ".correctless/artifacts/.gitignore").write_text("*\n")
    Path(project.logs.decisions).write_text('{"mine": 1}\n')
    before = snapshot(project.top)
    done = project.run()
    assert done.returncode == exits.REFUSED
    assert os.path.basename(project.logs.decisions) in done.stderr
    assert snapshot(project.top) == before


def test_a_locked_run_is_75_and_says_by_whom(project: Project) -> None:
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys; from correctless.project import lock; from correctless.project import git; l = lock.Lock.take(git.find('.'), 'a test'); print('held', flush=True); sys.stdin.read()",
        ],
        cwd=project.top,
        env={**project.env, "PYTHONPATH": str(SOURCE)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert holder.stdout is not None
        holder.stdout.readline()
        project.write("being-made.txt", "by the agent of the run that has the lock")
        before = snapshot(project.top)
        done = project.run()
        assert done.returncode == exits.LOCKED
        assert f"process {holder.pid}, a test" in done.stderr
        assert snapshot(project.top) == before
    finally:
        holder.communicate()


@pytest.mark.parametrize("words", [["resume"], ["status"]])
def test_there_is_no_run_to_speak_of(project: Project, words: list[str]) -> None:
    done = project.cauto(*words)
    assert done.returncode == exits.REFUSED
    assert "no run found on this branch" in done.stderr


@pytest.mark.parametrize("agent", ["gpt", "command:", "replay:", "claude:x"])
def test_an_unknown_agent_is_a_wrong_use(project: Project, agent: str) -> None:
    done = project.cauto(*project.run_words("--agent", agent))
    assert done.returncode == exits.USAGE, done.stderr


def test_a_worktree_of_a_refused_run_goes_again(project: Project) -> None:
    before = snapshot(project.top)
    done = project.cauto(*project.run_words("--worktree", "feature/z", "--pipeline", "nope"))
    assert done.returncode == exits.REFUSED
    assert list(project.top.parent.glob("project-*z*")) == []
    assert project.git(project.top, "branch", "--list", "feature/z") == ""
    assert snapshot(project.top) == before


def test_without_a_test_command_the_untested_work_is_a_persons_decision(scratch_repo: Path, git) -> None:  # type: ignore[no-untyped-def]
    project = Project(scratch_repo, git, config={"pipelines": CONFIG["pipelines"]})
    done = project.run()
    assert done.returncode == exits.PERSON, done.stderr
    assert "simplify" not in "".join(project.ran())
    assert "no commands.test" in done.stderr
    assert [d["key"].rpartition("/")[2] for d in project.decisions() if d["source"] == "synthesized"] == [
        "sno-check"
    ]


def test_a_link_in_a_skills_folder_is_not_followed_into_the_frozen_copy(
    project: Project, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("token")
    text = "---\nname: mine\ndescription: d\ninteraction_mode: autonomous\n---\n# mine\n\n## Autonomous Defaults\n\n"
    project.write("skills/mine/references/real.md", "read me")
    (project.top / "skills/mine/references/link.md").symlink_to(tmp_path / "secret")
    skill(project, text + "- **AD-001**: What — that (default). Rationale: so.\n")
    project.run()
    frozen = Path(project.logs.folder(project.state().run), "frozen", "mine")
    assert sorted(str(path.relative_to(frozen)) for path in frozen.rglob("*.md")) == [
        "SKILL.md",
        "references/real.md",
    ]


@pytest.mark.parametrize(
    ("setup", "code"),
    [(["sh", "-c", "echo no room >&2; exit 4"], exits.REFUSED), (["touch", "set-up"], exits.PERSON)],
)
def test_a_worktree_is_set_up_or_taken_away_again(
    scratch_repo: Path, git: Git, setup: list[str], code: int
) -> None:
    config = {**CONFIG, "worktree_setup": setup}
    project = Project(scratch_repo, git, config=config)
    (scratch_repo / ".git/info/exclude").write_text("set-up\n")
    done = project.cauto(*project.run_words("--worktree", "feature/z"))
    assert done.returncode == code, done.stderr
    made = list(project.top.parent.glob("project-feature-z*"))
    if code == exits.REFUSED:
        assert "ended with 4: no room" in done.stderr
        assert made == []
        assert project.git(project.top, "branch", "--list", "feature/z") == ""
    else:
        assert (made[0] / "set-up").exists()
