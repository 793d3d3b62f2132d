"""git's own files, saved before untrusted programs run and restored after them.

The first git command afterwards runs only after `settle`. What was found is in the attempt's folder; `found` says what of it no person
has been told yet.
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
    ctx.before = before.take(ctx.repo, plan.branch, *_persons(ctx))
    data = before.pack(ctx.before)
    replace_file(_snapshot(ctx, state, step.name, attempt, part), data, mode=0o600)
    return sha256(data)


def _persons(ctx: RunContext) -> tuple[str, ...]:
    """What nobody but a person's command writes, and that is refused while a run is at work; and where the private copies are."""
    logs = ctx.logs
    # The mark of the decisions log is made with its first entry, and that may come while an agent runs.
    return (logs.confirmations, *(path + MARK for path in (logs.run, logs.confirmations)))


def settle(ctx: RunContext, state: State) -> None:
    """Restore what differs from the last snapshot.

    Raises: `Stop(3)` when that cannot be done.
    """
    ctx.forget()
    if ctx.before is None:
        return
    _refuse_links(ctx, state)
    for path, data in ctx.settings.items():
        _hold(path, data)
    restore(ctx.before, _aside(ctx, state))
    ctx.before = None  # what comes from here on is the dispatcher's, or a person's


def _refuse_links(ctx: RunContext, state: State) -> None:
    """`Stop(3)` when what is written of this attempt would be written elsewhere."""
    folder = os.path.dirname(_aside(ctx, state))
    if os.path.lexists(folder) and (below.look(ctx.root, folder) is None or os.path.islink(folder)):
        raise Stop(
            exits.REFUSED,
            f"{folder} is reached by a symbolic link now, and the run's files would go elsewhere. put the folder back, "
            "then go on with: correctless cauto resume",
        )


@contextmanager
def guarded(ctx: RunContext, state: State) -> Iterator[None]:
    """Wrap a block in which something untrusted runs and no git command does.

    If the process dies in it, the attempt's snapshot counts.
    """
    ctx.before = before.take(ctx.repo, plan_of(state).branch, *_persons(ctx))
    try:
        yield
    finally:
        settle(ctx, state)


def recover(ctx: RunContext, state: State) -> None:
    """Restore what an agent may have changed when the last dispatcher died.

    Comes before the first git command of this one.
    """
    died = state.stopped is None and state.phase in {*UNDER_WAY, "steps_done"}
    if not state.git_before or not (died or state.phase == "running"):
        return
    # Consolidation has no snapshot of its own: since the one of the last step nothing but the run's branch moved.
    last = state.finished[-1] if state.step is None else None
    at = (last.step, last.attempt) if last is not None else (step_of(state).name, state.attempt)
    path = _snapshot(ctx, state, *at, state.part)
    data = _proven(
        ctx,
        path,
        state.git_before,
        "the snapshot of git's files that was taken before the agent ran, so they can't be compared. bring it back; or look at "
        "git's configuration, hooks and refs, and end the run",
    )
    ctx.before = before.unpack(ctx.repo, data)
    settle(ctx, state)


def freeze_settings(ctx: RunContext, run: str) -> str:
    """Freeze the user's and the machine's git configuration; return its SHA-256."""
    data = settings.frozen(ctx.repo)
    path = os.path.join(ctx.logs.folder(run), _SETTINGS)
    os.makedirs(ctx.logs.folder(run), mode=0o700, exist_ok=True)
    _use(ctx, path, data)
    return sha256(data)


def use_settings(ctx: RunContext, state: State) -> None:
    """Have the run's git read the frozen configuration.

    Raises: `Stop(3)` when the file is another.
    """
    if not state.git_settings:
        return
    path = os.path.join(ctx.logs.folder(state.run), _SETTINGS)
    what = "the git configuration that was frozen when the run started. bring it back, or end the run"
    _use(ctx, path, _proven(ctx, path, state.git_settings, what))


def _proven(ctx: RunContext, path: str, digest: str, what: str) -> bytes:
    """The bytes of a file of the run, held against what the log says of them."""
    data = b""
    with suppress(OSError):
        data = below.read(path, root=ctx.root)
    if sha256(data) != digest:
        raise Stop(exits.REFUSED, f"{path} is not {what}: correctless cauto stop --abandon")
    return data


def found(ctx: RunContext, run: str) -> Iterator[tuple[str, str, str]]:
    """Yield what was restored in any attempt of a run.

    Each is the SHA-256 of its list, its path in the artifacts, and its first line.
    """
    folder = ctx.logs.folder(run)
    with suppress(OSError):
        for name in sorted(os.listdir(folder)):
            path = os.path.join(folder, name, _ASIDE, CHANGES)
            with suppress(OSError):
                said = below.read(path, 1 << 16, root=ctx.root).decode("utf-8", "replace")
                first = " ".join(said.partition("\n")[0].split())
                # With its path: what two attempts did alike was done twice.
                shown = os.path.relpath(path, ctx.logs.artifacts)
                yield sha256(f"{shown}\n{said}".encode()), shown, first


def _use(ctx: RunContext, path: str, data: bytes) -> None:
    rules = settings.rules(ctx.repo, data)
    ctx.repo = replace(ctx.repo, settings=path)
    ctx.settings = {path: data, **{f"{path}.{name}": rule for name, rule in rules.items()}}
    for each, held in ctx.settings.items():
        _hold(each, held)


def _hold(path: str, data: bytes) -> None:
    """Have a file hold what was frozen, whatever stands there."""
    with suppress(OSError):
        if below.read(path, len(data) + 1) == data:
            return
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        replace_file(path, data, mode=0o600)
    except OSError as error:
        raise Stop(
            exits.REFUSED,
            f"{path} can't be written: {error.strerror}. see what stands there, then go on with: correctless cauto resume",
        ) from None


def _snapshot(ctx: RunContext, state: State, step: str, attempt: int, part: int) -> str:
    name = _SNAPSHOT if part == 1 else f"{_SNAPSHOT}-{part}"
    return os.path.join(ctx.folder(Attempt(state.run, step, attempt)), name)


def _aside(ctx: RunContext, state: State) -> str:
    step = state.step.name if state.step is not None else "consolidation"
    path = os.path.join(ctx.folder(Attempt(state.run, step, max(state.attempt, 1))), _ASIDE)
    if os.path.lexists(path) and not stat.S_ISDIR(os.lstat(path).st_mode):
        set_aside(path)  # a file or a link: what is moved there would be lost, or go elsewhere
    return path
