"""Comparison of a worktree with its commit, byte by byte and without git's index.

An index can be marked not to compare files, and configuration, attributes and filters decide what git reads of one. Here the
bytes on disk are hashed and compared with the commit's tree; nothing an agent can set for git counts.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from correctless.base.exits import Stop
from correctless.base.values import frozen
from correctless.project import checkout
from correctless.project.git import Repo, nested
from correctless.project.paths import ARTIFACTS, CONTRACTS
from correctless.project.tree import LINK, SUBMODULE, Tree, TreeEntry, absolute, read_tree, state_on_disk

# Ours, in any worktree: logs and drafts are not checked.
_OURS = (ARTIFACTS, CONTRACTS)
_RULES = ".gitignore"


@frozen
class Folder:
    """A folder's `mark`, which every added or removed entry changes, and its `free` entries.

    Free to come and go are ignored files, outputs and our own, each with inode and time.
    """

    mark: tuple[int, ...]
    free: frozenset[tuple[object, ...]]


@frozen
class Snapshot:
    """A worktree compared with its commit.

    `different`: paths that are not as in the commit, and files that are in none, sorted. `outside`: links of the commit that lead
    out of the worktree, where a check would read what no commit has. `sums` and `marks`, by path of the commit: the object id on
    disk ("" for another kind), and the stamp that any write changes, even one that is undone.
    """

    commit: str
    different: tuple[str, ...]
    outside: tuple[str, ...]
    sums: Mapping[str, str]
    marks: Mapping[str, tuple[int, ...]]
    folders: Mapping[str, Folder]

    @property
    def faults(self) -> tuple[tuple[str, ...], str, str]:
        """Return the paths that make this differ from its commit, and the predicate for one of them and for several."""
        if self.different:
            return self.different, "is not as in the commit", "are not as in the commit"
        return self.outside, "leads out of the worktree", "lead out of the worktree"


EMPTY = Snapshot("", (), (), {}, {}, {})


def written(before: Snapshot, after: Snapshot) -> tuple[str, ...]:
    """Return the paths written between two snapshots, even where that was undone; folders end with a slash.

    A folder whose free entries changed is not one of them, whatever else changed in it.
    """
    files = {path for path, mark in before.marks.items() if after.marks.get(path) != mark}
    folders = {
        f"{path or '.'}/"
        for path, folder in before.folders.items()
        if path not in after.folders
        or (after.folders[path].mark != folder.mark and after.folders[path].free == folder.free)
    }
    new = {path for path in after.different if path not in after.sums and path not in before.different}
    # A folder's own change tells nothing more where paths in it are known.
    return tuple(sorted(files | new or folders))


def snapshot(repo: Repo, *, allow: Iterable[str] = ()) -> Snapshot:
    """Compare the worktree with HEAD. Untracked files count, except those of `allow` and of the commit's own .gitignore files.

    `.git/info/exclude`, the user's excludes and ignore files that are in no commit hide nothing. Raises: `Stop(3)` when git
    fails, or an object does not match its name.
    """
    return _snapshot(repo, repo.head(), frozenset(allow))


@dataclass(slots=True)
class _WorktreeWalk:
    """The result of a walk: paths of files, folders that are in no commit with a slash at the end, and marks of folders."""

    names: set[str] = field(default_factory=set)
    folders: dict[str, tuple[int, ...]] = field(default_factory=dict)
    closed: frozenset[str] = frozenset()  # submodules


def _snapshot(repo: Repo, commit: str, allow: frozenset[str]) -> Snapshot:
    tree = read_tree(repo, commit)
    entries = tree.entries
    links = {path for path, entry in entries.items() if entry.mode == SUBMODULE}
    known = {""} | {folder for path in entries for folder in _parents(path)}
    walk = _WorktreeWalk(closed=frozenset(links))
    _walk(repo.top, "", known - links, walk)
    sums: dict[str, str] = {}
    marks: dict[str, tuple[int, ...]] = {}
    different: set[str] = set()
    outside: set[str] = set()
    for path, entry in entries.items():
        if path in links:
            continue
        # Not in the walk: missing, or a folder above it is a link.
        sums[path], marks[path] = (
            state_on_disk(absolute(repo, path), entry) if path in walk.names else ("", ())
        )
        if sums[path] != entry.oid:
            different.add(path)
        elif entry.mode == LINK and _leads_out(repo, path):
            outside.add(path)
    if converted := {path: entries[path] for path in different if sums[path]}:
        different -= _as_checked_out(repo, tree, converted, sums)
    free = _untracked(repo, entries, walk, allow, different)
    folders = {path: Folder(mark, frozenset()) for path, mark in walk.folders.items()}
    for path, what in _inside(repo, free).items():
        if path in folders:
            folders[path] = Folder(folders[path].mark, frozenset(what))
    for path in links:
        inner = _submodule(repo, path, entries[path].oid)
        different |= _under(path, inner.different) if inner else {path}
        if inner is not None:
            outside |= _under(path, inner.outside)
            sums |= {f"{path}/{each}": value for each, value in inner.sums.items()}
            marks |= {f"{path}/{each}": mark for each, mark in inner.marks.items()}
            folders |= {f"{path}/{each}".rstrip("/"): folder for each, folder in inner.folders.items()}
    return Snapshot(commit, tuple(sorted(different)), tuple(sorted(outside)), sums, marks, folders)


def _under(folder: str, paths: Iterable[str]) -> set[str]:
    return {f"{folder}/{path}" for path in paths}


def _parents(path: str) -> Iterator[str]:
    while path := path.rpartition("/")[0]:
        yield path


def _walk(top: str, folder: str, known: set[str], walk: _WorktreeWalk) -> None:
    """Add every path below a folder to the walk; of folders that are not `known` only the name."""
    where = os.path.join(os.fsencode(top), folder.encode("utf-8", "surrogateescape"))
    try:
        # Before its entries are read: one that is added meanwhile is a change in the next snapshot.
        walk.folders[folder] = _mark(where)
        with os.scandir(where) as entries:
            items = [
                (e.name.decode("utf-8", "surrogateescape"), e.is_dir(follow_symlinks=False)) for e in entries
            ]
    except OSError:
        walk.names.add(f"{folder}/")  # what can't be looked into is not as in the commit
        return
    for name, is_folder in items:
        path = f"{folder}/{name}" if folder else name
        if (not folder and name == ".git") or path in walk.closed:
            continue
        if not is_folder or name == ".git":
            walk.names.add(path)
        elif path not in known:
            walk.names.add(f"{path}/")
        else:
            _walk(top, path, known, walk)


def _mark(path: bytes) -> tuple[int, ...]:
    info = os.lstat(path)
    return (info.st_dev, info.st_ino, info.st_mode, info.st_mtime_ns, info.st_ctime_ns)


def _leads_out(repo: Repo, path: str) -> bool:
    top = os.path.realpath(repo.top)
    target = os.path.realpath(os.fsdecode(absolute(repo, path)))
    inside = target == top or target.startswith(f"{top}/")
    return not inside or target == f"{top}/.git" or target.startswith(f"{top}/.git/")


def _submodule(repo: Repo, path: str, commit: str) -> Snapshot | None:
    """Compare a submodule with its own commit; None where that is impossible. One that is not checked out is an empty folder."""
    where = os.fsdecode(absolute(repo, path))
    with suppress(OSError):
        if not os.path.islink(where) and not os.listdir(where):
            empty = Folder(_mark(absolute(repo, path)), frozenset())
            return Snapshot(commit, (), (), {}, {}, {"": empty})
    with suppress(Stop, OSError), nested.at(where, commit) as inside:
        if inside is not None:
            return _snapshot(inside, commit, frozenset())
    return None


def _as_checked_out(
    repo: Repo, tree: Tree, paths: Mapping[str, TreeEntry], sums: Mapping[str, str]
) -> set[str]:
    """Return the files that are as a checkout writes them, with line ends and the like by the commit's own attributes."""
    with checkout.of_files(repo, tree, paths) as scratch:
        return {
            path
            for path, entry in paths.items()
            if state_on_disk(absolute(scratch, path), entry)[0] == sums[path]
        }


