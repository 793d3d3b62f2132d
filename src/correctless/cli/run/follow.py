"""A run watched from another terminal: a branch's logs in, its new events as lines out, until it ends, waits or stops."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass

import click

from correctless.base import exits
from correctless.base.exits import Stop
from correctless.base.process import process
from correctless.cli import typable
from correctless.cli.display import progress
from correctless.project import lock
from correctless.project.git import Repo
from correctless.project.paths import Logs
from correctless.runlog import branch as record
from correctless.runlog.events import Logged
from correctless.runlog.state import State, standing

_EVERY = 0.5  # seconds


def follow(
    repo: Repo | None, logs: Logs, *, as_json: bool, sleep: Callable[[float], None] = time.sleep
) -> State:
    """The run's last state; what is new is shown meanwhile. `repo` is the worktree the run's branch is checked out in.

    `Stop` with the code the run stopped with, 130 when its dispatcher died, 3 when its log is damaged or was replaced.
    `KeyboardInterrupt` leaves the run alone.
    """
    stamp = _stamp(logs)
    seen = record.load(logs).events
    state = standing(logs.run, seen)
    _head(state, living=_lives(repo), as_json=as_json)
    gone = False
    while not _over(state):
        sleep(_EVERY)
        now = _stamp(logs)
        if now != stamp:
            stamp = now
            events = tuple(record.typed_events(logs))
            if events[: len(seen)] != seen:
                raise Stop(
                    exits.REFUSED,
                    f"{logs.run} was replaced while it was followed. look at it: correctless cauto status",
                )
            for number, logged in enumerate(events[len(seen) :], len(seen)):
                state = standing(logs.run, [logged], state, behind=number)
                _show(state, logged, as_json=as_json)
            seen, gone = events, False
        elif gone:
            raise Stop(
                exits.INTERRUPTED,
                f"the dispatcher of run {state.run} is gone and left no word. go on with: correctless cauto resume",
            )
        else:
            # Its last words may have come between our look at the log and this one: it gets one more.
            gone = not _lives(repo)
    return _ended(state)


def _ended(state: State) -> State:
    if state.stopped is not None:
        raise Stop(state.stopped.code, state.stopped.reason)
    if state.phase == "abandoned":
        raise Stop(
            exits.REFUSED,
            f"run {state.run} was abandoned. start a new one: correctless cauto run --spec FILE",
        )
    return state


def _over(state: State) -> bool:
    return state.stopped is not None or not state.unfinished


def _head(state: State, *, living: bool, as_json: bool) -> None:
    standing = progress.standing(state, living=living)
    if as_json:
        click.echo(json.dumps({"event": "status", **standing}))
    else:
        click.echo(typable(progress.describe(standing)))


def _show(state: State, logged: Logged, *, as_json: bool) -> None:
    if as_json:
        click.echo(progress.as_json(logged))
    elif said := progress.line(state, logged):
        click.echo(f"{logged.timestamp[11:19]} {said}")


@dataclass(frozen=True, slots=True)
class _Stamp:
    """What changes when a log does."""

    size: int
    changed: int  # nanoseconds
    file: int


def _stamp(logs: Logs) -> _Stamp:
    try:
        seen = os.stat(logs.run)
    except OSError as error:
        raise Stop(
            exits.REFUSED, f"{logs.run} can't be read: {error.strerror}. put it back from a copy"
        ) from None
    return _Stamp(seen.st_size, seen.st_mtime_ns, seen.st_ino)


def _lives(repo: Repo | None) -> bool:
    if repo is None:
        return False
    by = lock.holder(repo)
    if by is not None and process.alive(by.pid):
        # Asked without touching the lock: even a reader's share of it, for a moment, would refuse a dispatcher.
        return True
    return lock.is_held(repo)
