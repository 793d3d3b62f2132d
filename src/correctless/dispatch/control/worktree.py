"""A linked worktree of its own for a run."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from contextlib import suppress

from correctless.base import exits
from correctless.base.exits import Stop
from correctless.base.process import process
from correctless.project import git, paths
from correctless.project.config import Config
from correctless.project.git import Repo

INCLUDE = ".worktreeinclude"
_SETUP_SECONDS = 1800.0


def existing(origin: Repo, branch: str) -> Repo | None:
    """Return the branch's worktree of an earlier call, if the branch is still in it."""
    path = _path(origin, branch)
    if os.path.realpath(origin.worktrees().get(branch, "")) != os.path.realpath(path):
        return None
    return git.find(path)


def make(origin: Repo, branch: str, config: Config, env: Mapping[str, str]) -> Repo:
    """Add a worktree for the branch, and the branch if it is missing.

    Copies what `.worktreeinclude` names and runs `worktree_setup`. Raises: `Stop(3)` when that fails; then nothing remains.
    """
    path = _path(origin, branch)
    if os.path.lexists(path):
        raise Stop(
            exits.REFUSED,
            f"{path} exists already. change into it, or remove it: git worktree remove {path}",
        )
    new = origin.commit(f"refs/heads/{branch}") is None
    origin.git("worktree", "add", "--quiet", *(("-b", branch, path) if new else (path, branch)))
    worktree = git.find(path)
    try:
        _copy_included(origin, path)
        _set_up(config, path, env)
    except BaseException:
        remove(origin, worktree, branch if new else None)
        raise
    return worktree


def remove(origin: Repo, worktree: Repo, branch: str | None) -> None:
    """Remove an unused worktree, and the branch that was made for it."""
    with suppress(Stop):
        origin.git("worktree", "remove", "--force", worktree.top)
        if branch is not None:
            origin.git("branch", "--quiet", "--delete", "--force", branch)


def _path(origin: Repo, branch: str) -> str:
    return f"{origin.home}-{paths.slug(branch)}"


def _copy_included(origin: Repo, path: str) -> None:
    patterns = os.path.join(origin.top, INCLUDE)
    if not os.path.isfile(patterns):
        return
    # Only files git ignores: all others are in the worktree already, as committed.
    listed = origin.git("ls-files", "-z", "--others", "--ignored", f"--exclude-from={patterns}")
    for name in filter(None, listed.split("\0")):
        source, target = os.path.join(origin.top, name), os.path.join(path, name)
        if os.path.islink(source) or not os.path.isfile(source) or name.startswith(paths.ARTIFACTS):
            continue
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copy2(source, target)


def _set_up(config: Config, path: str, env: Mapping[str, str]) -> None:
    if config.worktree_setup is None:
        return
    done = process.run(config.worktree_setup, cwd=path, env=env, wall_s=_SETUP_SECONDS)
    if done.timed_out or done.code != 0:
        output = (done.err or done.out).decode("utf-8", "replace").strip().splitlines()
        ended = f"ended with {done.code}: {output[-1] if output else 'no output'}"
        why = "took too long" if done.timed_out else ended
        raise Stop(
            exits.REFUSED, f"worktree_setup {config.worktree_setup[0]} {why}. fix it, then start again"
        )
