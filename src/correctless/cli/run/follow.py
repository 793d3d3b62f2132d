"""`cauto status --follow`: a run watched from another terminal."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable

import click

from correctless.base import exits
from correctless.base.exits import Stop
from correctless.base.process import descendants
from correctless.cli import typable
from correctless.cli.display import progress
from correctless.project import lock
from correctless.project.git import Repo
from correctless.project.paths import Logs
from correctless.review import standing
from correctless.runlog import branch as record
from correctless.runlog.events import LoggedEvent
from correctless.runlog.fold import checked_state
from correctless.runlog.state import State

_EVERY = 0.5  # seconds


def follow(
    repo: Repo | None, logs: Logs, *, as_json: bool, sleep: Callable[[float], None] = time.sleep
) -> State:
    """Show new events until the run ends, waits or stops; return its last state.

    `repo` is the worktree in which the run's branch is checked out.

    Raises: Stop with the exit code of the run, 130 when its dispatcher died, 3 when its log is damaged or was
    replaced. `KeyboardInterrupt` does not end the run.
    """
    stamp = _stamp(logs)
    previous = record.load(logs).events
    state = checked_state(logs.run, previous)
    _head(state, living=_lives(repo), as_json=as_json)
    gone = False
    while not _over(state):
        sleep(_EVERY)
        now = _stamp(logs)
        if now != stamp:
            stamp = now
            events = tuple(record.typed_events(logs))
            if events[: len(previous)] != previous:
                raise Stop(
                    exits.REFUSED,
                    f"{logs.run} was replaced while it was followed. Look at it: correctless cauto status",
                )
            for number, logged in enumerate(events[len(previous) :], len(previous)):
                state = checked_state(logs.run, [logged], state, behind=number)
                _show(state, logged, as_json=as_json)
            previous, gone = events, False
        elif gone:
            raise Stop(
                exits.INTERRUPTED,
                f"the dispatcher of run {state.run} died without a message. Continue with: correctless cauto resume",
            )
        else:
            # Its last event may be newer than our copy of the log, so read it once more.
            gone = not _lives(repo)
    return _ended(state)


def _ended(state: State) -> State:
    if state.stopped is not None:
        raise Stop(state.stopped.code, state.stopped.reason)
    if state.phase == "abandoned":
        raise Stop(
            exits.REFUSED,
            f"run {state.run} was abandoned. Start a new one: correctless cauto run --spec FILE",
        )
    return state


def _over(state: State) -> bool:
    return state.stopped is not None or not state.unfinished


def _head(state: State, *, living: bool, as_json: bool) -> None:
    status = progress.status_values(state, standing.of(state, living=living))
    if as_json:
        click.echo(json.dumps({"event": "status", **status}))
    else:
        click.echo(typable(progress.describe(status)))


def _show(state: State, logged: LoggedEvent, *, as_json: bool) -> None:
    if as_json:
        click.echo(progress.as_json(logged))
    elif text := progress.line(state, logged):
        click.echo(f"{logged.timestamp[11:19]} {text}")


def _stamp(logs: Logs) -> tuple[int, int, int]:
    """Return what changes when the run log does: its size, time and file."""
    try:
        file = os.stat(logs.run)
    except OSError as error:
        raise Stop(
            exits.REFUSED, f"{logs.run} cannot be read: {error.strerror}. Restore it from a copy"
        ) from None
    return file.st_size, file.st_mtime_ns, file.st_ino


def _lives(repo: Repo | None) -> bool:
    if repo is None:
        return False
    by = lock.holder(repo)
    if by is not None and descendants.alive(by.pid):
        # Do not touch the lock: even a short shared lock would refuse a dispatcher.
        return True
    return lock.is_locked(repo)
