"""Plain files, opened without following a link or waiting for a pipe, and written whole or not at all."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable

_BLOCK = 1 << 14  # bytes that are read at once of a file that has no size, as those of /proc


def replace_file(
    path: str, data: bytes | Iterable[bytes], *, mode: int = 0o644, durable: bool = True
) -> None:
    """Write a derived file through a temporary file, so that no reader sees half of it; a folder in its place is moved aside.

    Without `durable` it is not synced: after a power cut it may be empty and has to be written again.
    """
    # A new file under a name that nobody knows: nothing can have been put in its place.
    aside = f"{path}.{os.urandom(4).hex()}.tmp"
    fd = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(fd, "wb") as out:
            out.writelines([data] if isinstance(data, bytes) else data)
            out.flush()
            if durable:
                os.fsync(out.fileno())
        try:
            os.replace(aside, path)
        except IsADirectoryError:
            set_aside(path)
            os.replace(aside, path)
    except BaseException:
        os.unlink(aside)
        raise


def open_plain(
    path: str | bytes,
    flags: int = os.O_RDONLY,
    mode: int = 0o600,
    *,
    folder: int | None = None,
    follow: bool = False,
) -> int:
    """Return a descriptor of a plain file; `OSError` for anything else, and for a link without `follow`.

    `path` is relative to the open `folder`, if any. Only its last component may be no link: see `below`.
    """
    # Not blocking: a pipe in the place of a file must not block the reader. Plain files ignore the flag.
    flags |= os.O_NONBLOCK | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW)
    fd = os.open(path, flags, mode, dir_fd=folder)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise OSError(errno.EINVAL, "it is not a plain file", path)
    return fd


class Unreadable(Exception):  # noqa: N818 says what the file is
    """Why a file can't be read, in a few words."""


def read_plain(path: str, most: int) -> tuple[bytes, os.stat_result]:
    """Return a plain file of at most `most` bytes, and its stat before the read; links are followed. Raises: `Unreadable`."""
    try:
        fd = open_plain(path, follow=True)
        try:
            facts, parts, left = os.fstat(fd), [], most + 1
            # By its size, and then to its end: a buffer of `most` bytes takes longer than to read a usual file.
            while left > 0 and (part := os.read(fd, min(max(facts.st_size + 1, _BLOCK), left))):
                parts.append(part)
                left -= len(part)
        finally:
            os.close(fd)
    except OSError as error:
        raise Unreadable(error.strerror or "the system does not say why") from None
    except ValueError:  # a NUL in the name
        raise Unreadable("no file has such a name") from None
    if left <= 0:
        raise Unreadable(f"it is over {most} bytes")
    return b"".join(parts), facts


def set_aside(path: str) -> None:
    """Rename a path to NAME.found: nothing is deleted, and no link followed."""
    target, number = f"{path}.found", 1
    while os.path.lexists(target):
        number += 1
        target = f"{path}.found.{number}"
    os.rename(path, target)
