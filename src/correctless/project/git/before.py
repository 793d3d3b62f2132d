"""Snapshot of git's own files, made before anything untrusted runs in a repository.

By plain file operations alone, for git would already obey what was changed. Watched are configuration and what it includes, hooks,
`info/`, alternates, refs, reflogs and the heads of all worktrees; what is found changed is moved into a folder, never deleted.
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

LONGEST_PACKED = 64 << 20  # likewise, of packed-refs: half a million refs
_HELD = 4 << 20  # bytes of one file that are kept to be put back; a longer one is noticed, and not put back

# Of the worktree's own folder: what comes and goes with ordinary work. Put back, or away, without a word.
# Never looked at here: the index is an agent's anyway, the lock is the run's, the rest is nothing git runs or believes.
_LEFT = re.compile(
    r"(index|correctless\.lock|lfs|reftable|logs|objects|refs|packed-refs|modules|worktrees)\Z"
)
# Of the folder all worktrees share, where this one has its own beside it; the rest there is the main worktree's.
_SHARED = re.compile(
    r"(config|config\.worktree|hooks|info|shallow|HEAD|branches|remotes|rr-cache|commondir|gitdir)\Z"
)
# Of a submodule's store; the rest there is what its commits are made of.
_OF_MODULE = (
    "config",
    "config.worktree",
    "hooks",
    "info",
    "commondir",
    "gitdir",
    "shallow",
    "branches",
    "remotes",
)
_OF_ITS_OBJECTS = ("alternates", "http-alternates")
_STORES = ("lfs", "reftable")
_OF_OTHERS = ("HEAD", "commondir", "gitdir", "config.worktree")
_OF_OBJECTS = ("alternates", "http-alternates")
# What git believes of objects without looking at them; it is made anew from them.
_FOLDERS = (
    *("refs", "refs/heads", "refs/tags", "refs/remotes"),
    *("objects", "objects/info", "objects/pack", "logs", "logs/refs", "logs/refs/heads"),
)


@dataclass(frozen=True, slots=True)
class PathState:
    """A file, link or anything else at a moment; `data` of a short plain file, `link` of a link."""

    kind: int
    stamp: tuple[int, ...]
    data: bytes | None = None
    link: str = ""

    def same(self, now: PathState) -> bool:
        """Tell whether a path is unchanged: the same stamp, or the same content."""
        if self.stamp == now.stamp:
            return True
        return (
            self.kind == now.kind
            and self.link == now.link
            and self.data is not None
            and self.data == now.data
        )


@dataclass(slots=True)
class Before:
    """A repository as it was; `files` by absolute path, `refs` by full name, `objects` by path with what tells a change."""

    repo: Repo
    branch: str  # the run's own: it moves
    files: dict[str, PathState] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)
    loose: dict[str, str] = field(default_factory=dict)
    packed: PathState | None = None
    logs: dict[str, PathState] = field(default_factory=dict)
    indexes: dict[str, tuple[int, ...]] = field(default_factory=dict)  # of other worktrees
    objects: dict[str, tuple[int, ...]] = field(default_factory=dict)
    folders: dict[str, tuple[int, int]] = field(
        default_factory=dict
    )  # device and inode; empty after it was read from disk
    stores: frozenset[str] | None = None  # the submodules' stores and the worktrees there are
    also: frozenset[str] = frozenset()  # of `files`: those that count while this process lives, and no longer


def take(repo: Repo, branch: str, *also: str) -> Before:
    """The repository as it is now, and other files that nobody may change meanwhile."""
    found = Before(repo, branch, also=frozenset(also))
    found.files = {path: entry_of(path) for path in (*watched(repo), *included(repo), *also)}
    found.packed, found.loose, found.refs = refs_of(repo)
    found.logs = {path: entry_of(path) for path in reflogs(repo)}
    found.indexes = {head: stamp_of(index) for head, index in other_heads(repo)}
    found.objects = dict(objects_of(repo))
    found.stores = frozenset(stores(repo))
    found.folders = {
        path: known for path in (repo.top, repo.git_dir, repo.common_dir) if (known := identity(path))
    }
    return found


def pack(before: Before) -> bytes:
    """A snapshot as bytes, for whoever goes on after this process died."""
    values = {
        "branch": before.branch,
        "files": {path: _spelled(entry) for path, entry in before.files.items() if path not in before.also},
        "logs": {path: _spelled(entry) for path, entry in before.logs.items()},
        "packed": _spelled(before.packed) if before.packed is not None else None,
        "loose": before.loose,
        "refs": before.refs,
        "indexes": before.indexes,
        "objects": before.objects,
        "stores": sorted(before.stores or ()),
    }
    return zlib.compress(json.dumps(values).encode("utf-8", "surrogatepass"), 1)


def unpack(repo: Repo, data: bytes) -> Before:
    """What `pack` made of it; folders are not compared, for the repository may have been copied since."""
    values: Mapping[str, Any] = json.loads(zlib.decompress(data))
    return Before(
        repo,
        values["branch"],
        files={path: _read(entry) for path, entry in values["files"].items()},
        logs={path: _read(entry) for path, entry in values["logs"].items()},
        packed=_read(values["packed"]) if values["packed"] is not None else None,
        loose=values["loose"],
        refs=values["refs"],
        indexes={path: tuple(stamp) for path, stamp in values["indexes"].items()},
        objects={path: tuple(stamp) for path, stamp in values["objects"].items()},
        stores=frozenset(values["stores"]) if "stores" in values else None,
    )


def _spelled(entry: PathState) -> list[Any]:
    data = None if entry.data is None else base64.b64encode(entry.data).decode()
    return [entry.kind, entry.stamp, data, entry.link]


def _read(values: Any) -> PathState:
    kind, stamp, data, link = values
    return PathState(kind, tuple(stamp), None if data is None else base64.b64decode(data), link)


NOTHING = PathState(0, ())


def entry_of(path: str, most: int = _HELD) -> PathState:
    """Return the state of a path, with its content up to `most` bytes."""
    try:
        found = os.lstat(path)
        if stat.S_ISLNK(found.st_mode):
            return PathState(found.st_mode, _of(found), link=os.readlink(path))
        if not stat.S_ISREG(found.st_mode) or found.st_size > most:
            return PathState(found.st_mode, _of(found))
        # A byte more than it had: one that grew meanwhile is another.
        return PathState(found.st_mode, _of(found), below.read(path, found.st_size + 1))
    except OSError:
        return NOTHING


def _of(found: os.stat_result) -> tuple[int, ...]:
    # The time of the last change of its inode can't be set by whoever owns a file.
    return (found.st_mode, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def stamp_of(path: str) -> tuple[int, ...]:
    """Return mode, inode, size and times of a path; () when missing."""
    try:
        return _of(os.lstat(path))
    except OSError:
        return ()


def identity(path: str, *, follow: bool = True) -> tuple[int, int] | None:
    """Return device and inode of a path; None when missing."""
    try:
        found = os.stat(path, follow_symlinks=follow)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def scan(folder: str) -> Iterator[os.DirEntry[str]]:
    """What is in a folder; nothing where a link to one is."""
    with suppress(OSError):
        if not os.path.islink(folder):
            with os.scandir(folder) as found:
                yield from found


def _below(folder: str) -> Iterator[str]:
    """Everything in a folder that is no folder itself, links not followed; it itself where it is none."""
    if os.path.lexists(folder) and not _is_folder(folder):
        yield folder
    folders = [folder]  # no recursion: how deep it goes is an agent's to say
    while folders:
        for item in scan(folders.pop()):
            if item.is_dir(follow_symlinks=False):
                folders.append(item.path)
            else:
                yield item.path


def watched(repo: Repo) -> Iterator[str]:
    """The paths of git's files that decide what git does here."""
    for item in scan(repo.git_dir):
        if _LEFT.match(item.name):
            continue
        yield from _below(item.path) if item.is_dir(follow_symlinks=False) else (item.path,)
    common = repo.common_dir
    for root in {repo.git_dir, common}:
        for name in _STORES:  # an agent's commits write there, and git's filters follow what leads elsewhere
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
    for name in _OF_OBJECTS:
        yield os.path.join(common, "objects", "info", name)
    yield os.path.join(common, "objects", "info", "commit-graph")
    yield os.path.join(common, "objects", "pack", "multi-pack-index")
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
            for name in _OF_ITS_OBJECTS:
                yield from _below(os.path.join(store, "objects/info", name))


