"""The open and locked file of a log, and its parts that are set aside; nothing is ever overwritten."""

from __future__ import annotations

import errno
import fcntl
import os
import time
from _thread import allocate_lock  # threading costs start-up, and its Lock is this one
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import BinaryIO

from correctless.base import exits
from correctless.base.exits import Stop
from correctless.base.files import open_plain
from correctless.base.values import frozen

_TRIES = 100  # times a log may be replaced between our open and our lock before we give up
WAIT = 60.0  # seconds: an append takes less than one of them, so a process that locks a log this long hangs

Which = tuple[int, int, int]  # device, inode, mode


class Missing(Stop):
    """No log is at this path."""


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
            exits.REFUSED, f"{path} is not a log of correctless. move it away, or name another file"
        )
        self.line = line


@frozen
class LogFile:
    """A log, open and locked, and its folder."""

    path: str
    name: str
    fd: int
    folder: int
    which: Which
    above: tuple[tuple[str, Which], ...]  # each folder below the root

    def release(self) -> None:
        """Unlock the log and close both."""
        _release(self.fd)
        os.close(self.folder)

    def named(self) -> os.stat_result | None:
        """The stat of the path; None when the path, or a folder of it, is no longer this one."""
        try:
            for path, which in self.above:
                if _which(os.lstat(path)) != which:
                    return None
            stat = os.lstat(self.path)
        except OSError:
            return None
        return stat if _which(stat) == self.which else None

    def stat(self) -> os.stat_result:
        """Return the stat of the open file."""
        return os.fstat(self.fd)

    def stream(self) -> BinaryIO:
        """The file's bytes for reading; closing the stream leaves the log open and locked."""
        return open(self.fd, "rb", buffering=1 << 16, closefd=False)

    def cut(self, size: int) -> None:
        """Truncate the file to `size` bytes.

        Raises: Stop(3) when the system refuses.
        """
        try:
            os.ftruncate(self.fd, size)
        except OSError as error:
            raise refusal(self.path, error, "cut it back") from None

    def set_aside(self, ending: str, now: datetime, data: bytes) -> str:
        """Write `data` to a new durable file beside the log, named after it; return its path."""
        fd, name = self._new(ending, now)
        try:
            with os.fdopen(fd, "wb") as out:
                out.write(data)
                out.flush()
                os.fsync(out.fileno())
            os.fsync(self.folder)
        except OSError as error:
            with suppress(OSError):  # half a copy of bytes the log still holds
                os.unlink(name, dir_fd=self.folder)
            raise refusal(self.path, error, "set a part of it aside") from None
        return os.path.join(os.path.dirname(self.path), name)

    def replace(self, ending: str, now: datetime, data: bytes) -> str:
        """Put a new log with `data` at the path and keep this one whole under another name; return that path.

        At every moment the path holds the old log or the new one: a crash in between loses no byte and no warning.
        """
        try:
            fresh = os.path.basename(self.set_aside("new", now, data))
            # A hard link never replaces a file, as a rename would.
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


class OpenLog:
    """A log that stays open between the appends of one process, and is locked only during each of them.

    It is opened again whenever the path names another file than before, so it is as safe as `opened`. Threads take turns.
    """

    def __init__(self, path: str, root: str | None) -> None:
        self._path = path
        # A relative path names the file anew each time, by the working directory.
        self._full = path if path == os.path.abspath(path) else None
        self._root = root
        self._file: LogFile | None = None
        self._forks = _forks
        # The file's lock belongs to one opening of it, which the threads of this process share.
        self._turn = allocate_lock()

    @contextmanager
    def locked(self, *, create: bool, limit: float = WAIT) -> Iterator[tuple[LogFile, os.stat_result]]:
        """The locked log and its stat; errors and `limit` as `opened`."""
        if self._forks != _forks:
            # `_forked` closed the file, and the thread that had the turn is not in this process.
            self._forks, self._turn, self._file = _forks, allocate_lock(), None
        turn = self._turn
        if not turn.acquire(timeout=limit):
            raise _busy(self._path, limit)
        try:
            yield self._acquire(create, limit)
        finally:
            self._unlock()
            turn.release()

    def _acquire(self, create: bool, limit: float) -> tuple[LogFile, os.stat_result]:
        file = self._file
        if file is not None:
            if file.path == (self._full or os.path.abspath(self._path)):
                _lock(file, limit, write=True)
                if (stat := file.named()) is not None:
                    return file, stat
            self._close()
        file, stat = _locked(self._path, self._root, limit, write=True, create=create)
        self._file = file
        _open_fds.update((file.fd, file.folder))
        return file, stat

    def _unlock(self) -> None:
        if self._file is None or self._forks != _forks:
            return
        try:
            fcntl.flock(self._file.fd, fcntl.LOCK_UN)
        except OSError:  # the append is complete all the same
            self._close()

    def _close(self) -> None:
        file, self._file = self._file, None
        if file is not None and self._forks == _forks:
            _open_fds.difference_update((file.fd, file.folder))
            file.release()

    def __del__(self) -> None:
        self._close()


# The files `OpenLog` has open. A forked child shares their locks: were they open in it, a log would stay locked as long
# as the child lives when its parent is killed during an append.
_open_fds: set[int] = set()
_forks = 0  # between the first process and this one


def _forked() -> None:
    global _forks
    _forks += 1
    for fd in _open_fds:
        with suppress(OSError):
            os.close(fd)
    _open_fds.clear()


os.register_at_fork(after_in_child=_forked)


