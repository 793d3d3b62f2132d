"""git's own files, saved before untrusted programs run and restored after them.

The first git command afterwards runs only after `restore_git`. A list of the changes is in the attempt's folder: see `restored`.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

from correctless.base import below, exits
from correctless.base.exits import Stop
from correctless.base.files import replace_file, set_aside
from correctless.decisions.decision import Attempt
from correctless.dispatch.core.context import RunContext, plan_of, sha256, step_of
from correctless.ledger.heads import MARK
from correctless.project.git import before, settings
from correctless.project.git.restore import CHANGES, restore
from correctless.runlog.state import UNDER_WAY, State

_SNAPSHOT = "git-before"
_ASIDE = "git"
_SETTINGS = "gitconfig"


def begin(ctx: RunContext, state: State, attempt: int, part: int = 1) -> str:
    """Take the snapshot of an attempt's process; return its file's SHA-256."""
    plan, step = plan_of(state), step_of(state)
    ctx.before = before.take(ctx.repo, plan.branch, *_unwritable(ctx))
    data = before.pack(ctx.before)
    replace_file(_snapshot(ctx, state, step.name, attempt, part), data, mode=0o600)
    return sha256(data)


def _unwritable(ctx: RunContext) -> tuple[str, ...]:
    """Return the files that nothing may write while a run is at work: your confirmations, and the marks of private copies."""
    logs = ctx.logs
    # Not the decisions log's mark: that is made with its first entry, which may come while an agent runs.
    return (
        *(logs.confirmations, logs.ahead),
        *(path + MARK for path in (logs.run, logs.confirmations, logs.ahead)),
    )


def restore_git(ctx: RunContext, state: State) -> None:
    """Restore what differs from the last snapshot. Raises: `Stop(3)` when that is impossible."""
    ctx.forget()
    if ctx.before is None:
        return
    _refuse_links(ctx, state)
    for path, data in ctx.settings.items():
        _write_frozen(path, data)
    restore(ctx.before, _aside(ctx, state))
    ctx.before = None  # later changes are the dispatcher's, or yours


def _refuse_links(ctx: RunContext, state: State) -> None:
    """Refuse an attempt's folder that a link leads to. Raises: `Stop(3)`."""
    folder = os.path.dirname(_aside(ctx, state))
    if os.path.lexists(folder) and (below.look(ctx.root, folder) is None or os.path.islink(folder)):
        raise Stop(
            exits.REFUSED,
            f"{folder} is now behind a symbolic link, and the run's files would go elsewhere. put the folder back, "
            "then continue with: correctless cauto resume",
        )


@contextmanager
def guarded(ctx: RunContext, state: State) -> Iterator[None]:
    """Wrap a block in which something untrusted runs and no git command; if the process dies, the attempt's snapshot counts."""
    ctx.before = before.take(ctx.repo, plan_of(state).branch, *_unwritable(ctx))
    try:
        yield
    finally:
        restore_git(ctx, state)


def recover(ctx: RunContext, state: State) -> None:
    """Restore what an agent may have changed when the last dispatcher died, before the first git command of this one."""
    died = state.stopped is None and state.phase in {*UNDER_WAY, "steps_done"}
    if not state.git_before or not (died or state.phase == "running"):
        return
    # Consolidation has no snapshot of its own: since the last step's only the run's branch has moved.
    last = state.finished[-1] if state.step is None else None
    at = (last.step, last.attempt) if last is not None else (step_of(state).name, state.attempt)
    path = _snapshot(ctx, state, *at, state.part)
    data = _proven(
        ctx,
        path,
        state.git_before,
        "the snapshot of git's files from before the agent ran, so they can't be compared. restore it; or review "
        "git's configuration, hooks and refs, and end the run",
    )
    ctx.before = before.unpack(ctx.repo, data)
    restore_git(ctx, state)


def freeze_settings(ctx: RunContext, run: str) -> str:
    """Freeze the user's and the machine's git configuration; return its SHA-256."""
    data = settings.frozen(ctx.repo)
    path = os.path.join(ctx.logs.folder(run), _SETTINGS)
    os.makedirs(ctx.logs.folder(run), mode=0o700, exist_ok=True)
    _use(ctx, path, data)
    return sha256(data)


def use_settings(ctx: RunContext, state: State) -> None:
    """Make the run's git read the frozen configuration. Raises: `Stop(3)` when the file has changed."""
    if not state.git_settings:
        return
    path = os.path.join(ctx.logs.folder(state.run), _SETTINGS)
    what = "the git configuration that was frozen when the run started. restore it, or end the run"
    _use(ctx, path, _proven(ctx, path, state.git_settings, what))


def _proven(ctx: RunContext, path: str, digest: str, what: str) -> bytes:
    """Return a file of the run whose SHA-256 is in the log. Raises: `Stop(3)` when it differs."""
    data = b""
    with suppress(OSError):
        data = below.read(path, root=ctx.root)
    if sha256(data) != digest:
        raise Stop(exits.REFUSED, f"{path} is not {what}: correctless cauto stop --abandon")
    return data


def restored(ctx: RunContext, run: str) -> Iterator[tuple[str, str, str]]:
    """Yield each list of what was restored in a run: its SHA-256, its path in the artifacts, and its first line."""
    folder = ctx.logs.folder(run)
    with suppress(OSError):
        for name in sorted(os.listdir(folder)):
            path = os.path.join(folder, name, _ASIDE, CHANGES)
            with suppress(OSError):
                text = below.read(path, 1 << 16, root=ctx.root).decode("utf-8", "replace")
                first = " ".join(text.partition("\n")[0].split())
                # With its path: the same changes in two attempts are two entries.
                relative = os.path.relpath(path, ctx.logs.artifacts)
                yield sha256(f"{relative}\n{text}".encode()), relative, first


def _use(ctx: RunContext, path: str, data: bytes) -> None:
    rules = settings.rules(ctx.repo, data)
    ctx.repo = replace(ctx.repo, settings=path)
    ctx.settings = {path: data, **{f"{path}.{name}": rule for name, rule in rules.items()}}
    for each, content in ctx.settings.items():
        _write_frozen(each, content)


def _write_frozen(path: str, data: bytes) -> None:
    """Write frozen content to a file, unless it has it."""
    with suppress(OSError):
        if below.read(path, len(data) + 1) == data:
            return
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        replace_file(path, data, mode=0o600)
    except OSError as error:
        raise Stop(
            exits.REFUSED,
            f"{path} can't be written: {error.strerror}. see what is in its place, then continue with: correctless cauto resume",
        ) from None


def _snapshot(ctx: RunContext, state: State, step: str, attempt: int, part: int) -> str:
    name = _SNAPSHOT if part == 1 else f"{_SNAPSHOT}-{part}"
    return os.path.join(ctx.folder(Attempt(state.run, step, attempt)), name)


def _aside(ctx: RunContext, state: State) -> str:
    step = state.step.name if state.step is not None else "consolidation"
    path = os.path.join(ctx.folder(Attempt(state.run, step, max(state.attempt, 1))), _ASIDE)
    if os.path.lexists(path) and not stat.S_ISDIR(os.lstat(path).st_mode):
        set_aside(path)  # a file or a link: what is moved into it would be lost, or go elsewhere
    return path
