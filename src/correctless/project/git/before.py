"""Snapshot of git's own files, made before anything untrusted runs in a repository.

By plain file operations alone, for git would already obey what was changed. Watched are configuration and what it includes,
hooks, `info/`, alternates, refs, reflogs and the heads of all worktrees.
"""

from __future__ import annotations

import base64
import json
import os
import re
import stat
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from correctless.base import below
from correctless.base.files import open_plain
from correctless.project.git import Repo
from correctless.project.git.objectid import OID

_LONGEST = 4 << 20  # bytes of a file that can be restored; of a longer one only the change is reported
LONGEST_PACKED = 64 << 20  # likewise, of packed-refs: half a million refs

# Not watched in the worktree's own git folder: the index is an agent's anyway, the lock is the run's, refs and objects have
# snapshots of their own, and the rest git neither runs nor trusts.
_UNWATCHED = re.compile(
    r"(index|correctless\.lock|lfs|reftable|logs|objects|refs|packed-refs|modules|worktrees)\Z"
)
# Watched in the folder all worktrees share, in a linked worktree; the rest there is the main worktree's.
_SHARED = re.compile(
    r"(config|config\.worktree|hooks|info|shallow|HEAD|branches|remotes|rr-cache|commondir|gitdir)\Z"
)
# Watched in a submodule's store; the rest are its objects and refs.
_OF_MODULE = (
    *("config", "config.worktree", "hooks", "info", "commondir", "gitdir", "shallow", "branches", "remotes"),
    *("objects/info/alternates", "objects/info/http-alternates"),
)
_STORES = ("lfs", "reftable")
_OF_OTHERS = ("HEAD", "commondir", "gitdir", "config.worktree")
# What git trusts of its objects without verification.
_OF_OBJECTS = (
    *("info/alternates", "info/http-alternates"),
    *("info/commit-graph", "pack/multi-pack-index"),
)
_FOLDERS = (
    *("refs", "refs/heads", "refs/tags", "refs/remotes"),
    *("objects", "objects/info", "objects/pack", "logs", "logs/refs", "logs/refs/heads"),
)


@dataclass(frozen=True, slots=True)
class PathState:
    """The state of a path: `data` of a short plain file, `link` of a link."""

    kind: int
    stamp: tuple[int, ...]
    data: bytes | None = None
    link: str = ""

    def same(self, now: PathState) -> bool:
        """Tell whether a path is unchanged: the same stamp, or the same content."""
        content = (self.kind, self.link, self.data) == (now.kind, now.link, now.data)
        return self.stamp == now.stamp or (content and self.data is not None)


@dataclass(slots=True)
class Before:
    """A snapshot: `files` by absolute path, `refs` by full name, `objects` by path with inode, size, time and hash."""

    repo: Repo
    branch: str  # the run's own, which moves
    files: dict[str, PathState] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)
    loose: dict[str, str] = field(default_factory=dict)
    packed: PathState | None = None
    logs: dict[str, PathState] = field(default_factory=dict)
    indexes: dict[str, tuple[int, ...]] = field(default_factory=dict)  # of other worktrees
    objects: dict[str, tuple[int, ...]] = field(default_factory=dict)
    folders: dict[str, tuple[int, int]] = field(default_factory=dict)  # device and inode; not after `unpack`
    stores: frozenset[str] | None = None  # the submodules' stores and the other worktrees
    also: frozenset[str] = frozenset()  # of `files`: those that count only in this process; not packed


def take(repo: Repo, branch: str, *also: str) -> Before:
    """Take a snapshot of the repository, and `also` of other files."""
    now = Before(repo, branch, also=frozenset(also))
    now.files = {path: entry_of(path) for path in (*watched(repo), *included(repo), *also)}
    now.packed, now.loose, now.refs = refs_of(repo)
    now.logs = {path: entry_of(path) for path in reflogs(repo)}
    now.indexes = {head: stamp_of(index) for head, index in other_heads(repo)}
    now.objects = dict(objects_of(repo))
    now.stores = frozenset(stores(repo))
    now.folders = {
        path: known for path in (repo.top, repo.git_dir, repo.common_dir) if (known := identity(path))
    }
    return now


def pack(before: Before) -> bytes:
    """Return a snapshot as bytes, for the dispatcher that resumes after this process died."""
    values = {
        "branch": before.branch,
        "files": {path: _encoded(entry) for path, entry in before.files.items() if path not in before.also},
        "logs": {path: _encoded(entry) for path, entry in before.logs.items()},
        "packed": _encoded(before.packed) if before.packed is not None else None,
        "loose": before.loose,
        "refs": before.refs,
        "indexes": before.indexes,
        "objects": before.objects,
        "stores": sorted(before.stores or ()),
    }
    return zlib.compress(json.dumps(values).encode("utf-8", "surrogatepass"), 1)


