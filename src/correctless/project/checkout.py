"""A commit checked out in a temporary folder, with nothing else in it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from correctless.project.git import Repo
from correctless.project.git.nested import borrow
from correctless.project.tree import SUBMODULE, Tree, TreeEntry, forged, missing, read_tree

# No configuration counts, neither a user's nor one in variables: a program that runs as you can write both.
_ENV = {"GIT_CONFIG_COUNT": "0", "GIT_ATTR_NOSYSTEM": "1"}
_PLAIN = ("-c", "core.attributesFile=/dev/null")


@contextmanager
def of(repo: Repo, commit: str) -> Iterator[Repo]:
    """Yield a temporary repository with this commit on a detached HEAD. Raises: `Stop(3)` when git can't make it.

    It has no configuration, attributes, hooks, remotes or branches; older commits are borrowed.
    """
    tree = read_tree(repo, commit)
    with empty(repo) as scratch:
        _bring(repo, scratch, {*tree.above, *(e.oid for e in tree.entries.values() if e.mode != SUBMODULE)})
        scratch.git(*_PLAIN, "checkout", "--quiet", "--detach", commit, env=_ENV)
        borrowed = repo.git("rev-parse", "--path-format=absolute", "--git-path", "objects")
        # Only now: what was checked out is of verified objects.
        borrow(scratch.git_dir, borrowed)
        yield scratch


@contextmanager
def of_files(repo: Repo, tree: Tree, paths: Mapping[str, TreeEntry]) -> Iterator[Repo]:
    """Yield a temporary repository with these files alone, as a checkout of the commit writes them: line ends by its attributes."""
    rules = {path: e for path, e in tree.entries.items() if path.rpartition("/")[2] == ".gitattributes"}
    entries = {path: e for path, e in {**rules, **paths}.items() if e.mode != SUBMODULE}
    with empty(repo) as scratch:
        _bring(repo, scratch, {entry.oid for entry in entries.values()})
        listed = "".join(f"{entry.mode} {entry.oid}\t{path}\0" for path, entry in entries.items())
        scratch.git("update-index", "-z", "--index-info", stdin=listed, env=_ENV)
        names = "".join(f"{path}\0" for path in paths)
        scratch.git(*_PLAIN, "checkout-index", "-z", "--stdin", stdin=names, env=_ENV)
        yield scratch


@contextmanager
def empty(repo: Repo) -> Iterator[Repo]:
    """Yield a temporary repository without commits, of the same object format."""
    form = repo.git("rev-parse", "--show-object-format")
    with tempfile.TemporaryDirectory(prefix="correctless-", ignore_cleanup_errors=True) as folder:
        top = os.path.join(os.path.realpath(folder), os.path.basename(repo.top))
        os.mkdir(top)
        git_dir = os.path.join(top, ".git")
        scratch = Repo(top=top, git_dir=git_dir, common_dir=git_dir, home=top, settings=os.devnull)
        scratch.git("init", "--quiet", "--template=", f"--object-format={form}", env=_ENV)
        yield scratch


def _bring(repo: Repo, scratch: Repo, oids: set[str]) -> None:
    """Copy objects. `index-pack` names each by its contents, so one that was forged arrives under another name."""
    packs = os.path.join(scratch.git_dir, "objects", "pack")
    os.makedirs(packs, exist_ok=True)
    args = ("-c", "pack.packSizeLimit=0", "pack-objects", "--quiet", "--window=0")
    repo.git(*args, os.path.join(packs, "pack"), stdin="".join(f"{oid}\n" for oid in sorted(oids)))
    files = [os.path.join(packs, name) for name in os.listdir(packs)]
    for path in files:
        if not path.endswith(".pack"):
            os.unlink(path)  # the index of the other repository, which may be forged
    for path in files:
        if path.endswith(".pack"):
            scratch.git("index-pack", path, env=_ENV)
    if absent := missing(scratch, oids):
        raise forged(absent, repo)
