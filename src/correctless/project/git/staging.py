"""Staging of a whole worktree, and the files that git silently keeps out of every commit."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from correctless.base import below, exits
from correctless.base.exits import Stop

if TYPE_CHECKING:
    from correctless.project.git import Repo, Standing


def stage(repo: Repo, here: Standing | None = None, env: Mapping[str, str] | None = None) -> None:
    """Put all that differs into the index, but repositories inside this one; `Stop(3)` where git leaves something out."""
    left = _stage(repo, here or repo.standing(env=env), env)
    if left:
        more = f" and {len(left) - 1} more" if len(left) > 1 else ""
        raise Stop(
            exits.REFUSED,
            f"git takes {left[0]}{more} into no commit. move it out of {repo.top}, or give it another name, "
            "then continue with: correctless cauto resume",
        )


def refused(repo: Repo, here: Standing | None = None) -> tuple[str, ...]:
    """The paths git leaves out of every commit: found by staging all into a copy of the index."""
    here = here or repo.standing()
    if not _unstaged(here):
        return ()
    try:
        known = below.read(os.path.join(repo.git_dir, "index"))
    except OSError:
        known = b""
    with repo.scratch_index(known) as env:
        return _stage(repo, here, env)


def refused_commit(repo: Repo, base: str) -> str | None:
    """What git says of the first commit since `base` that holds a path it takes into no index; None where there is none."""
    with repo.scratch_index() as env:
        for commit in repo.git("rev-list", "--reverse", f"{base}..HEAD").split():
            done = repo.try_git("read-tree", commit, env=env)
            if done.returncode != 0:
                return f"{commit[:12]}: {(done.stderr.strip() or 'git did not say why').splitlines()[0]}"
    return None


def _stage(repo: Repo, here: Standing, env: Mapping[str, str] | None) -> tuple[str, ...]:
    # Not `git add --all`: it runs git in each of them, by their own configuration, and no option keeps it from that.
    paths = _unstaged(here)
    if not paths:
        return ()
    # Of a conflict all stages go, and of a folder that became a link what was below it: git would refuse to look there.
    beyond = {path for path in paths if beyond_link(repo.top, path)}
    _update(repo, ("--force-remove",), sorted(here.conflicts | beyond), env)
    there = [path for path in paths if path not in beyond]
    _update(repo, ("--add", "--remove", "--replace"), there, env)
    # git says nothing of a name it takes for its own: .GIT, git~1, a link in place of .gitmodules.
    return tuple(_unstaged(repo.standing(env=env)))


def _unstaged(here: Standing) -> list[str]:
    return [path for path in here.unstaged if path.rstrip("/") not in here.links]


def _update(repo: Repo, how: tuple[str, ...], paths: Iterable[str], env: Mapping[str, str] | None) -> None:
    if told := "".join(f"{path}\0" for path in paths):
        repo.git("update-index", *how, "-z", "--stdin", stdin=told, env=env)


def beyond_link(top: str, path: str) -> bool:
    """Whether a folder above a path is a link: what lies there is no part of this worktree."""
    while path := os.path.dirname(path.rstrip("/")):
        if os.path.islink(os.path.join(top, path)):
            return True
    return False