def stores(repo: Repo) -> Iterator[str]:
    """The stores of submodules, also of those in submodules, and the folders of other worktrees; links in their place as well."""
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
    """The files the repository's configuration includes, those that are not there as well."""
    for scope in ("--local", "--worktree"):
        name = "config" if scope == "--local" else "config.worktree"
        folder = repo.common_dir if scope == "--local" else repo.git_dir
        if b"include" not in (entry_of(os.path.join(folder, name)).data or b"").lower():
            continue
        words = (
            "config",
            scope,
            "--includes",
            "--null",
            "--show-origin",
            "--type=path",
            "--get-regexp",
            r"^include(if\..*)?\.path$",
        )
        items = repo.try_git(*words).stdout.split("\0")
        for origin, said in zip(items[::2], items[1::2], strict=False):
            source = os.path.join(repo.top, origin.removeprefix("file:"))
            yield os.path.normpath(os.path.join(os.path.dirname(source), said.partition("\n")[2]))


def folders(repo: Repo) -> Iterator[str]:
    """Yield the folders that git keeps refs, objects and logs in."""
    for root in {repo.git_dir, repo.common_dir}:
        for name in _FOLDERS:
            yield os.path.join(root, name)


def other_heads(repo: Repo) -> Iterator[tuple[str, str]]:
    """HEAD and index of each other worktree."""
    folders = [item.path for item in scan(os.path.join(repo.common_dir, "worktrees"))]
    for folder in (repo.common_dir, *folders):
        if folder != repo.git_dir:
            yield os.path.join(folder, "HEAD"), os.path.join(folder, "index")


