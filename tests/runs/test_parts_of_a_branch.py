"""What a push of a branch does not bring along, so that a fresh clone lacks it: found before a run starts."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from conftest import Git, begun
from correctless.base import exits
from project import CONFIG, Project

OPENS = ["python3", "-c", "print('https://example.invalid/1')"]
STEPS = {**CONFIG, "pipelines": {"default": {"steps": [{"skill": "cdocs"}]}}, "pr": OPENS}


@pytest.fixture
def with_lib(scratch_repo: Path, tmp_path: Path, git: Git) -> Project:
    """A project with a submodule, whose commit is on its remote."""
    git(tmp_path, "config", "--global", "protocol.file.allow", "always")
    for name in ("origin.git", "lib.git"):
        git(tmp_path, "init", "-q", "--bare", "-b", "main", name)
    begun(tmp_path / "lib", git)
    git(tmp_path / "lib", "push", "-q", str(tmp_path / "lib.git"), "main")
    git(scratch_repo, "submodule", "-q", "add", f"file://{tmp_path}/lib.git", "lib")
    git(scratch_repo, "remote", "add", "origin", str(tmp_path / "origin.git"))
    git(scratch_repo, "push", "-q", "origin", "main")
    return Project(scratch_repo, git, config=STEPS)


def at_new_commit(project: Project) -> str:
    lib = project.top / "lib"
    project.git(lib, "commit", "-q", "--allow-empty", "-m", "made here")
    project.git(project.top, "commit", "-qam", "a newer lib")
    return project.git(lib, "rev-parse", "HEAD")


def test_a_submodules_commit_that_is_in_no_remote_is_refused_with_the_command_that_pushes_it(
    with_lib: Project,
) -> None:
    commit = at_new_commit(with_lib)
    done = with_lib.run()
    assert done.returncode == exits.REFUSED
    fix = f"git -C lib push origin {commit}:refs/heads/BRANCH"
    assert fix in done.stderr
    assert with_lib.ran() == []
    with_lib.git(with_lib.top, *fix.replace("BRANCH", "newer").split()[1:])
    assert with_lib.run().returncode == exits.PERSON


def test_a_submodules_commit_that_only_its_remote_knows_by_a_ref_is_taken(
    with_lib: Project, tmp_path: Path
) -> None:
    commit = at_new_commit(with_lib)
    with_lib.git(
        with_lib.top / "lib", "push", "-q", f"file://{tmp_path}/lib.git", f"{commit}:refs/pull/1/head"
    )
    done = with_lib.run()
    assert done.returncode == exits.PERSON, done.stderr


def test_a_submodule_that_is_not_checked_out_is_not_asked_about(
    with_lib: Project, tmp_path: Path, git: Git
) -> None:
    git(tmp_path, "clone", "-q", str(with_lib.top), "second")
    git(tmp_path / "second", "remote", "set-url", "origin", str(tmp_path / "origin.git"))
    git(tmp_path / "second", "remote", "set-head", "origin", "--delete")
    again = Project.found(tmp_path / "second", git)
    done = again.run()
    assert done.returncode == exits.PERSON, done.stderr


@pytest.mark.parametrize("folder", ["", "assets/deep/"])
def test_files_in_git_lfs_without_git_lfs_are_refused_with_the_fix(
    scratch_repo: Path, tmp_path: Path, git: Git, folder: str
) -> None:
    (scratch_repo / folder).mkdir(parents=True, exist_ok=True)
    (scratch_repo / f"{folder}.gitattributes").write_text("*.bin filter=lfs diff=lfs merge=lfs -text\n")
    project = Project(scratch_repo, git, config={**STEPS, "pr": "skip"})
    # A machine without the program: git alone.
    (tmp_path / "bin").mkdir()
    os.symlink(str(shutil.which("git")), tmp_path / "bin" / "git")
    done = project.run(PATH=str(tmp_path / "bin"))
    assert done.returncode == exits.REFUSED, done.stderr
    for text in (f"{folder}.gitattributes", "git-lfs is not installed", "git lfs install && git lfs pull"):
        assert text in done.stderr
    assert project.ran() == []
