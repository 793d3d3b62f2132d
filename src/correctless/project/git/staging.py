"""Staging of a whole worktree, and the files that git silently omits from every commit."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from correctless.base import below, exits
from correctless.base.exits import Stop
from correctless.project.git.call import error_line

if TYPE_CHECKING:
    from correctless.project.git import Repo, WorktreeStatus


def stage(repo: Repo, status: WorktreeStatus | None = None, env: Mapping[str, str] | None = None) -> None:
    """Stage all that differs, but no repositories inside this one; `status` is the worktree's, if already read.

    Raises: `Stop(3)` where git omits a path.
    """
    paths = _stage(repo, status or repo.status(env=env), env)
    if paths:
        more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
        raise Stop(
            exits.REFUSED,
            f"git commits no file of the name {paths[0]}{more}. move it out of {repo.top}, or rename it, "
            "then continue with: correctless cauto resume",
        )


def refused(repo: Repo, status: WorktreeStatus | None = None) -> tuple[str, ...]:
    """Return the paths git omits from every commit, by staging all into a copy of the index."""
    status = status or repo.status()
    if not _unstaged(status):
        return ()
    try:
        known = below.read(os.path.join(repo.git_dir, "index"))
    except OSError:
        known = b""
    with repo.scratch_index(known) as env:
        return _stage(repo, status, env)


def refused_commit(repo: Repo, base: str) -> str | None:
    """Return git's error about the first commit since `base` with a path it puts in no index; None without one."""
    with repo.scratch_index() as env:
        for commit in repo.git("rev-list", "--reverse", f"{base}..HEAD").split():
            done = repo.try_git("read-tree", commit, env=env)
            if done.returncode != 0:
                return f"{commit[:12]}: {error_line(done)}"
    return None


def _stage(repo: Repo, status: WorktreeStatus, env: Mapping[str, str] | None) -> tuple[str, ...]:
    # Not `git add --all`: it runs git in each of them, by their own configuration, and no option prevents that.
    paths = _unstaged(status)
    if not paths:
        return ()
    # All stages of a conflict are removed, and the files of a folder that became a link: git would refuse to read those.
    beyond = {path for path in paths if beyond_link(repo.top, path)}
    _update(repo, ("--force-remove",), sorted(status.conflicts | beyond), env)
    inside = [path for path in paths if path not in beyond]
    _update(repo, ("--add", "--remove", "--replace"), inside, env)
    # git silently skips names that it reserves: .GIT, git~1, a link in place of .gitmodules.
    return tuple(_unstaged(repo.status(env=env)))


def _unstaged(status: WorktreeStatus) -> list[str]:
    return [path for path in status.unstaged if path.rstrip("/") not in status.links]


def _update(repo: Repo, how: tuple[str, ...], paths: Iterable[str], env: Mapping[str, str] | None) -> None:
    if stdin := "".join(f"{path}\0" for path in paths):
        repo.git("update-index", *how, "-z", "--stdin", stdin=stdin, env=env)


def beyond_link(top: str, path: str) -> bool:
    """Whether a folder above a path is a link: the path is not in this worktree."""
    while path := os.path.dirname(path.rstrip("/")):
        if os.path.islink(os.path.join(top, path)):
            return True
    return False
