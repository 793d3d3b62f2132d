"""The file under a log: a path in, its open and locked file out, and pieces of it set aside; nothing is ever overwritten."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import BinaryIO

from correctless import exits
from correctless.exits import Stop

_TRIES = 100  # times a log may be replaced between our open and our lock before we call it a fight


class Missing(Stop):
    """There is no log at this path."""


class Damaged(Stop):
    """A log of ours that is not what was acknowledged; `line` is the first line that shows it."""

    def __init__(self, path: str, line: int, fault: str) -> None:
        super().__init__(
            exits.REFUSED, f"{path}:{line}: {fault}. look at it with: correctless decisions verify --log FILE"
        )
        self.line = line


class Foreign(Stop):
    """A file of someone else where a log belongs: never appended to, never repaired."""

    def __init__(self, path: str, line: int = 1) -> None:
        super().__init__(
            exits.REFUSED, f"{path} is no log of correctless. move it away, or name another file"
        )
        self.line = line


@dataclass(frozen=True, slots=True)
class LogFile:
    """A log, open and locked, and the folder it lies in."""

    path: str
    name: str
    fd: int
    folder: int

    def stat(self) -> os.stat_result:
        return os.fstat(self.fd)

    def stream(self) -> BinaryIO:
        """The file's bytes for reading; closing the stream leaves the log open and locked."""
        return open(self.fd, "rb", buffering=1 << 16, closefd=False)

    def cut(self, size: int) -> None:
        try:
            os.ftruncate(self.fd, size)
        except OSError as error:
            raise refusal(self.path, error, "cut it back") from None

    def set_aside(self, ending: str, now: datetime, data: bytes) -> str:
        """A new durable file beside the log, named after it, that holds `data`; its path."""
        fd, name = self._new(ending, now)
        try:
            with os.fdopen(fd, "wb") as out:
                out.write(data)
                out.flush()
                os.fsync(out.fileno())
        except OSError as error:
            raise refusal(self.path, error, "set a part of it aside") from None
        os.fsync(self.folder)
        return os.path.join(os.path.dirname(self.path), name)

    def replace(self, ending: str, now: datetime, data: bytes) -> str:
        """Put a new log with `data` at the path and keep this one whole under a name of its own; that path.

        At every moment the path holds the old log or the new one: a crash in between loses no byte and no warning.
        """
        try:
            fresh = os.path.basename(self.set_aside("new", now, data))
            # A hard link refuses to take a name that exists, where a rename would destroy what has it.
            for name in _names(self.name, ending, now):
                with suppress(FileExistsError):
                    os.link(
                        self.name, name, src_dir_fd=self.folder, dst_dir_fd=self.folder, follow_symlinks=False
                    )
                    break
            os.fsync(self.folder)
            os.replace(fresh, self.name, src_dir_fd=self.folder, dst_dir_fd=self.folder)
            os.fsync(self.folder)
        except OSError as error:
            raise refusal(self.path, error, "set it aside") from None
        return os.path.join(os.path.dirname(self.path), name)

    def _new(self, ending: str, now: datetime) -> tuple[int, str]:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        for name in _names(self.name, ending, now):
            with suppress(FileExistsError):
                try:
                    return os.open(name, flags, 0o644, dir_fd=self.folder), name
                except FileExistsError:
                    raise
                except OSError as error:
                    raise refusal(self.path, error, "set a part of it aside") from None
        raise AssertionError  # _names never ends


@contextmanager
def opened(path: str, root: str | None, *, write: bool, create: bool = False) -> Iterator[LogFile]:
    """The log at `path`, locked (shared unless `write`), or `Stop(3)`; below `root` no part may be a symbolic link.

    The lock belongs to this opening alone and is gone when the block ends.
    """
    folder, name = _folder(path, root)
    try:
        for _ in range(_TRIES):
            fd = _open(path, name, folder, write=write, create=create)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX if write else fcntl.LOCK_SH)
                # Whoever waited here may hold the lock of a file that `repair` has renamed meanwhile.
                if _is_at(fd, name, folder):
                    yield LogFile(os.path.abspath(path), name, fd, folder)
                    return
            finally:
                # Closing alone would leave the lock with a child that was forked in between.
                fcntl.flock(fd, fcntl.LOCK_UN)
                os.close(fd)
        raise Stop(exits.REFUSED, f"{path} is replaced again and again. end the program that does it")
    finally:
        os.close(folder)


def refusal(path: str, why: OSError | str, what: str) -> Stop:
    said = why if isinstance(why, str) else why.strerror or str(why)
    return Stop(exits.REFUSED, f"{path}: can't {what}: {said}. mend that, then start again")


def _folder(path: str, root: str | None) -> tuple[int, str]:
    full = os.path.abspath(path)
    above, name = os.path.split(full)
    parts: list[str] = []
    if root is not None:
        start = os.path.abspath(root)
        if not full.startswith(start.rstrip("/") + "/"):
            raise Stop(exits.REFUSED, f"{path} lies outside {root}. name a file inside it")
        parts = os.path.relpath(above, start).split("/") if above != start else []
        above = start
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
    fd = -1
    try:
        fd = os.open(above, flags)
        # Step by step from an open folder: no check can be outrun by a link that is put there afterwards.
        for part in parts:
            above = os.path.join(above, part)
            inner = os.open(part, flags | os.O_NOFOLLOW, dir_fd=fd)
            os.close(fd)
            fd = inner
    except OSError as error:
        if fd >= 0:
            os.close(fd)
        if error.errno == errno.ENOENT:
            raise Missing(exits.REFUSED, f"there is no log at {path}: no folder {above}") from None
        if error.errno in (errno.ELOOP, errno.ENOTDIR):
            raise Stop(
                exits.REFUSED, f"{path}: {above} is a symbolic link or no folder. put a real folder there"
            ) from None
        raise refusal(path, error, "open its folder") from None
    return fd, name


def _open(path: str, name: str, folder: int, *, write: bool, create: bool) -> int:
    # O_NONBLOCK: a FIFO in the log's place must be refused, not waited for. Regular files don't know it.
    flags = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    flags |= os.O_RDWR | os.O_APPEND if write else os.O_RDONLY
    try:
        fd = os.open(name, flags | (os.O_CREAT if create else 0), 0o644, dir_fd=folder)
    except OSError as error:
        if error.errno == errno.ENOENT:
            raise Missing(
                exits.REFUSED, f"there is no log at {path}. put it back from a copy, or start a run first"
            ) from None
        if error.errno == errno.ELOOP:
            raise Stop(exits.REFUSED, f"{path} is a symbolic link. put a regular file there") from None
        raise refusal(path, error, "open it") from None
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise Stop(exits.REFUSED, f"{path} is no regular file. put a regular file there")
    return fd


def _is_at(fd: int, name: str, folder: int) -> bool:
    ours = os.fstat(fd)
    try:
        there = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return (ours.st_dev, ours.st_ino) == (there.st_dev, there.st_ino)


def _names(name: str, ending: str, now: datetime) -> Iterator[str]:
    first = f"{name}.{ending}-{now.astimezone(UTC):%Y%m%dT%H%M%S.%fZ}"
    yield first
    number = 2
    while True:
        yield f"{first}-{number}"
        number += 1
