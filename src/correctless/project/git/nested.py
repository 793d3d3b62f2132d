"""A repository inside the worktree, read without its configuration: its files and objects are only data."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from correctless.base.exits import Stop
from correctless.project.git import Repo
from correctless.project.git.call import dot_git


@contextmanager
def of(top: str, objects: str, form: str, settings: str = "") -> Iterator[Repo]:
    """Yield the files in `top` as a repository with an empty temporary git folder that borrows the store `objects`."""
    with tempfile.TemporaryDirectory(prefix="correctless-", ignore_cleanup_errors=True) as folder:
        git_dir = os.path.join(os.path.realpath(folder), "git")
        repo = Repo(top=top, git_dir=git_dir, common_dir=git_dir, home=top, settings=settings)
        repo.git("init", "--quiet", "--template=", f"--object-format={form}")
        borrow(git_dir, objects)
        yield repo


def borrow(git_dir: str, objects: str) -> None:
    """Let the repository in `git_dir` read the object store `objects`, and never write it."""
    # In quotes git reads escapes: a line break in a name ends no line.
    spelled = objects.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    with open(os.path.join(git_dir, "objects", "info", "alternates"), "wb") as file:
        file.write(os.fsencode(f'"{spelled}"\n'))


@contextmanager
def at(top: str, commit: str, settings: str = "") -> Iterator[Repo | None]:
    """Yield the repository in `top` like that, its index read from `commit`; None where that is impossible."""
    git_dir = dot_git(top)
    if git_dir is None or os.path.islink(top):
        yield None
        return
    form = "sha1" if len(commit) == 40 else "sha256"
    with of(os.path.realpath(top), os.path.join(git_dir, "objects"), form, settings) as repo:
        try:
            repo.git("read-tree", commit)
        except Stop:
            yield None
            return
        yield repo
