"""Access below a trusted folder to paths that an agent could have made, without following a link.

Each component is opened in the one before it (`openat`, `O_NOFOLLOW`): a folder that became a link is an error. A pipe or a
device is never waited for.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from correctless.base.files import open_plain

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@contextmanager
def folder_of(root: str, path: str) -> Iterator[tuple[int, str]]:
    """Open the folder of `path`, and return the last component of its name; `OSError` where a component above is no folder."""
    parts = _parts(root, path)
    fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in parts[:-1]:
            below = os.open(part, _FOLDER, dir_fd=fd)
            os.close(fd)
            fd = below
        yield fd, parts[-1]
    finally:
        os.close(fd)


def look(root: str, path: str) -> os.stat_result | None:
    """Return the stat of a path, itself not followed; None where nothing is there or a folder above it is a link."""
    with suppress(OSError), folder_of(root, path) as (fd, name):
        return os.stat(name, dir_fd=fd, follow_symlinks=False)
    return None


def read(path: str, most: int = -1, *, root: str = "") -> bytes:
    """Return the first `most` bytes (-1: all) of a plain file, below `root` if it is set; `OSError` for anything else."""
    if not root:
        with open(open_plain(path), "rb") as file:
            return file.read(most)
    with folder_of(root, path) as (fd, name), open(open_plain(name, folder=fd), "rb") as file:
        return file.read(most)


def make_folder(root: str, path: str, *, mode: int = 0o700) -> None:
    """Make the folders down to `path`; anything else in the place of one is renamed, never followed."""
    if path == root:
        return
    fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in _parts(root, path):
            with suppress(FileExistsError):
                os.mkdir(part, mode, dir_fd=fd)
            try:
                below = os.open(part, _FOLDER, dir_fd=fd)
            except OSError as error:
                if error.errno not in (errno.ENOTDIR, errno.ELOOP):
                    raise
                os.rename(part, _free(fd, f"{part}.found"), src_dir_fd=fd, dst_dir_fd=fd)
                os.mkdir(part, mode, dir_fd=fd)
                below = os.open(part, _FOLDER, dir_fd=fd)
            os.close(fd)
            fd = below
    finally:
        os.close(fd)


def move(root: str, path: str, to_root: str, to: str) -> str:
    """Move `path`, itself not followed, to the first free name of `to`, `to.2`, `to.3`; return its new path."""
    make_folder(to_root, os.path.dirname(to))
    with folder_of(root, path) as (source, name), folder_of(to_root, to) as (target, wanted):
        free = _free(target, wanted)
        moved = os.path.join(os.path.dirname(to), free)
        try:
            os.rename(name, free, src_dir_fd=source, dst_dir_fd=target)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            import shutil  # takes a while, and only this needs it

            shutil.move(path, moved)  # its folders are no links: they were just opened
    return moved


def append(root: str, path: str, data: bytes) -> None:
    """Append to a plain file, created if missing; anything else in its place is renamed."""
    facts = look(root, path)
    if facts is not None and not stat.S_ISREG(facts.st_mode):
        move(root, path, root, f"{path}.found")
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
    with folder_of(root, path) as (fd, name), open(open_plain(name, flags, 0o644, folder=fd), "ab") as file:
        file.write(data)


def _parts(root: str, path: str) -> list[str]:
    parts = os.path.relpath(path, root).split(os.sep)
    if os.pardir in parts or parts == [os.curdir]:
        raise OSError(errno.EINVAL, f"not below {root}", path)
    return parts


def _free(folder: int, name: str) -> str:
    free, number = name, 1
    while True:
        try:
            os.stat(free, dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            return free
        number += 1
        free = f"{name}.{number}"
