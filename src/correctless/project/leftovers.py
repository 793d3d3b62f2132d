"""Search, without git, for files in a worktree that git would wait for, fail on or silently skip."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator

from correctless.base import exits
from correctless.base.exits import Stop
from correctless.base.values import frozen
from correctless.project.paths import ARTIFACTS, CONTRACTS

RULES = (".gitignore", ".gitattributes", ".gitmodules", ".mailmap")  # git opens these, of whatever kind
_OURS = (os.fsencode(ARTIFACTS), os.fsencode(CONTRACTS))
_DEEPEST = 250  # levels of folders: git takes minutes to clean a thousand, and a path has at most 4,096 bytes
_LONGEST = 3800  # bytes of a folder's path
_KINDS = {stat.S_IFIFO: "fifo", stat.S_IFSOCK: "socket"}


@frozen
class Odd:
    """A path, from the top, that no commit can contain; `closed`: it can, once its owner may read it."""

    path: str
    why: str
    closed: bool = False


def odd(top: str) -> Iterator[Odd]:
    """Yield the odd paths of a worktree; only folders are opened, and no link is followed."""
    root = os.fsencode(top)
    _open(root)
    waiting = [b""]
    while waiting:
        folder = waiting.pop()
        if _closed(os.path.join(root, folder), os.lstat(os.path.join(root, folder))):
            yield Odd(os.fsdecode(folder), "can't be read and written", closed=True)
            continue
        with os.scandir(os.path.join(root, folder)) as entries:
            for entry in entries:
                path = os.path.join(folder, entry.name)
                info = entry.stat(follow_symlinks=False)
                if entry.name == b".git" and folder and not _is_repository(entry.path, info):
                    yield Odd(os.fsdecode(path), "has a name that git omits, and is no repository")
                if entry.name == b".git" or path in _OURS:
                    continue
                if stat.S_ISDIR(info.st_mode):
                    if len(entry.path) > _LONGEST or path.count(b"/") >= _DEEPEST:
                        yield Odd(os.fsdecode(path), "is too deep")
                    else:
                        waiting.append(path)
                elif stat.S_ISREG(info.st_mode):
                    if _closed(entry.path, info):
                        yield Odd(os.fsdecode(path), "can't be read", closed=True)
                elif not stat.S_ISLNK(info.st_mode):
                    yield Odd(os.fsdecode(path), f"is a {_KINDS.get(stat.S_IFMT(info.st_mode), 'device')}")


def open_up(top: str, path: str) -> None:
    """Let its owner read a path and all below it, and write in folders: no commit contains these modes.

    Raises: `Stop(3)` when the owner is another user.
    """
    waiting = [os.path.join(os.fsencode(top), os.fsencode(path))]
    while waiting:
        current = waiting.pop()
        _open(current)
        if stat.S_ISDIR(os.lstat(current).st_mode) and len(current) <= _LONGEST:
            with os.scandir(current) as entries:
                waiting += [entry.path for entry in entries if not entry.is_symlink()]


def _open(path: bytes) -> None:
    info = os.lstat(path)
    if stat.S_ISLNK(info.st_mode) or not _closed(path, info):
        return
    try:
        os.chmod(path, stat.S_IMODE(info.st_mode) | _wanted(info))
    except OSError:
        raise Stop(
            exits.REFUSED,
            f"{os.fsdecode(path)[:300]} can't be read, and its mode can't be changed. make it readable "
            "(chmod u+rwX), or move it away, then continue with: correctless cauto resume",
        ) from None


def _is_repository(path: bytes, info: os.stat_result) -> bool:
    return not stat.S_ISDIR(info.st_mode) or os.path.lexists(os.path.join(path, b"HEAD"))


def _wanted(info: os.stat_result) -> int:
    return 0o700 if stat.S_ISDIR(info.st_mode) else 0o400


def _closed(path: bytes, info: os.stat_result) -> bool:
    if stat.S_IMODE(info.st_mode) & _wanted(info) == _wanted(info):
        return False
    needed = os.R_OK | (os.W_OK | os.X_OK if stat.S_ISDIR(info.st_mode) else 0)
    return info.st_uid == os.geteuid() or not os.access(path, needed)