def _untracked(
    repo: Repo, tree: Mapping[str, TreeEntry], walk: _WorktreeWalk, allow: frozenset[str], different: set[str]
) -> set[str]:
    """Add the untracked files to `different`, and return the free paths; folders end with a slash."""
    free = {f"{folder}/" for path in (*allow, *_OURS) for folder in _parents(path)} | {f"{o}/" for o in _OURS}
    level = walk.names - tree.keys()
    visited: set[str] = set()
    while level:
        visited |= level
        names = [name for name in level if not _is_ours(name)]
        ignored = _ignored(repo, tree, names)
        free |= ignored | allow.intersection(names)
        below = _WorktreeWalk(folders=walk.folders)
        for name in names:
            if name in ignored or name in allow:
                continue
            if name.endswith("/"):
                _walk(repo.top, name.rstrip("/"), set(), below)
            else:
                different.add(name)
        # A folder that can't be read is in both.
        different |= below.names & level
        level = below.names - level
    # The folders of free paths are free too.
    return free | (visited & {f"{folder}/" for path in free for folder in _parents(path.rstrip("/"))})


def _inside(repo: Repo, free: Iterable[str]) -> dict[str, set[tuple[object, ...]]]:
    """Return the existing free paths by folder, each with name, inode and time."""
    entries: dict[str, set[tuple[object, ...]]] = {}
    for path in free:
        bare = path.rstrip("/")
        with suppress(OSError):
            info = os.lstat(absolute(repo, bare))
            folder, _, name = bare.rpartition("/")
            # A file's time as well: inode numbers are reused. Not a folder's: what changes in it is not a change of its parent.
            time = 0 if path.endswith("/") else info.st_mtime_ns
            entries.setdefault(folder, set()).add((name, info.st_ino, time))
    return entries


def _is_ours(name: str) -> bool:
    return any(f"{name.rstrip('/')}/".startswith(f"{ours}/") for ours in _OURS)


def _ignored(repo: Repo, tree: Mapping[str, TreeEntry], names: Iterable[str]) -> set[str]:
    config = ("-c", f"core.excludesFile={os.devnull}", "-c", "core.ignoreCase=false")
    fields = repo.check_ignore(names, "--no-index", "--verbose", config=config).split("\0")[:-1]
    ignored = set()
    for source, _, pattern, name in zip(*(fields[n::4] for n in range(4)), strict=True):
        theirs = source.rpartition("/")[2] == _RULES and source in tree and tree[source].mode == "100644"
        if theirs and not pattern.startswith("!"):
            ignored.add(name)
    return ignored
