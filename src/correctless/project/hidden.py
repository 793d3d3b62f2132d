"""Files that git's index marks as not to be compared (assume-unchanged, skip-worktree), compared all the same."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from correctless.project.git import Repo
from correctless.project.tree import absolute, read_tree, state_on_disk


def reveal(repo: Repo, note: Callable[[Sequence[str]], None] = lambda _: None) -> tuple[str, ...]:
    """Make git read every file again, whatever marks and times the index has.

    `note` is called with the paths marked as not to be compared, if any, before their marks are removed. Return the paths that
    a sparse checkout omits, which keep their mark.
    """
    listed = _listed(repo)
    hidden, sparse = _hidden(repo, listed)
    if hidden:
        note(hidden)
    # A new entry has neither marks nor times: the next command has to read its file.
    if staged := "".join(f"{entry[2:]}\0" for entry in listed):
        repo.git("-c", "core.ignoreStat=false", "update-index", "-z", "--index-info", stdin=staged)
    if sparse:
        paths = "".join(f"{each}\0" for each in sparse)
        repo.git("update-index", "--skip-worktree", "-z", "--stdin", stdin=paths)
    return sparse


def hidden_changes(repo: Repo) -> tuple[str, ...]:
    """Return the files marked as not to be compared that differ from HEAD."""
    hidden, _ = _hidden(repo, _listed(repo))
    tree = read_tree(repo, repo.head()).entries if hidden else {}
    return tuple(
        path
        for path in hidden
        if path not in tree or state_on_disk(absolute(repo, path), tree[path])[0] != tree[path].oid
    )


def _listed(repo: Repo) -> list[str]:
    """Return each entry of the index: a mark, a space, and the entry as `update-index --index-info` reads it."""
    return [entry for entry in repo.git("ls-files", "-v", "--stage", "-z").split("\0") if entry]


def _hidden(repo: Repo, listed: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the paths marked as not to be compared, and those a sparse checkout omits."""
    marked = [
        (entry[0], entry.partition("\t")[2]) for entry in listed if entry[0].islower() or entry[0] == "S"
    ]
    sparse: tuple[str, ...] = ()
    if any(mark in "Ss" for mark, _ in marked) and _is_sparse(repo):
        sparse = tuple(
            path for mark, path in marked if mark in "Ss" and not os.path.lexists(absolute(repo, path))
        )
    return tuple(path for _, path in marked if path not in sparse), sparse


def _is_sparse(repo: Repo) -> bool:
    return repo.try_git("config", "--type=bool", "--get", "core.sparseCheckout").stdout.strip() == "true"
