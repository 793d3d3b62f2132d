"""A commit's files, each object verified against its name, and the object ids of the worktree's files."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterator, Mapping

from correctless.base import exits
from correctless.base.exits import Stop
from correctless.base.files import open_plain
from correctless.base.values import frozen
from correctless.project.git import Repo, objects

LINK, SUBMODULE = "120000", "160000"
_CHUNK = 1 << 20


@frozen
class TreeEntry:
    """One path of a commit's tree."""

    mode: str
    oid: str


@frozen
class Tree:
    """A commit's entries by path, and the ids of the commit and of its trees."""

    entries: Mapping[str, TreeEntry]
    above: frozenset[str]


def read_tree(repo: Repo, commit: str) -> Tree:
    """Return the tree of a commit. Raises: `Stop(3)` for an object that is missing or does not match its name."""
    head = _read(repo, {commit: b"commit"})[commit].partition(b"\n")[0].removeprefix(b"tree ").decode()
    entries: dict[str, TreeEntry] = {}
    above = {commit}
    level = {"": head}
    while level:
        above |= set(level.values())
        data = _read(repo, dict.fromkeys(level.values(), b"tree"))
        deeper: dict[str, str] = {}
        for folder, oid in level.items():
            for mode, name, inner in _entries(oid, data[oid]):
                path = f"{folder}/{name}" if folder else name
                if stat.S_ISDIR(mode):
                    deeper[path] = inner
                else:
                    entries[path] = TreeEntry(_mode(mode), inner)
        level = deeper
    return Tree(entries, frozenset(above))


def missing(repo: Repo, oids: Collection[str]) -> str:
    """Return the first of these objects that a repository lacks, "" for none."""
    output = repo.git("cat-file", "--batch-check", stdin="".join(f"{oid}\n" for oid in oids))
    return next((line.partition(" ")[0] for line in output.splitlines() if line.endswith(" missing")), "")


def forged(oid: str, repo: Repo) -> Stop:
    """Return the error for an object that is missing or does not match its name: exit code 3."""
    what = f"the object {oid[:12]} in {repo.common_dir} is missing or does not match its name"
    return Stop(exits.REFUSED, f"{what}. see git fsck")


def _read(repo: Repo, wanted: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the contents of objects of these kinds, by id."""
    contents: dict[str, bytes] = {}
    for oid, right, content in objects.read(repo, [*wanted]):
        kind, _, contents[oid] = content.partition(b"\0")
        if not right or (content and kind != wanted[oid]):
            raise forged(oid, repo)
    return contents


def _entries(oid: str, data: bytes) -> Iterator[tuple[int, str, str]]:
    size, at = len(oid) // 2, 0
    seen: set[str] = set()
    while at < len(data):
        end = data.find(b"\0", at)
        mode, _, raw = data[at:end].partition(b" ")
        name = raw.decode("utf-8", "surrogateescape")
        at = end + 1 + size
        # A tree with the right hash can have names that no checkout makes: `..`, `.git`, a path, the same twice.
        if end < 0 or name in seen or "/" in name or name.lower() in ("", ".", "..", ".git"):
            raise Stop(exits.REFUSED, f"the tree {oid[:12]} has an invalid name. see git fsck")
        seen.add(name)
        yield int(mode, 8), name, data[end + 1 : at].hex()


def _mode(mode: int) -> str:
    if stat.S_ISREG(mode):
        return "100755" if mode & stat.S_IXUSR else "100644"
    return LINK if stat.S_ISLNK(mode) else SUBMODULE


def absolute(repo: Repo, path: str) -> bytes:
    """Return the absolute path of a tree's path, as git spells it: a path is bytes in any locale."""
    return os.path.join(os.fsencode(repo.top), path.encode("utf-8", "surrogateescape"))


def state_on_disk(path: bytes, entry: TreeEntry) -> tuple[str, tuple[int, ...]]:
    """Return the object id of a file on disk ("" for another kind than the entry's), and a stamp that any write changes."""
    digest = objects.hasher(entry.oid)
    try:
        info = os.lstat(path)
        mark = (info.st_dev, info.st_ino, info.st_mode, info.st_size, info.st_mtime_ns, info.st_ctime_ns)
        if entry.mode == LINK:
            if not stat.S_ISLNK(info.st_mode):
                return "", mark
            target = os.readlink(path)
            digest.update(b"blob %d\0" % len(target) + target)
            return digest.hexdigest(), mark
        runnable = bool(info.st_mode & stat.S_IXUSR)
        if not stat.S_ISREG(info.st_mode) or runnable != (entry.mode == "100755"):
            return "", mark
        with open(open_plain(path), "rb") as file:
            digest.update(b"blob %d\0" % info.st_size)
            while data := file.read(_CHUNK):
                digest.update(data)
    except OSError:
        return "", ()
    return digest.hexdigest(), mark