def unpack(repo: Repo, data: bytes) -> Before:
    """Return the snapshot in bytes of `pack`; without folders, for the repository may have been copied since."""
    values: Mapping[str, Any] = json.loads(zlib.decompress(data))
    return Before(
        repo,
        values["branch"],
        files={path: _decoded(entry) for path, entry in values["files"].items()},
        logs={path: _decoded(entry) for path, entry in values["logs"].items()},
        packed=_decoded(values["packed"]) if values["packed"] is not None else None,
        loose=values["loose"],
        refs=values["refs"],
        indexes={path: tuple(stamp) for path, stamp in values["indexes"].items()},
        objects={path: tuple(stamp) for path, stamp in values["objects"].items()},
        stores=frozenset(values["stores"]) if "stores" in values else None,
    )


def _encoded(entry: PathState) -> list[Any]:
    data = None if entry.data is None else base64.b64encode(entry.data).decode()
    return [entry.kind, entry.stamp, data, entry.link]


def _decoded(values: Any) -> PathState:
    kind, stamp, data, link = values
    return PathState(kind, tuple(stamp), None if data is None else base64.b64decode(data), link)


NOTHING = PathState(0, ())


def entry_of(path: str, most: int = _LONGEST) -> PathState:
    """Return the state of a path, with its content up to `most` bytes."""
    try:
        info = os.lstat(path)
        if stat.S_ISLNK(info.st_mode):
            return PathState(info.st_mode, _stamp(info), link=os.readlink(path))
        if not stat.S_ISREG(info.st_mode) or info.st_size > most:
            return PathState(info.st_mode, _stamp(info))
        # One byte more than its size: one that grew meanwhile differs.
        return PathState(info.st_mode, _stamp(info), below.read(path, info.st_size + 1))
    except OSError:
        return NOTHING


def _stamp(info: os.stat_result) -> tuple[int, ...]:
    # The owner of a file cannot set its ctime.
    return (info.st_mode, info.st_ino, info.st_size, info.st_mtime_ns, info.st_ctime_ns)


def stamp_of(path: str) -> tuple[int, ...]:
    """Return mode, inode, size and times of a path; () when missing."""
    try:
        return _stamp(os.lstat(path))
    except OSError:
        return ()


def identity(path: str, *, follow: bool = True) -> tuple[int, int] | None:
    """Return device and inode of a path; None when missing."""
    try:
        info = os.stat(path, follow_symlinks=follow)
    except OSError:
        return None
    return info.st_dev, info.st_ino


def scan(folder: str | os.DirEntry[str]) -> Iterator[os.DirEntry[str]]:
    """Yield the entries of a folder; none of a link to one."""
    with suppress(OSError):
        if not (os.path.islink(folder) if isinstance(folder, str) else folder.is_symlink()):
            with os.scandir(folder) as items:
                yield from items


def _below(folder: str) -> Iterator[str]:
    """Yield all below a folder that is not a folder, links not followed; the path itself where it is not one."""
    if os.path.lexists(folder) and not _is_folder(folder):
        yield folder
    folders = [folder]  # no recursion: an agent decides how deep it is
    while folders:
        for item in scan(folders.pop()):
            if item.is_dir(follow_symlinks=False):
                folders.append(item.path)
            else:
                yield item.path


def watched(repo: Repo) -> Iterator[str]:
    """Yield the paths of the files that decide what git does in this repository."""
    for item in scan(repo.git_dir):
        if _UNWATCHED.match(item.name):
            continue
        yield from _below(item.path) if item.is_dir(follow_symlinks=False) else (item.path,)
    common = repo.common_dir
    for root in {repo.git_dir, common}:
        for name in _STORES:  # an agent's commits write there, and git's filters follow links
            store = os.path.join(root, name)
            yield from (path for path in (store, *_below(store)) if os.path.islink(path))
    if common != repo.git_dir:
        for item in scan(common):
            if _SHARED.match(item.name):
                yield from _below(item.path) if item.is_dir(follow_symlinks=False) else (item.path,)
    if os.path.join(repo.top, ".git") != repo.git_dir:
        yield os.path.join(repo.top, ".git")
    for path in folders(repo):
        if os.path.lexists(path) and not stat.S_ISDIR(os.lstat(path).st_mode):
            yield path
    for other in scan(os.path.join(common, "worktrees")):
        if other.path != repo.git_dir and other.is_dir(follow_symlinks=False):
            yield from (os.path.join(other.path, name) for name in _OF_OTHERS)
    yield from (os.path.join(common, "objects", name) for name in _OF_OBJECTS)
    yield from _below(os.path.join(common, "objects", "info", "commit-graphs"))
    for name in ("modules", "worktrees"):
        for root in {repo.git_dir, common}:
            if os.path.lexists(os.path.join(root, name)) and not _is_folder(os.path.join(root, name)):
                yield os.path.join(root, name)
    for store in stores(repo):
        if not _is_folder(store):
            yield store
        elif os.path.join("", "modules", "") in store:
            for name in _OF_MODULE:
                yield from _below(os.path.join(store, name))


