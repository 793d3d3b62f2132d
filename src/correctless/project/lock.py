"""The run's lock: one dispatcher a worktree, held until the last of its agents has ended."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType

from correctless.base import below, exits
from correctless.base.exits import Stop
from correctless.base.files import open_plain
from correctless.project import git
from correctless.project.git import Repo


class Lock:
    """An flock on `<git-dir>/correctless.lock`, kept by whoever has its open file: this process and what inherits `fd`.

    It is let go by closing, never by unlocking: LOCK_UN would take it from a living agent as well.
    """

    def __init__(self, fd: int) -> None:
        self.fd = fd

    @classmethod
    def take(cls, repo: Repo, what: str) -> Lock:
        """The lock, or `Stop(75)` that names who has it. `what` says what for, to whoever is refused."""
        fd = open_plain(path(repo), os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            raise Stop(exits.LOCKED, _refusal(repo)) from None
        lock = cls(fd)
        lock.note(what)
        return lock

    @classmethod
    def inherited(cls, repo: Repo, fd: int) -> Lock:
        """The lock as a dispatcher handed it on in the open file `fd`; `Stop(3)` when that is something else."""
        try:
            same = os.path.samestat(os.fstat(fd), os.stat(path(repo)))
        except OSError:
            same = False
        if not same:
            raise Stop(exits.REFUSED, f"open file {fd} is not the lock of {repo.top}. leave --lock-fd out")
        return cls(fd)

    def note(self, what: str, group: int | None = None) -> None:
        """Say in the file who holds the lock: for people and for refusals, never for a decision."""
        said = json.dumps({"pid": os.getpid(), "what": what, "group": group}).encode()
        os.pwrite(self.fd, said, 0)
        os.ftruncate(self.fd, len(said))

    def close(self) -> None:
        """Release the lock, unless an agent still holds it."""
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
    """Who noted itself in the lock's file."""

    pid: int
    what: str
    group: int | None  # the agent's process group


def path(repo: Repo) -> str:
    """Return the path of the repository's lock."""
    return os.path.join(repo.git_dir, "correctless.lock")


def is_held(repo: Repo) -> bool:
    """Whether any process has the lock now."""
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


def is_held_on(branch: str, worktrees: Mapping[str, str]) -> bool:
    """Whether a run has the lock of the worktree a branch is checked out in; False where there is none that can be looked at."""
    place = worktrees.get(branch)
    with suppress(Stop, OSError):
        return place is not None and is_held(git.find(place))
    return False


def holder(repo: Repo) -> LockHolder | None:
    """What the lock's file says; None when it says nothing readable."""
    try:
        said = json.loads(below.read(path(repo), 4096))
        group = said["group"]
        return LockHolder(int(said["pid"]), str(said["what"]), None if group is None else int(group))
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
