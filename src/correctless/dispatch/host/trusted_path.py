"""Programs found outside of the folders agents write in."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress

from correctless.base.exits import Stop
from correctless.project.git import Repo

Places = frozenset[tuple[int, int]]


def find(name: str, repo: Repo, env: Mapping[str, str]) -> tuple[str, str] | None:
    """Return a program's absolute path and the PATH it gets; None if missing.

    Relative folders of PATH, and those in a worktree of the repository, are left out.
    """
    folders = [folder for folder in env.get("PATH", "").split(os.pathsep) if os.path.isabs(folder)]
    if shutil.which(name, path=os.pathsep.join(folders)) is None:
        return None  # git need not be asked where the worktrees are
    written = places(repo)
    path = os.pathsep.join(folder for folder in folders if not inside(folder, written))
    found = shutil.which(name, path=path)
    return None if found is None or reached_inside(found, written) else (found, path)


def places(repo: Repo) -> Places:
    """Return the folders agents write in, by device and inode.

    Their names have links, mounts and capitals.
    """
    folders = [repo.top, repo.home, repo.git_dir, repo.common_dir]
    with suppress(Stop):  # where git itself fails, that is what a person is to be told
        folders += repo.worktrees().values()
    return frozenset(known for folder in folders if (known := _identity(folder)))


def inside(path: str, written: Places) -> bool:
    """Whether a path is in one of these folders."""
    here = os.path.realpath(path)
    while _identity(here) not in written:
        above = os.path.dirname(here)
        if above == here:
            return False
        here = above
    return True


def reached_inside(path: str, written: Places) -> bool:
    """Whether a link that leads to a file is in these folders.

    Who writes there chooses the file.
    """
    return any(inside(hop, written) for hop in _hops(path))


def _identity(path: str) -> tuple[int, int] | None:
    with suppress(OSError):
        found = os.stat(path)
        return found.st_dev, found.st_ino
    return None


def _hops(path: str) -> Iterator[str]:
    """The folders a file is reached through, one for each symbolic link."""
    for _ in range(40):  # as many as the kernel follows
        yield os.path.dirname(path)
        try:
            path = os.path.join(os.path.dirname(path), os.readlink(path))
        except OSError:
            break
