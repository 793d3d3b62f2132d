"""Search for programs outside of the folders agents write in."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress

from correctless.base.exits import Stop
from correctless.project.git import Repo
from correctless.project.git.before import identity

Places = frozenset[tuple[int, int]]


def find(name: str, repo: Repo, env: Mapping[str, str]) -> tuple[str, str] | None:
    """Return a program's absolute path and the PATH it gets; None if missing.

    Relative folders of PATH, and those in a worktree of the repository, do not count.
    """
    folders = [folder for folder in env.get("PATH", "").split(os.pathsep) if os.path.isabs(folder)]
    if shutil.which(name, path=os.pathsep.join(folders)) is None:
        return None  # without a call of git for the worktrees
    written = places(repo)
    path = os.pathsep.join(folder for folder in folders if not inside(folder, written))
    program = shutil.which(name, path=path)
    return None if program is None or reached_inside(program, written) else (program, path)


def places(repo: Repo) -> Places:
    """Return the folders agents write in, by device and inode: links, mounts and capitals give them other names."""
    folders = [repo.top, repo.home, repo.git_dir, repo.common_dir]
    with suppress(Stop):  # git's own error is reported elsewhere
        folders += repo.worktrees().values()
    return frozenset(known for folder in folders if (known := identity(folder)))


def inside(path: str, written: Places) -> bool:
    """Whether a path is in one of these folders."""
    current = os.path.realpath(path)
    while identity(current) not in written:
        above = os.path.dirname(current)
        if above == current:
            return False
        current = above
    return True


def reached_inside(path: str, written: Places) -> bool:
    """Whether a link that leads to a file is in these folders: an agent that writes there chooses the file."""
    return any(inside(hop, written) for hop in _hops(path))


def _hops(path: str) -> Iterator[str]:
    """Yield the folders a file is reached through, one for each symbolic link."""
    for _ in range(40):  # as many as the kernel follows
        yield os.path.dirname(path)
        try:
            path = os.path.join(os.path.dirname(path), os.readlink(path))
        except OSError:
            break
