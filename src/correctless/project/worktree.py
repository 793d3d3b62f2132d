"""Comparison of a worktree with its commit, byte by byte and without git's index.

An index can be told not to look, and its configuration, attributes and filters decide what a file "is". Here each file is hashed
as it lies on disk and compared with the commit's tree; nothing an agent can set for git has a part in it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from correctless.base import exits
from correctless.base.exits import Stop
from correctless.base.values import frozen
from correctless.project import checkout
from correctless.project.git import Repo, nested
from correctless.project.paths import ARTIFACTS, CONTRACTS
from correctless.project.tree import LINK, SUBMODULE, Tree, TreeEntry, full, lying, read_tree

# Ours, in any worktree: logs and drafts are no part of what is checked.
_OURS = (ARTIFACTS, CONTRACTS)
_RULES = ".gitignore"


@frozen
class Folder:
    """A folder at a moment. `mark` is what an entry that comes or goes changes, also one that is gone again."""

    mark: tuple[int, ...]
    free: frozenset[
        tuple[object, ...]
    ]  # what comes and goes in it by right: ignored files, outputs and our own, each with what tells a new one


@frozen
class Snapshot:
    """A worktree at a moment."""

    commit: str
    different: tuple[str, ...]  # paths that are not as in the commit, and files that are in none, sorted
    outside: tuple[
        str, ...
    ]  # links of the commit that lead out of the worktree: what a check reads there is in no commit
    sums: Mapping[
        str, str
    ]  # path of the commit -> the object id of what lies there, "" for nothing of its kind
    marks: Mapping[
        str, tuple[int, ...]
    ]  # path of the commit -> what any write to it changes, also one that is undone
    folders: Mapping[str, Folder]

    @property
    def faults(self) -> tuple[tuple[str, ...], str, str]:
        """Why this is not its commit: paths, and what one of them and what several are; no paths where it is."""
        if self.different:
            return self.different, "is not as in the commit", "are not as in the commit"
        return self.outside, "leads out of the worktree", "lead out of the worktree"


UNSEEN = Snapshot("", (), (), {}, {}, {})


def written(before: Snapshot, after: Snapshot) -> tuple[str, ...]:
    """What was written to between two looks, also where that was undone: paths, of folders with a slash at the end.

    A folder in which something came or went that may is none of them, whatever else came and went there meanwhile.
    """
    files = {path for path, mark in before.marks.items() if after.marks.get(path) != mark}
    folders = {
        f"{path or '.'}/"
        for path, folder in before.folders.items()
        if path not in after.folders
        or (after.folders[path].mark != folder.mark and after.folders[path].free == folder.free)
    }
    new = {path for path in after.different if path not in after.sums and path not in before.different}
    # A folder says no more than what is named in it.
    named = files | new
    return tuple(sorted(named or folders))


def snapshot(repo: Repo, *, allow: Iterable[str] = ()) -> Snapshot:
    """The worktree against HEAD. Untracked files count, but for those that the commit's own .gitignore files name and those of `allow`.

    `.git/info/exclude`, the user's excludes and ignore files that are in no commit hide nothing. `Stop(3)` when git can't be asked,
    or has other objects than the commit names.
    """
    return _snapshot(repo, repo.head(), frozenset(allow))


@dataclass(slots=True)
class _Walked:
    """What a walk comes by: paths that are no folder, folders that are in no commit with a slash at the end, and marks of folders."""

    names: set[str] = field(default_factory=set)
    folders: dict[str, tuple[int, ...]] = field(default_factory=dict)
    closed: frozenset[str] = frozenset()  # submodules


def _snapshot(repo: Repo, commit: str, allow: frozenset[str]) -> Snapshot:
    tree = read_tree(repo, commit)
    entries = tree.entries
    links = {path for path, entry in entries.items() if entry.mode == SUBMODULE}
    known = {""} | {folder for path in entries for folder in _parents(path)}
    seen = _Walked(closed=frozenset(links))
    _walk(repo.top, "", known - links, seen)
    sums: dict[str, str] = {}
    marks: dict[str, tuple[int, ...]] = {}
    different: set[str] = set()
    outside: set[str] = set()
    for path, entry in entries.items():
        if path in links:
            continue
        # Not found by the walk: gone, or a folder above it is a link to somewhere else.
        sums[path], marks[path] = lying(full(repo, path), entry) if path in seen.names else ("", ())
        if sums[path] != entry.oid:
            different.add(path)
        elif entry.mode == LINK and _leads_out(repo, path):
            outside.add(path)
    if converted := {path: entries[path] for path in different if sums[path]}:
        different -= _as_checked_out(repo, tree, converted, sums)
    free = _untracked(repo, entries, seen, allow, different)
    folders = {path: Folder(mark, frozenset()) for path, mark in seen.folders.items()}
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


def _walk(top: str, folder: str, known: set[str], seen: _Walked) -> None:
    """Note every path below a folder; of folders that are not `known` only the name."""
    where = os.path.join(os.fsencode(top), folder.encode("utf-8", "surrogateescape"))
    try:
        # Before its entries are read: what comes while they are is a change of the next look.
        seen.folders[folder] = _mark(where)
        with os.scandir(where) as entries:
            here = [
                (e.name.decode("utf-8", "surrogateescape"), e.is_dir(follow_symlinks=False)) for e in entries
            ]
    except OSError:
        seen.names.add(f"{folder}/")  # what can't be looked into is not as in the commit
        return
    for name, is_folder in here:
        path = f"{folder}/{name}" if folder else name
        if (not folder and name == ".git") or path in seen.closed:
            continue
        if not is_folder or name == ".git":
            seen.names.add(path)
        elif path not in known:
            seen.names.add(f"{path}/")
        else:
            _walk(top, path, known, seen)


def _mark(path: bytes) -> tuple[int, ...]:
    info = os.lstat(path)
    return (info.st_dev, info.st_ino, info.st_mode, info.st_mtime_ns, info.st_ctime_ns)


def _leads_out(repo: Repo, path: str) -> bool:
    top = os.path.realpath(repo.top)
    target = os.path.realpath(os.fsdecode(full(repo, path)))
    inside = target == top or target.startswith(f"{top}/")
    return not inside or target == f"{top}/.git" or target.startswith(f"{top}/.git/")


def _submodule(repo: Repo, path: str, commit: str) -> Snapshot | None:
    """A submodule as its own commit has it, None where it can't be; one that was not brought here is an empty folder."""
    where = os.fsdecode(full(repo, path))
    with suppress(OSError):
        if not os.path.islink(where) and not os.listdir(where):
            empty = Folder(_mark(full(repo, path)), frozenset())
            return Snapshot(commit, (), (), {}, {}, {"": empty})
    with suppress(Stop, OSError), nested.at(where, commit) as inside:
        if inside is not None:
            return _snapshot(inside, commit, frozenset())
    return None


