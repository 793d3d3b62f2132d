"""Leftovers that no commit or patch can contain, moved out of the worktree.

Special files are moved first, by plain file operations: git would wait at a fifo for a writer.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from correctless.base import below, exits
from correctless.base.exits import Stop
from correctless.base.text import one_line
from correctless.dispatch.core import policy_changes
from correctless.dispatch.core.context import RunContext, attempt_of, step_of
from correctless.project import leftovers
from correctless.project.git import Repo, WorktreeStatus, staging
from correctless.project.hidden import reveal
from correctless.project.leftovers import RULES, Odd
from correctless.project.paths import slug
from correctless.publish import leaks
from correctless.runlog.state import State

LIST = "left.txt"
HIDDEN = "hidden.txt"
_LARGEST = 1 << 30  # bytes of a file: git would compress a larger one for minutes
_MOST = 200  # large files of an attempt that are moved; more go into its patch
_LISTED = 5


@dataclass(frozen=True, slots=True)
class ClearedWorktree:
    """A worktree that a commit can contain, and the paths that a sparse checkout omits."""

    worktree: WorktreeStatus
    sparse: tuple[str, ...]


def clear(ctx: RunContext, state: State, *, every_file: bool = False) -> ClearedWorktree:
    """Move what no commit can contain into the attempt's folder, before the first git command on what an attempt left.

    `every_file` makes git read each file again, even those marked in its index.
    """
    repo = ctx.repo
    while True:
        odd = list(leftovers.odd(repo.top))
        rules = [each for each in odd if os.path.basename(each.path) in RULES]
        _move(ctx, state, (each for each in rules if not each.closed))
        others = _not_ignored(repo, [each for each in odd if each not in rules])
        closed = [each for each in (*rules, *others) if each.closed]
        if not closed:
            break
        for each in closed:
            leftovers.open_up(repo.top, each.path)
    _move(ctx, state, others)
    sparse = reveal(repo, partial(_note_hidden, ctx, state)) if every_file else ()
    status = repo.status()
    large = [path for path in status.unstaged if policy_changes.size(repo, path) > _LARGEST]
    if large:
        _move(ctx, state, (Odd(path, f"is over {_LARGEST >> 30} GiB") for path in large))
        status = repo.status()
    if refused := staging.refused(repo, status):
        _move(ctx, state, (Odd(path, "is omitted by git") for path in refused))
        status = repo.status()
    return ClearedWorktree(status, sparse)


def fingerprint(ctx: RunContext, state: State) -> str:
    """Return the worktree as `Repo.fingerprint`, after `clear`."""
    clear(ctx, state)
    return ctx.repo.fingerprint()


def review_entries(ctx: RunContext, state: State) -> Iterator[tuple[str, str, str]]:
    """Yield what `clear` found in this attempt, as entries for your review."""
    step, folder = step_of(state).name, ctx.folder(attempt_of(state))
    if lines := _lines(ctx, os.path.join(folder, LIST)):
        yield _moved_entry(ctx, step, folder, lines)
    if hidden := _lines(ctx, os.path.join(folder, HIDDEN)):
        what = f"{step} hid tracked files from git by marks in its index"
        applied = f"compared and kept all the same: {', '.join(dict.fromkeys(hidden))}"
        yield "git-hidden", what, applied


def _moved_entry(ctx: RunContext, step: str, folder: str, lines: Sequence[str]) -> tuple[str, str, str]:
    names = [" ".join(line.split("\t")[:2]) for line in lines[:_LISTED]]
    more = f", and {len(lines) - _LISTED} more" if len(lines) > _LISTED else ""
    path = os.path.relpath(os.path.join(folder, LIST), ctx.logs.artifacts)
    what = f"{step} left what no commit can contain: {', '.join(names)}{more}"
    return "set-aside", what, f"moved out of the worktree, and in no commit: see {path}"


def _lines(ctx: RunContext, path: str) -> list[str]:
    try:
        return below.read(path, 1 << 20, root=ctx.root).decode("utf-8", "replace").splitlines()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise Stop(
            exits.REFUSED,
            f"{one_line(path)} can't be read: {error.strerror}. see what is in its place, "
            "then continue with: correctless cauto resume",
        ) from None


def _note_hidden(ctx: RunContext, state: State, paths: Sequence[str]) -> None:
    """List hidden files in the attempt's folder: after a crash their marks are gone, and the list is not."""
    data = "".join(f"{one_line(path)}\n" for path in paths).encode("utf-8", "backslashreplace")
    below.append(ctx.root, os.path.join(ctx.folder(attempt_of(state)), HIDDEN), data)


def set_large_aside(ctx: RunContext, state: State, folder: str) -> list[str]:
    """Move the files that are too large for a patch out of the worktree."""
    moved: list[str] = []
    for name in ctx.repo.changed_files(state.step_base):
        if policy_changes.size(ctx.repo, name) > leaks.LARGEST and len(moved) < _MOST:
            move(ctx, name, folder)
            moved.append(name)
    return moved


def set_repositories_aside(ctx: RunContext, folder: str) -> None:
    """Move repositories the attempt made: no patch has them and git's clean does not remove them."""
    for nested in ctx.repo.status().changed:
        if nested.endswith("/"):
            move(ctx, nested.rstrip("/"), folder)


def move(ctx: RunContext, name: str, folder: str) -> str:
    """Move a path into an attempt's folder, never over something; return its new path."""
    top = ctx.repo.top
    return below.move(top, os.path.join(top, name), ctx.root, os.path.join(folder, f"left-{slug(name)}"))


def _move(ctx: RunContext, state: State, items: Iterable[Odd]) -> None:
    folder = ctx.folder(attempt_of(state))
    for item in items:
        try:
            target = move(ctx, item.path, folder)
        except OSError as error:
            source = os.path.join(ctx.repo.top, item.path)
            raise Stop(
                exits.REFUSED,
                f"{one_line(source)} {item.why}, so no commit can contain it, and it can't be set aside "
                f"({error.strerror or 'unknown error'}). move it away yourself, then continue with: correctless cauto resume",
            ) from None
        line = f"{one_line(item.path)}\t{item.why}\t{os.path.basename(target)}\n"
        below.append(ctx.root, os.path.join(folder, LIST), line.encode("utf-8", "backslashreplace"))


def _not_ignored(repo: Repo, items: Sequence[Odd]) -> list[Odd]:
    """Return those that git would read: neither ignored by the project nor in a submodule."""
    if not items:
        return []
    inside = tuple(f"{path}/" for path, _ in repo.submodules())
    own = [each for each in items if not each.path.startswith(inside)]
    ignored = set(repo.check_ignore(each.path for each in own).split("\0"))
    return [each for each in own if each.path not in ignored]
