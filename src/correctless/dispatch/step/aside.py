"""Leftovers that no commit or patch can hold, moved out of the worktree.

What git would wait for goes first and by plain file operations: at a fifo it waits for whoever writes into it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from correctless.base import below, exits
from correctless.base.exits import Stop
from correctless.base.text import one_line
from correctless.dispatch.core import policy_changes
from correctless.dispatch.core.context import RunContext, attempt_of, step_of
from correctless.project import leftovers
from correctless.project.git import Repo, WorktreeStatus, staging
from correctless.project.hidden import IndexMarks, reveal
from correctless.project.leftovers import RULES, Odd
from correctless.project.paths import slug
from correctless.publish import leaks
from correctless.runlog.state import State

LIST = "left.txt"
_LARGEST = 1 << 30  # bytes of a file: git compresses what it takes, which for more than this takes minutes
_MOST = 200  # large files of an attempt that are moved; more go into its patch
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class ClearedWorktree:
    """A worktree that a commit can hold, and the index marks that were removed."""

    worktree: WorktreeStatus
    marks: IndexMarks


def clear(ctx: RunContext, state: State, *, every_file: bool = False) -> ClearedWorktree:
    """Move what no commit can hold into the attempt's folder.

    Comes before the first git command on what an attempt left.

    `every_file` has git look at each file anew, also at those its index is marked for.
    """
    repo = ctx.repo
    while True:
        found = list(leftovers.odd(repo.top))
        rules = [each for each in found if os.path.basename(each.path) in RULES]
        _move(ctx, state, (each for each in rules if not each.closed))
        rest = _not_ignored(repo, [each for each in found if each not in rules])
        closed = [each for each in (*rules, *rest) if each.closed]
        if not closed:
            break
        for each in closed:
            leftovers.open_up(repo.top, each.path)
    _move(ctx, state, rest)
    marks = reveal(repo) if every_file else IndexMarks()
    here = repo.status()
    large = [path for path in here.unstaged if policy_changes.size(repo, path) > _LARGEST]
    if large:
        _move(ctx, state, (Odd(path, f"is over {_LARGEST >> 30} GiB") for path in large))
        here = repo.status()
    if refused := staging.refused(repo, here):
        _move(ctx, state, (Odd(path, "is left out by git") for path in refused))
        here = repo.status()
    return ClearedWorktree(here, marks)


def left(ctx: RunContext, state: State) -> str:
    """Return the worktree as `Repo.fingerprint`, after `clear`."""
    clear(ctx, state)
    return ctx.repo.fingerprint()


def told(ctx: RunContext, state: State) -> list[tuple[str, str, str]]:
    """Return what `clear` moved of this attempt, as an entry for your review."""
    folder = ctx.folder(attempt_of(state))
    try:
        with open(os.path.join(folder, LIST), encoding="utf-8", errors="replace") as file:
            lines = file.read(1 << 16).splitlines()
    except OSError:
        return []
    shown = [" ".join(line.split("\t")[:2]) for line in lines[:_SHOWN]]
    more = f", and {len(lines) - _SHOWN} more" if len(lines) > _SHOWN else ""
    path = os.path.relpath(os.path.join(folder, LIST), ctx.logs.artifacts)
    what = f"{step_of(state).name} left what no commit can hold: {', '.join(shown)}{more}"
    return [("set-aside", what, f"moved out of the worktree as it was, and in no commit: see {path}")]


def set_large_aside(ctx: RunContext, state: State, folder: str) -> list[str]:
    """Move the files that are too large for a patch out of the worktree."""
    moved: list[str] = []
    for name in ctx.repo.changed_files(state.step_base):
        if policy_changes.size(ctx.repo, name) > leaks.LARGEST and len(moved) < _MOST:
            move(ctx, name, folder)
            moved.append(name)
    return moved


def set_repositories_aside(ctx: RunContext, folder: str) -> None:
    """Move repositories the attempt made: no patch has them and git's clean keeps them."""
    for nested in ctx.repo.status().changed:
        if nested.endswith("/"):
            move(ctx, nested.rstrip("/"), folder)


def move(ctx: RunContext, name: str, folder: str) -> str:
    """Move a path into an attempt's folder, never over something; return its place."""
    top = ctx.repo.top
    return below.move(top, os.path.join(top, name), ctx.root, os.path.join(folder, f"left-{slug(name)}"))


def _move(ctx: RunContext, state: State, found: Iterable[Odd]) -> None:
    folder = ctx.folder(attempt_of(state))
    for item in found:
        try:
            target = move(ctx, item.path, folder)
        except OSError as error:
            source = os.path.join(ctx.repo.top, item.path)
            raise Stop(
                exits.REFUSED,
                f"{one_line(source)} {item.why}, so no commit can hold it, and it can't be set aside "
                f"({error.strerror or 'no reason was given'}). move it away yourself, then go on with: correctless cauto resume",
            ) from None
        said = f"{one_line(item.path)}\t{item.why}\t{os.path.basename(target)}\n"
        below.append(ctx.root, os.path.join(folder, LIST), said.encode("utf-8", "backslashreplace"))


def _not_ignored(repo: Repo, found: Sequence[Odd]) -> list[Odd]:
    """Return those that git would read: neither ignored by the project nor in a submodule."""
    if not found:
        return []
    inside = tuple(f"{path}/" for path, _ in repo.submodules())
    own = [each for each in found if not each.path.startswith(inside)]
    ignored = set(repo.check_ignore(each.path for each in own).split("\0"))
    return [each for each in own if each.path not in ignored]
