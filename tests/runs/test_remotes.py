"""Remotes as clones have them: without a default branch, and with a branch that was deleted there."""

from __future__ import annotations

from pathlib import Path

import pytest

from conftest import Git
from correctless.base import exits
from project import CONFIG, Project

OPENS = ["python3", "-c", "import json,sys; print('https://example.invalid/' + json.load(sys.stdin)['base'])"]
ONE_STEP = {"pipelines": {"default": {"steps": [{"skill": "cdocs"}]}}, "pr": OPENS}


@pytest.fixture
def origin(tmp_path: Path, git: Git) -> Path:
    git(tmp_path, "init", "-q", "--bare", "-b", "trunk", "origin.git")
    return tmp_path / "origin.git"


@pytest.fixture
def project(scratch_repo: Path, git: Git, origin: Path) -> Project:
    """A remote that was added by hand, so that the clone doesn't know its default branch, which is trunk."""
    git(scratch_repo, "remote", "add", "origin", str(origin))
    git(scratch_repo, "push", "-q", "origin", "main:trunk", "main")
    return Project(scratch_repo, git, config={**CONFIG, **ONE_STEP})


def published(project: Project) -> None:
    done = project.run()
    assert done.returncode == exits.PERSON, done.stderr
    assert project.review(answer="{digest}")[0] == exits.OK
    done = project.cauto("resume")
    assert done.returncode == exits.OK, done.stderr


def test_the_remote_is_asked_for_the_default_branch_that_a_clone_does_not_know(project: Project) -> None:
    published(project)
    assert project.state().url == "https://example.invalid/trunk"


def test_a_default_branch_that_was_renamed_on_the_remote_is_not_taken_from_the_old_clone(
    project: Project,
) -> None:
    project.git(project.top, "symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/old")
    published(project)
    assert project.state().url == "https://example.invalid/trunk"


def test_a_remote_that_cannot_be_asked_is_refused_with_the_fix_and_not_guessed(
    project: Project, origin: Path
) -> None:
    origin.rename(origin.with_name("moved.git"))
    done = project.run()
    assert done.returncode == exits.REFUSED
    for text in ("target: main", "git remote set-head origin --auto"):
        assert text in done.stderr
    assert project.ran() == []


def test_a_run_does_not_start_on_the_default_branch_that_only_the_remote_knows(project: Project) -> None:
    project.git(project.top, "branch", "-m", "trunk")
    done = project.run()
    assert (done.returncode, "protected" in done.stderr) == (exits.REFUSED, True)
    assert project.ran() == []


def test_a_branch_that_was_deleted_on_the_remote_is_pushed_anew(project: Project, origin: Path) -> None:
    project.git(project.top, "push", "-q", "origin", "feature/x")
    project.git(origin, "update-ref", "-d", "refs/heads/feature/x")
    published(project)
    assert project.git(origin, "rev-parse", "feature/x") == project.git(project.top, "rev-parse", "HEAD")


def test_a_branch_that_others_moved_is_still_not_overwritten(project: Project, origin: Path) -> None:
    project.git(project.top, "push", "-q", "origin", "feature/x")
    project.git(origin, "update-ref", "refs/heads/feature/x", "main")
    project.run()
    assert project.review(answer="{digest}")[0] == exits.OK
    done = project.cauto("resume")
    assert (done.returncode, "someone pushed" in done.stderr) == (exits.REFUSED, True)
