"""A path and bytes in; the file written whole, or not at all, out."""

from __future__ import annotations

import os
from collections.abc import Iterable


def replace_file(
    path: str, data: bytes | Iterable[bytes], *, mode: int = 0o644, durable: bool = True
) -> None:
    """Write a derived file whole: aside, synced, then renamed over, so that no reader sees half of it. A folder that stands there
    is moved beside it.

    One that is not `durable` is not synced: a power cut may leave it empty, so whoever needs it makes it anew.
    """
    aside = f"{path}.{os.getpid()}.tmp"
    fd = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
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


def set_aside(path: str) -> None:
    """Move what stands at a path beside it, as NAME.found: nothing is deleted, and nothing followed."""
    target, number = f"{path}.found", 1
    while os.path.lexists(target):
        number += 1
        target = f"{path}.found.{number}"
    os.rename(path, target)
