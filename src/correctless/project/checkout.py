"""A commit checked out in a folder of its own, away from every worktree: nothing lies in it but what the commit holds."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from correctless.project.git import Repo
from correctless.project.git.nested import borrow

# Large files of an extension are fetched from a remote, which a checkout of its own does not have.
_ENV = {"GIT_LFS_SKIP_SMUDGE": "1"}


@contextmanager
def of(repo: Repo, commit: str) -> Iterator[Repo]:
    """A repository with this commit on a detached HEAD, gone when the block ends; `Stop(3)` when git can't make it.

    It borrows the objects, and neither configuration nor attributes, hooks, remotes or branches.
    """
    with _empty(repo) as made:
        made.git("checkout", "--quiet", "--detach", commit, env=_ENV)
        yield made


@contextmanager
def of_files(repo: Repo, commit: str, paths: Iterable[str]) -> Iterator[Repo]:
    """The same with these files alone, as a checkout of the commit writes them: line ends and the like as its attributes say."""
    with _empty(repo) as made:
        made.git("read-tree", commit)
        made.git("checkout-index", "-z", "--stdin", stdin="".join(f"{path}\0" for path in paths), env=_ENV)
        yield made


@contextmanager
def _empty(repo: Repo) -> Iterator[Repo]:
    objects = repo.git("rev-parse", "--path-format=absolute", "--git-path", "objects")
    form = repo.git("rev-parse", "--show-object-format")
    with tempfile.TemporaryDirectory(prefix="correctless-", ignore_cleanup_errors=True) as folder:
        top = os.path.join(os.path.realpath(folder), os.path.basename(repo.top))
        os.mkdir(top)
        git_dir = os.path.join(top, ".git")
        made = Repo(top=top, git_dir=git_dir, common_dir=git_dir, home=top)
        made.git("init", "--quiet", "--template=", f"--object-format={form}")
        borrow(git_dir, objects)
        yield made
