"""The run's lock: one dispatcher per worktree, locked until the last of its agents has ended."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType

from correctless.base import below, exits
from correctless.base.exits import Stop
from correctless.base.files import open_plain
from correctless.project import git
from correctless.project.git import Repo

_PAUSES = (0.01, 0.03, 0.1)  # seconds


class Lock:
    """An flock on `<git-dir>/correctless.lock`, owned by every process with its open file: this one, and heirs of `fd`.

    It is released by closing, never by LOCK_UN, which would release it for a living agent as well.
    """

    def __init__(self, fd: int) -> None:
        self.fd = fd

    @classmethod
    def take(cls, repo: Repo, what: str) -> Lock:
        """Return the lock; `what` says what for, in a refusal. Raises: `Stop(75)` that names the holder."""
        fd = open_plain(path(repo), os.O_RDWR | os.O_CREAT, 0o644)
        # A look at the lock (`is_locked`) has it for a moment, and is no run.
        for pause in (*_PAUSES, None):
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if pause is None:
                    os.close(fd)
                    raise Stop(exits.LOCKED, _refusal(repo)) from None
                time.sleep(pause)
        lock = cls(fd)
        lock.note(what)
        return lock

    @classmethod
    def inherited(cls, repo: Repo, fd: int) -> Lock:
        """Return the lock that a dispatcher passed on in the open file `fd`. Raises: `Stop(3)` for another file."""
        try:
            same = os.path.samestat(os.fstat(fd), os.stat(path(repo)))
        except OSError:
            same = False
        if not same:
            raise Stop(exits.REFUSED, f"open file {fd} is not the lock of {repo.top}. leave --lock-fd out")
        return cls(fd)

    def note(self, what: str, group: int | None = None) -> None:
        """Write the holder to the file: for refusals, `stop` and `status --follow`, which check that it still lives."""
        text = json.dumps({"pid": os.getpid(), "what": what, "group": group}).encode()
        os.pwrite(self.fd, text, 0)
        os.ftruncate(self.fd, len(text))

    def close(self) -> None:
        """Release the lock, unless an agent still has it."""
        with suppress(OSError):
            os.close(self.fd)

    def __enter__(self) -> Lock:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@dataclass(frozen=True, slots=True)
class LockHolder:
    """The holder that the lock's file names."""

    pid: int
    what: str
    group: int | None  # the agent's process group


def path(repo: Repo) -> str:
    """Return the path of the repository's lock."""
    return os.path.join(repo.git_dir, "correctless.lock")


def is_locked(repo: Repo) -> bool:
    """Whether any process has the lock."""
    try:
        fd = open_plain(path(repo), os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def is_branch_locked(branch: str, worktrees: Mapping[str, str]) -> bool:
    """Whether a run has the lock of the worktree a branch is checked out in; False without a readable worktree."""
    place = worktrees.get(branch)
    with suppress(Stop, OSError):
        return place is not None and is_locked(git.find(place))
    return False


def holder(repo: Repo) -> LockHolder | None:
    """Return the holder in the lock's file; None when it is unreadable."""
    try:
        values = json.loads(below.read(path(repo), 4096))
        group = values["group"]
        return LockHolder(int(values["pid"]), str(values["what"]), None if group is None else int(group))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _refusal(repo: Repo) -> str:
    by = holder(repo)
    if by is None:
        return f"{repo.top} is locked by another run. wait for it, or end it with: correctless cauto stop"
    agent = f" (agent's process group {by.group})" if by.group is not None else ""
    return (
        f"{repo.top} is locked by process {by.pid}, {by.what}{agent}. "
        "wait for it, or end it with: correctless cauto stop"
    )