def refs_of(repo: Repo) -> tuple[PathState | None, dict[str, str], dict[str, str]]:
    """packed-refs, the refs that are files (one that is no plain file or no text has no value), and all refs."""
    path = os.path.join(repo.common_dir, "packed-refs")
    packed = entry_of(path, LONGEST_PACKED)
    found: dict[str, str] = {}
    for line in (packed.data or b"").decode("utf-8", "surrogateescape").splitlines():
        oid, _, name = line.partition(" ")
        if OID.match(oid):
            found[name] = oid
    loose: dict[str, str] = {}
    for place in _below(os.path.join(repo.common_dir, "refs")):
        name = os.path.relpath(place, repo.common_dir)
        if not name.endswith(".lock"):  # whoever works in another worktree may hold one just now
            loose[name] = (entry_of(place).data or b"").decode("utf-8", "surrogateescape").strip()
    return packed, loose, {**found, **{name: value for name, value in loose.items() if value}}


def reflogs(repo: Repo) -> Iterator[str]:
    """Yield the paths of all reflogs."""
    yield from _below(os.path.join(repo.common_dir, "logs", "refs"))
    for folder in {repo.git_dir, repo.common_dir}:
        if os.path.lexists(os.path.join(folder, "logs", "HEAD")):
            yield os.path.join(folder, "logs", "HEAD")


def objects_of(repo: Repo) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Each object and pack, with what tells that it is another; of a pack also the hash it ends with."""
    root = os.path.join(repo.common_dir, "objects")
    for folder in scan(root):
        if len(folder.name) != 2 and folder.name != "pack":
            continue
        for item in scan(folder.path):
            if folder.name == "pack" and not item.name.endswith((".pack", ".idx")):
                continue
            with suppress(OSError):
                found = item.stat(follow_symlinks=False)
                tail = _tail(item.path) if folder.name == "pack" else 0
                yield item.path, (found.st_ino, found.st_size, found.st_mtime_ns, tail)


def _tail(path: str) -> int:
    with suppress(OSError), open(open_plain(path), "rb") as file:
        file.seek(-20, os.SEEK_END)
        return int.from_bytes(file.read(), "big")
    return 0
