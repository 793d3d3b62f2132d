"""Commits of submodules that are in no remote: no clone of the branch could check them out."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable
from dataclasses import replace

from correctless.base import exits
from correctless.base.exits import Stop
from correctless.project import checkout
from correctless.project.git import Repo
from correctless.project.git.call import GitPlace, dot_git, run
from correctless.publish.branch import ENV, PLAIN

_SECONDS = 120.0


def changed_at(repo: Repo, commit: str, paths: Iterable[str]) -> str:
    """Return the first of these paths that is a submodule in a commit, "" for none."""
    for path in paths:
        listed = repo.git("ls-tree", "-z", "--full-tree", commit, "--", path).split("\0")
        if any(item.startswith("160000 ") and item.endswith(f"\t{path}") for item in listed):
            return path
    return ""


def put_back(path: str) -> str:
    """Return the command that makes a submodule what its repository's commit says; it deletes what is not committed there."""
    name = shlex.quote(path)
    return f"git submodule update --init --force -- {name} && git -C {name} clean -ffd"


def refuse_unpublished(repo: Repo) -> None:
    """Refuse a commit that names a submodule's commit which is in no remote. Raises: `Stop(3)` with the command that pushes it."""
    for path, commit in repo.submodules():
        top = os.path.join(repo.top, path)
        git_dir = dot_git(top)
        # One that is not checked out here can't have a commit that was made here.
        if git_dir is None or os.path.islink(top) or _fetched(top, git_dir, commit):
            continue
        if _is_there(repo, path, commit):
            continue
        raise Stop(
            exits.REFUSED,
            f"{path} is at {commit[:12]}, which is in no remote, so a clone of this branch could not check it out. push it first: "
            f"git -C {shlex.quote(path)} push origin {commit}:refs/heads/BRANCH",
        )


def _fetched(top: str, git_dir: str, commit: str) -> bool:
    """Whether a branch of a remote, as last fetched, contains the commit."""
    place = GitPlace(top, git_dir, git_dir)
    done = run(
        place, ("for-each-ref", "--count=1", f"--contains={commit}", "--format=%(refname)", "refs/remotes")
    )
    return done.returncode == 0 and bool(done.stdout.strip())


def _is_there(repo: Repo, path: str, commit: str) -> bool:
    """Whether the submodule's remote gives the commit: one that a submodule update fetched by its id is in no ref."""
    name = _name(repo, path)
    url = repo.try_git("config", "--get", f"submodule.{name}.url").stdout.strip()
    if not url:
        return False
    with checkout.empty(repo) as scratch:
        done = replace(scratch, settings=repo.settings).try_git(
            *(*PLAIN, "fetch", "--quiet", "--depth=1", "--no-tags", "--", url, commit),
            rights="remote",
            env=ENV,
            seconds=_SECONDS,
        )
    return done.returncode == 0


def _name(repo: Repo, path: str) -> str:
    listed = repo.try_git(
        "config", "--file", ".gitmodules", "--null", "--get-regexp", r"^submodule\..*\.path$"
    )
    for item in listed.stdout.split("\0"):
        key, _, value = item.partition("\n")
        if value == path:
            return key.removeprefix("submodule.").removesuffix(".path")
    return path