def _as_checked_out(
    repo: Repo, tree: Tree, paths: Mapping[str, TreeEntry], sums: Mapping[str, str]
) -> set[str]:
    """Those files that are what a checkout would write, with line ends and the like as the commit's own attributes say."""
    with checkout.of_files(repo, tree, paths) as made:
        return {path for path, entry in paths.items() if lying(full(made, path), entry)[0] == sums[path]}


def _untracked(
    repo: Repo, tree: Mapping[str, TreeEntry], seen: _Walked, allow: frozenset[str], different: set[str]
) -> set[str]:
    """Add those files to `different` that are in no commit and may not be there; returned are the paths that may, folders with a slash."""
    free = {f"{folder}/" for path in (*allow, *_OURS) for folder in _parents(path)} | {f"{o}/" for o in _OURS}
    level = seen.names - tree.keys()
    asked: set[str] = set()
    while level:
        asked |= level
        names = [name for name in level if not _is_ours(name)]
        ignored = _ignored(repo, tree, names)
        free |= ignored | allow.intersection(names)
        below = _Walked(folders=seen.folders)
        for name in names:
            if name in ignored or name in allow:
                continue
            if name.endswith("/"):
                _walk(repo.top, name.rstrip("/"), set(), below)
            else:
                different.add(name)
        # One that can't be looked into is named again.
        different |= below.names & level
        level = below.names - level
    # A folder of no commit may come with what may be in it.
    return free | (asked & {f"{folder}/" for path in free for folder in _parents(path.rstrip("/"))})


def _inside(repo: Repo, free: Iterable[str]) -> dict[str, set[tuple[object, ...]]]:
    """The paths that may come and go, by the folder they are in; those that are there, with what tells them from others of their name."""
    found: dict[str, set[tuple[object, ...]]] = {}
    for path in free:
        bare = path.rstrip("/")
        with suppress(OSError):
            info = os.lstat(full(repo, bare))
            folder, _, name = bare.rpartition("/")
            # A file's time as well: numbers of files are used again. Not a folder's: what changes in it changes nothing around it.
            time = 0 if path.endswith("/") else info.st_mtime_ns
            found.setdefault(folder, set()).add((name, info.st_ino, time))
    return found


def _is_ours(name: str) -> bool:
    return any(f"{name.rstrip('/')}/".startswith(f"{ours}/") for ours in _OURS)


def _ignored(repo: Repo, tree: Mapping[str, TreeEntry], names: Iterable[str]) -> set[str]:
    asked = "".join(f"{name}\0" for name in names)
    if not asked:
        return set()
    done = repo.try_git(
        *("-c", f"core.excludesFile={os.devnull}", "-c", "core.ignoreCase=false"),
        *("check-ignore", "--no-index", "--verbose", "-z", "--stdin"),
        stdin=asked,
    )
    if done.returncode not in (0, 1):
        said = (done.stderr.strip().splitlines() or ["git did not say why"])[0]
        raise Stop(exits.REFUSED, f"what is ignored in {repo.top} can't be told: {said}")
    fields = done.stdout.split("\0")[:-1]
    found = set()
    for source, _, pattern, name in zip(*(fields[n::4] for n in range(4)), strict=True):
        theirs = source.rpartition("/")[2] == _RULES and source in tree and tree[source].mode == "100644"
        if theirs and not pattern.startswith("!"):
            found.add(name)
    return found
