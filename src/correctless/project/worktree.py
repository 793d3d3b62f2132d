"""A worktree held against its commit, byte by byte and without git's index: a repository in, what differs out.

An index can be told not to look, and its configuration, attributes and filters decide what a file "is". Here each file is hashed
as it lies on disk and compared with the commit's tree; nothing an agent can set for git has a part in it.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import NamedTuple

from correctless import exits
from correctless.exits import Stop
from correctless.project import checkout
from correctless.project.git import Repo, nested
from correctless.project.paths import ARTIFACTS
from correctless.values import frozen

# Ours, in any worktree: logs and drafts are no part of what is checked.
_OURS = (ARTIFACTS, ".correctless/contracts")
_RULES = ".gitignore"
_CHUNK = 1 << 20


class _Entry(NamedTuple):
    """One path of a commit's tree."""

    mode: str
    oid: str


@frozen
class Snapshot:
    """A worktree at a moment."""

    commit: str
    different: tuple[str, ...]  # paths that are not as in the commit, and files that are in none, sorted
    sums: Mapping[
        str, str
    ]  # path of the commit -> the object id of what lies there, "" for nothing of its kind
    marks: Mapping[
        str, tuple[int, ...]
    ]  # path of the commit -> what any write to it changes, also one that is undone


def snapshot(repo: Repo, *, allow: Iterable[str] = (), untracked: bool = True) -> Snapshot:
    """The worktree against HEAD. Untracked files count, but for those that the commit's own .gitignore files name and those of `allow`.

    `.git/info/exclude`, the user's excludes and ignore files that are in no commit hide nothing. `Stop(3)` when git can't be asked.
    """
    return _snapshot(repo, repo.head(), frozenset(allow), untracked=untracked)


def _snapshot(repo: Repo, commit: str, allow: frozenset[str], *, untracked: bool) -> Snapshot:
    tree = dict(_tree(repo, commit))
    folders = {""} | {folder for path in tree for folder in _parents(path)}
    links = {path for path, entry in tree.items() if entry.mode == "160000"}
    found = set(_walk(repo.top, "", folders - links, links))
    sums: dict[str, str] = {}
    marks: dict[str, tuple[int, ...]] = {}
    different: set[str] = set()
    for path, entry in tree.items():
        if path in links:
            different.update(_submodule(repo, path, entry.oid))
            continue
        # Not found by the walk: gone, or a folder above it is a link to somewhere else.
        sums[path], marks[path] = _sum(_full(repo, path), entry) if path in found else ("", ())
        if sums[path] != entry.oid:
            different.add(path)
    if converted := sorted(path for path in different if sums.get(path)):
        different -= _as_checked_out(repo, commit, {path: tree[path] for path in converted}, sums)
    if untracked:
        different.update(_untracked(repo, tree, found - tree.keys(), allow))
    return Snapshot(commit, tuple(sorted(different)), sums, marks)


def _tree(repo: Repo, commit: str) -> Iterator[tuple[str, _Entry]]:
    for item in filter(None, repo.git("ls-tree", "-r", "-z", "--full-tree", commit).split("\0")):
        what, _, path = item.partition("\t")
        mode, _, oid = what.split(" ")
        yield path, _Entry(mode, oid)


def _parents(path: str) -> Iterator[str]:
    while path := path.rpartition("/")[0]:
        yield path


def _full(repo: Repo, path: str) -> bytes:
    # As git spells it: a path is bytes, whatever the locale says.
    return os.path.join(os.fsencode(repo.top), path.encode("utf-8", "surrogateescape"))


def _walk(top: str, folder: str, known: set[str] | None, closed: set[str]) -> Iterator[str]:
    """Every path below a folder that is no folder; of one that is not `known` only its name and a slash, unless all are."""
    try:
        with os.scandir(os.path.join(os.fsencode(top), folder.encode("utf-8", "surrogateescape"))) as entries:
            here = [
                (e.name.decode("utf-8", "surrogateescape"), e.is_dir(follow_symlinks=False)) for e in entries
            ]
    except OSError:
        yield f"{folder}/"  # what can't be looked into is not as in the commit
        return
    for name, is_folder in here:
        path = f"{folder}/{name}" if folder else name
        if (not folder and name == ".git") or path in closed:
            continue
        if not is_folder or name == ".git":
            yield path
        elif known is not None and path not in known:
            yield f"{path}/"
        else:
            yield from _walk(top, path, known, closed)