@contextmanager
def opened(
    path: str, root: str | None, *, write: bool, create: bool = False, limit: float = WAIT
) -> Iterator[LogFile]:
    """The log at `path`, locked (shared unless `write`), or `Stop(3)`; below `root` no part may be a symbolic link.

    The lock belongs to this opening alone and is gone when the block ends. `Stop(75)` after `limit` seconds in which another
    held it.
    """
    file, _ = _locked(path, root, limit, write=write, create=create)
    try:
        yield file
    except OSError as error:
        raise refusal(path, error, "use it") from None
    finally:
        file.release()


def _locked(
    path: str, root: str | None, limit: float, *, write: bool, create: bool
) -> tuple[LogFile, os.stat_result]:
    folder, name, above = _folder(path, root)
    try:
        for _ in range(_TRIES):
            fd = _open(path, name, folder, write=write, create=create)
            try:
                file = LogFile(os.path.abspath(path), name, fd, folder, _which(os.fstat(fd)), above)
                _lock(file, limit, write=write)
                # After a wait this may be the lock of a file that `repair` has renamed meanwhile.
                if (stat := _at(file)) is not None:
                    return file, stat
            except BaseException:
                _release(fd)
                raise
            _release(fd)
    except BaseException as error:
        os.close(folder)
        if isinstance(error, OSError):
            raise refusal(path, error, "lock it") from None
        raise
    os.close(folder)
    raise Stop(exits.REFUSED, f"{path} is replaced again and again. end the program that does it")


def _lock(file: LogFile, limit: float, *, write: bool) -> None:
    """Wait for the lock at most `limit` seconds, then `Stop(75)`."""
    kind = (fcntl.LOCK_EX if write else fcntl.LOCK_SH) | fcntl.LOCK_NB
    began: float | None = None
    try:
        while True:
            with suppress(BlockingIOError):
                fcntl.flock(file.fd, kind)
                return
            now = time.monotonic()
            began = now if began is None else began
            if (waited := now - began) >= limit:
                break
            # Short at first, for a process that appends a line, and long for one that hangs.
            time.sleep(min(0.05, 0.0002 + waited / 20, limit - waited))
    except OSError as error:
        raise refusal(file.path, error, "lock it") from None
    raise _busy(file.path, limit)


def _busy(path: str, limit: float) -> Stop:
    return Stop(
        exits.LOCKED, f"{path} has been locked by another for {limit:g} s. end that program, then start again"
    )


def refusal(path: str, why: OSError | str, what: str) -> Stop:
    """Return the error for a log that cannot be used: exit code 3, with the cause."""
    cause = why if isinstance(why, str) else why.strerror or str(why)
    return Stop(exits.REFUSED, f"{path}: can't {what}: {cause}. fix that, then retry")


def _folder(path: str, root: str | None) -> tuple[int, str, tuple[tuple[str, Which], ...]]:
    full = os.path.abspath(path)
    above, name = os.path.split(full)
    parts: list[str] = []
    if root is not None:
        start = os.path.abspath(root)
        if not full.startswith(start.rstrip("/") + "/"):
            raise Stop(exits.REFUSED, f"{path} is outside of {root}. name a file inside it")
        parts = os.path.relpath(above, start).split("/") if above != start else []
        above = start
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
    fd = -1
    below = []
    try:
        fd = os.open(above, flags)
        # Step by step from an open folder: a link that is put in place after a check is not followed.
        for part in parts:
            above = os.path.join(above, part)
            inner = os.open(part, flags | os.O_NOFOLLOW, dir_fd=fd)
            os.close(fd)
            fd = inner
            below.append((above, _which(os.fstat(fd))))
    except OSError as error:
        if fd >= 0:
            os.close(fd)
        if error.errno == errno.ENOENT:
            raise Missing(exits.REFUSED, f"no log found at {path}: missing folder {above}") from None
        if error.errno in (errno.ELOOP, errno.ENOTDIR):
            raise Stop(
                exits.REFUSED, f"{path}: {above} is a symbolic link or no folder. put a real folder there"
            ) from None
        raise refusal(path, error, "open its folder") from None
    return fd, name, tuple(below)


def _open(path: str, name: str, folder: int, *, write: bool, create: bool) -> int:
    flags = (os.O_RDWR | os.O_APPEND if write else os.O_RDONLY) | (os.O_CREAT if create else 0)
    try:
        return open_plain(name, flags, 0o644, folder=folder)
    except OSError as error:
        if error.errno == errno.ENOENT:
            raise Missing(
                exits.REFUSED, f"no log found at {path}. put it back from a copy, or start a run first"
            ) from None
        if error.errno == errno.ELOOP:
            raise Stop(exits.REFUSED, f"{path} is a symbolic link. put a regular file there") from None
        if error.errno == errno.EINVAL:
            raise Stop(exits.REFUSED, f"{path} is not a regular file. put a regular file there") from None
        raise refusal(path, error, "open it") from None


def _at(file: LogFile) -> os.stat_result | None:
    try:
        stat = os.stat(file.name, dir_fd=file.folder, follow_symlinks=False)
    except FileNotFoundError:
        return None
    return stat if _which(stat) == file.which else None


def _release(fd: int) -> None:
    with suppress(OSError):  # closing unlocks too
        # Closing alone would leave the lock with a child that was forked in between.
        fcntl.flock(fd, fcntl.LOCK_UN)
    os.close(fd)


def _which(stat: os.stat_result) -> Which:
    # The mode too: a process that may no longer open a log must not write on to the one it has open.
    return (stat.st_dev, stat.st_ino, stat.st_mode)


def _names(name: str, ending: str, now: datetime) -> Iterator[str]:
    first = f"{name}.{ending}-{now.astimezone(UTC):%Y%m%dT%H%M%S.%fZ}"
    yield first
    number = 2
    while True:
        yield f"{first}-{number}"
        number += 1