def stores(repo: Repo) -> Iterator[str]:
    """Yield the stores of submodules, nested ones too, and the folders of other worktrees; also links in their place."""
    yield from (
        item.path for item in scan(os.path.join(repo.common_dir, "worktrees")) if item.path != repo.git_dir
    )
    folders = [os.path.join(root, "modules") for root in {repo.git_dir, repo.common_dir}]
    while folders:
        for item in scan(folders.pop()):
            if not item.is_dir(follow_symlinks=False) or os.path.lexists(os.path.join(item.path, "HEAD")):
                yield item.path
                folders.append(os.path.join(item.path, "modules"))
            else:
                folders.append(item.path)


def _is_folder(path: str) -> bool:
    return os.path.isdir(path) and not os.path.islink(path)


def included(repo: Repo) -> Iterator[str]:
    """Yield the files the repository's configuration includes, missing ones too."""
    for scope in ("--local", "--worktree"):
        name = "config" if scope == "--local" else "config.worktree"
        folder = repo.common_dir if scope == "--local" else repo.git_dir
        if b"include" not in (entry_of(os.path.join(folder, name)).data or b"").lower():
            continue
        args = (
            *("config", scope, "--includes", "--null", "--show-origin", "--type=path"),
            *("--get-regexp", r"^include(if\..*)?\.path$"),
        )
        items = repo.try_git(*args).stdout.split("\0")
        for origin, setting in zip(items[::2], items[1::2], strict=False):
            source = os.path.join(repo.top, origin.removeprefix("file:"))
            yield os.path.normpath(os.path.join(os.path.dirname(source), setting.partition("\n")[2]))


def folders(repo: Repo) -> Iterator[str]:
    """Yield the folders that git keeps refs, objects and logs in."""
    for root in {repo.git_dir, repo.common_dir}:
        for name in _FOLDERS:
            yield os.path.join(root, name)


def other_heads(repo: Repo) -> Iterator[tuple[str, str]]:
    """Yield HEAD and index of each other worktree."""
    folders = [item.path for item in scan(os.path.join(repo.common_dir, "worktrees"))]
    for folder in (repo.common_dir, *folders):
        if folder != repo.git_dir:
            yield os.path.join(folder, "HEAD"), os.path.join(folder, "index")


def refs_of(repo: Repo) -> tuple[PathState | None, dict[str, str], dict[str, str]]:
    """Return packed-refs, the refs that are files ("" for one that is not plain), and all refs."""
    packed = entry_of(os.path.join(repo.common_dir, "packed-refs"), LONGEST_PACKED)
    refs: dict[str, str] = {}
    for line in (packed.data or b"").decode("utf-8", "surrogateescape").splitlines():
        oid, _, name = line.partition(" ")
        if OID.match(oid):
            refs[name] = oid
    loose: dict[str, str] = {}
    for path in _below(os.path.join(repo.common_dir, "refs")):
        name = os.path.relpath(path, repo.common_dir)
        if not name.endswith(".lock"):  # git in another worktree may hold one at this moment
            loose[name] = (entry_of(path).data or b"").decode("utf-8", "surrogateescape").strip()
    return packed, loose, {**refs, **{name: value for name, value in loose.items() if value}}


def reflogs(repo: Repo) -> Iterator[str]:
    """Yield the paths of all reflogs."""
    yield from _below(os.path.join(repo.common_dir, "logs", "refs"))
    for folder in {repo.git_dir, repo.common_dir}:
        if os.path.lexists(os.path.join(folder, "logs", "HEAD")):
            yield os.path.join(folder, "logs", "HEAD")


def objects_of(repo: Repo) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield each object and pack with inode, size and time; of a pack also the hash at its end."""
    root = os.path.join(repo.common_dir, "objects")
    for folder in scan(root):
        if len(folder.name) != 2 and folder.name != "pack":
            continue
        for item in scan(folder):
            if folder.name == "pack" and not item.name.endswith((".pack", ".idx")):
                continue
            with suppress(OSError):
                info = item.stat(follow_symlinks=False)
                tail = _tail(item.path) if folder.name == "pack" else 0
                yield item.path, (info.st_ino, info.st_size, info.st_mtime_ns, tail)


def _tail(path: str) -> int:
    with suppress(OSError), open(open_plain(path), "rb") as file:
        file.seek(-20, os.SEEK_END)
        return int.from_bytes(file.read(), "big")
    return 0