def _sum(full: bytes, entry: _Entry) -> tuple[str, tuple[int, ...]]:
    """The object id of what lies at a path, "" when it is of another kind than the entry, and what a write would change."""
    made = hashlib.sha1(usedforsecurity=False) if len(entry.oid) == 40 else hashlib.sha256()
    try:
        info = os.lstat(full)
        mark = (info.st_dev, info.st_ino, info.st_mode, info.st_size, info.st_mtime_ns, info.st_ctime_ns)
        if entry.mode == "120000":
            if not stat.S_ISLNK(info.st_mode):
                return "", mark
            target = os.readlink(full)
            made.update(b"blob %d\0" % len(target) + target)
            return made.hexdigest(), mark
        runnable = bool(info.st_mode & stat.S_IXUSR)
        if not stat.S_ISREG(info.st_mode) or runnable != (entry.mode == "100755"):
            return "", mark
        with open(os.open(full, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            made.update(b"blob %d\0" % info.st_size)
            while data := file.read(_CHUNK):
                made.update(data)
    except OSError:
        return "", ()
    return made.hexdigest(), mark


def _submodule(repo: Repo, path: str, commit: str) -> Iterator[str]:
    """What differs in a submodule; one that was not brought here is an empty folder."""
    full = os.fsdecode(_full(repo, path))
    with suppress(OSError):
        if not os.path.islink(full) and not os.listdir(full):
            return
    with suppress(Stop, OSError), nested.at(full, commit) as inside:
        if inside is not None:
            below = _snapshot(inside, commit, frozenset(), untracked=True)
            yield from (f"{path}/{each}" for each in below.different)
            return
    yield path


def _as_checked_out(repo: Repo, commit: str, tree: Mapping[str, _Entry], sums: Mapping[str, str]) -> set[str]:
    """Those files that are what a checkout would write, with line ends and the like as the commit's own attributes say."""
    with checkout.of_files(repo, commit, tree) as made:
        return {path for path, entry in tree.items() if _sum(_full(made, path), entry)[0] == sums[path]}


def _untracked(
    repo: Repo, tree: Mapping[str, _Entry], names: Iterable[str], allow: frozenset[str]
) -> Iterator[str]:
    """Those files that no ignore file of the commit names; whole folders come with a slash at their end."""
    names = [name for name in names if not _is_ours(name)]
    ignored = _ignored(repo, tree, names)
    for name in names:
        if name in ignored or name in allow:
            continue
        if not name.endswith("/"):
            yield name
            continue
        inside = [each for each in _walk(repo.top, name.rstrip("/"), None, set(_OURS)) if each not in allow]
        yield from sorted(set(inside) - _ignored(repo, tree, inside))


def _is_ours(name: str) -> bool:
    return any(f"{name.rstrip('/')}/".startswith(f"{ours}/") for ours in _OURS)


def _ignored(repo: Repo, tree: Mapping[str, _Entry], names: Iterable[str]) -> set[str]:
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


def reveal(repo: Repo) -> tuple[str, ...]:
    """Make git look at every file again, also at those it was told to take for unchanged, whatever the index says of their times.

    Returned are the paths it was told so about.
    """
    hidden, left_out = _hidden(repo)
    # Put in anew, an entry has neither marks nor times: the next command has to read its file.
    if staged := repo.git("ls-files", "--stage", "-z"):
        repo.git("-c", "core.ignoreStat=false", "update-index", "-z", "--index-info", stdin=staged)
    if left_out:
        paths = "".join(f"{each}\0" for each in left_out)
        repo.git("update-index", "--skip-worktree", "-z", "--stdin", stdin=paths)
    return hidden


def hidden_changes(repo: Repo) -> tuple[str, ...]:
    """The files that git was told not to look at and that are not as in HEAD."""
    hidden, _ = _hidden(repo)
    tree = dict(_tree(repo, repo.head())) if hidden else {}
    return tuple(
        path
        for path in hidden
        if path not in tree or _sum(_full(repo, path), tree[path])[0] != tree[path].oid
    )


def _hidden(repo: Repo) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The paths git was told not to look at, and those a sparse checkout leaves out."""
    listed = [(entry[0], entry[2:]) for entry in repo.git("ls-files", "-v", "-z").split("\0") if entry]
    marked = [(mark, path) for mark, path in listed if mark.islower() or mark == "S"]
    left_out: tuple[str, ...] = ()
    if any(mark in "Ss" for mark, _ in marked) and _is_sparse(repo):
        left_out = tuple(
            path for mark, path in marked if mark in "Ss" and not os.path.lexists(_full(repo, path))
        )
    return tuple(path for _, path in marked if path not in left_out), left_out


def _is_sparse(repo: Repo) -> bool:
    return repo.try_git("config", "--type=bool", "--get", "core.sparseCheckout").stdout.strip() == "true"
