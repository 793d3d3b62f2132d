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


def there(origin: Repo, branch: str) -> Repo | None:
    """Return the branch's worktree of an earlier call, if the branch is still in it."""
    path = _path(origin, branch)
    if os.path.realpath(origin.worktrees().get(branch, "")) != os.path.realpath(path):
        return None
    return git.find(path)


def make(origin: Repo, branch: str, config: Config, env: Mapping[str, str]) -> Repo:
    """Add a worktree for the branch, and the branch if it is missing.

    Copies what `.worktreeinclude` names and runs `worktree_setup`.

    `Stop(3)` when it can't be made; what was made until then is taken away again.
    """
    path = _path(origin, branch)
    if os.path.lexists(path):
        raise Stop(
            exits.REFUSED,
            f"{path} is there already. change into it, or remove it: git worktree remove {path}",
        )
    new = origin.commit(f"refs/heads/{branch}") is None
    origin.git("worktree", "add", "--quiet", *(("-b", branch, path) if new else (path, branch)))
    made = git.find(path)
    try:
        _copy_included(origin, path)
        _set_up(config, path, env)
    except BaseException:
        remove(origin, made, branch if new else None)
        raise
    return made


def remove(origin: Repo, made: Repo, branch: str | None) -> None:
    """Remove an unused worktree, and the branch that was made for it."""
    with suppress(Stop):
        origin.git("worktree", "remove", "--force", made.top)
        if branch is not None:
            origin.git("branch", "--quiet", "--delete", "--force", branch)


def _path(origin: Repo, branch: str) -> str:
    return f"{origin.home}-{paths.slug(branch)}"


def _copy_included(origin: Repo, path: str) -> None:
    patterns = os.path.join(origin.top, INCLUDE)
    if not os.path.isfile(patterns):
        return
    # Only files git ignores: everything else is in the worktree already, as it was committed.
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
        said = (done.err or done.out).decode("utf-8", "replace").strip().splitlines()
        why = (
            "took too long"
            if done.timed_out
            else f"ended with {done.code}: {said[-1] if said else 'no output'}"
        )
        raise Stop(
            exits.REFUSED, f"worktree_setup {config.worktree_setup[0]} {why}. fix it, then start again"
        )
