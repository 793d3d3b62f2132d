"""A merge on trial: real repositories, and programs that a repository names for merges, which must not run."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from conftest import Git
from correctless.base.exits import Stop
from correctless.project.git import find
from correctless.project.git.trial_merge import TriedMerge, try_merge

HOSTILE = ("@ann #1 <b>", "two\nlines", "\x1b[31mred", "-z", 'quo"te', "tab\there", "back\\slash", "café")


def tried(top: Path) -> TriedMerge:
    repo = find(str(top))
    return try_merge(repo, repo.resolve("main"), repo.resolve("feature/x"))


def diverge(top: Path, git: Git, *names: str, ours: str = "ours\n", theirs: str = "theirs\n") -> None:
    """Give main and feature/x, which is checked out, their own content of the files."""
    for branch, text in (("main", theirs), ("feature/x", ours)):
        git(top, "switch", "-q", branch)
        for name in names:
            (top / name).write_text(text)
        git(top, "add", "--all")
        git(top, "commit", "-q", "-m", branch)


def whole(top: Path) -> dict[str, bytes]:
    """Every file of a repository: worktree, index, refs and objects."""
    return {str(path): path.read_bytes() for path in top.rglob("*") if path.is_file()}


def test_branches_that_change_other_files_merge_cleanly(scratch_repo: Path, git: Git) -> None:
    diverge(scratch_repo, git, "same.txt", ours="same\n", theirs="same\n")
    assert tried(scratch_repo) == TriedMerge(True)


def test_conflicting_files_are_named_whatever_their_names_and_nothing_is_written(
    scratch_repo: Path, git: Git
) -> None:
    diverge(scratch_repo, git, *HOSTILE)
    undecodable = os.fsencode(scratch_repo) + b"/\xff"
    for branch in (b"main", b"feature/x"):
        git(scratch_repo, "switch", "-q", branch.decode())
        Path(os.fsdecode(undecodable)).write_bytes(branch)
        git(scratch_repo, "add", "--all")
        git(scratch_repo, "commit", "-q", "-m", "more")
    before = whole(scratch_repo)
    merged = tried(scratch_repo)
    assert not merged.clean
    assert sorted(merged.conflicts) == sorted([*HOSTILE, os.fsdecode(b"\xff")])
    assert whole(scratch_repo) == before


@pytest.mark.parametrize("where", ["repository", "user", "variable"])
def test_no_program_that_attributes_and_configuration_name_runs(
    scratch_repo: Path, git: Git, tmp_path: Path, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    witness = tmp_path / "witness"
    program = f"touch {witness}; cat %A; true"
    (scratch_repo / ".gitattributes").write_text("* merge=evil filter=evil text\n")
    named = {"merge.evil.driver": program, "merge.default": "evil", "filter.evil.smudge": program}
    for n, (key, value) in enumerate(named.items()):
        if where == "variable":
            monkeypatch.setenv(f"GIT_CONFIG_KEY_{n}", key)
            monkeypatch.setenv(f"GIT_CONFIG_VALUE_{n}", value)
            monkeypatch.setenv("GIT_CONFIG_COUNT", str(n + 1))
        elif key != "filter.evil.smudge":
            git(scratch_repo, "config", *(["--global"] if where == "user" else []), key, value)
    hook = scratch_repo / ".git" / "hooks" / "post-index-change"
    hook.write_text(f"#!/bin/sh\ntouch {witness}\n")
    diverge(scratch_repo, git, ".gitattributes", ours="* merge=evil\n", theirs="* merge=evil \n")
    diverge(scratch_repo, git, "file")
    hook.chmod(0o755)
    witness.unlink(missing_ok=True)
    assert tried(scratch_repo).conflicts == (".gitattributes", "file")
    assert not witness.exists()
    # The same merge by git itself does run it.
    plain = ["git", "merge-tree", "--write-tree", "main", "feature/x"]
    subprocess.run(plain, cwd=scratch_repo, capture_output=True, check=False)
    assert witness.exists()


def test_a_linked_worktree_and_the_other_hash_are_tried_too(tmp_path: Path, git: Git) -> None:
    top = tmp_path / "sha256"
    git(tmp_path, "init", "-q", "-b", "main", "--object-format=sha256", str(top))
    git(top, "commit", "-q", "--allow-empty", "-m", "start")
    git(top, "branch", "feature/x")
    diverge(top, git, "file")
    git(top, "switch", "-q", "--detach")
    git(top, "worktree", "add", "-q", str(tmp_path / "linked"), "feature/x")
    assert tried(tmp_path / "linked").conflicts == ("file",)


def test_a_shallow_clone_is_tried_as_far_as_its_commits_reach(
    scratch_repo: Path, git: Git, tmp_path: Path
) -> None:
    diverge(scratch_repo, git, "file")
    git(tmp_path, "clone", "-q", "--depth=2", "--no-single-branch", f"file://{scratch_repo}", "deep")
    git(tmp_path / "deep", "branch", "-q", "main", "origin/main")
    assert tried(tmp_path / "deep").conflicts == ("file",)
    git(tmp_path, "clone", "-q", "--depth=1", "--no-single-branch", f"file://{scratch_repo}", "flat")
    git(tmp_path / "flat", "branch", "-q", "main", "origin/main")
    with pytest.raises(Stop, match="unrelated histories"):
        tried(tmp_path / "flat")


def test_an_older_git_is_named_and_nothing_is_called_clean(
    scratch_repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    older = tmp_path / "bin" / "git"
    older.parent.mkdir()
    # What 2.30 does: it has merge-tree, without --write-tree.
    older.write_text(
        '#!/bin/sh\ncase "$*" in *merge-tree*) echo "usage: git merge-tree <base-tree>" >&2; exit 129;;\n'
        f'*" version") echo "git version 2.30.2"; exit 0;; esac\nexec {shutil.which("git")} "$@"\n'
    )
    older.chmod(0o755)
    monkeypatch.setenv("PATH", f"{older.parent}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(Stop, match=r"git version 2\.30\.2 can't merge on trial"):
        tried(scratch_repo)
