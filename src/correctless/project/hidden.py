"""Files that git's index was told to ignore (assume-unchanged, skip-worktree), found and compared again."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from correctless.project.git import Repo
from correctless.project.tree import full, lying, read_tree


@dataclass(frozen=True, slots=True)
class IndexMarks:
    """The paths git was told not to look at, and those a sparse checkout leaves out, which keep their mark."""

    hidden: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


def reveal(repo: Repo) -> IndexMarks:
    """Make git look at every file again, whatever the index says of its times; return the marks it had."""
    listed = _listed(repo)
    hidden, left_out = _hidden(repo, listed)
    # Put in anew, an entry has neither marks nor times: the next command has to read its file.
    if staged := "".join(f"{entry[2:]}\0" for entry in listed):
        repo.git("-c", "core.ignoreStat=false", "update-index", "-z", "--index-info", stdin=staged)
    if left_out:
        paths = "".join(f"{each}\0" for each in left_out)
        repo.git("update-index", "--skip-worktree", "-z", "--stdin", stdin=paths)
    return IndexMarks(hidden, left_out)


def hidden_changes(repo: Repo) -> tuple[str, ...]:
    """The files that git was told not to look at and that are not as in HEAD."""
    hidden, _ = _hidden(repo, _listed(repo))
    tree = read_tree(repo, repo.head()).entries if hidden else {}
    return tuple(
        path
        for path in hidden
        if path not in tree or lying(full(repo, path), tree[path])[0] != tree[path].oid
    )


def _listed(repo: Repo) -> list[str]:
    """Each entry of the index: a mark, a space, and the entry as `update-index --index-info` reads it."""
    return [entry for entry in repo.git("ls-files", "-v", "--stage", "-z").split("\0") if entry]


def _hidden(repo: Repo, listed: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The paths git was told not to look at, and those a sparse checkout leaves out."""
    marked = [
        (entry[0], entry.partition("\t")[2]) for entry in listed if entry[0].islower() or entry[0] == "S"
    ]
    left_out: tuple[str, ...] = ()
    if any(mark in "Ss" for mark, _ in marked) and _is_sparse(repo):
        left_out = tuple(
            path for mark, path in marked if mark in "Ss" and not os.path.lexists(full(repo, path))
        )
    return tuple(path for _, path in marked if path not in left_out), left_out


def _is_sparse(repo: Repo) -> bool:
    return repo.try_git("config", "--type=bool", "--get", "core.sparseCheckout").stdout.strip() == "true"
