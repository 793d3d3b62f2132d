"""Verification of git objects against their names: git trusts the content that is stored under an object's id."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from threading import Timer
from typing import IO, TYPE_CHECKING

from correctless.base import below, exits
from correctless.base.exits import Stop
from correctless.base.files import open_plain
from correctless.project.git import call

if TYPE_CHECKING:
    from correctless.project.git import Repo

_CHUNK = 1 << 16
_TREE = b"/tree"  # no entry of a tree has such a name
_SECONDS = 600.0
_PACK = 256 << 20  # bytes of a pack that can be unpacked to save its valid objects
_LOOSE = re.compile(r"/([0-9a-f]{2})/([0-9a-f]{38}(?:[0-9a-f]{24})?)\Z")


def sound(path: str) -> bool:
    """Whether the file of a loose object has the content of its name; True for any other file."""
    match = _LOOSE.search(path)
    if match is None:
        return True
    name = match[1] + match[2]
    digest = hasher(name)
    try:
        with open(open_plain(path), "rb") as file:
            unpack = zlib.decompressobj()
            data = file.read(_CHUNK)
            while data:
                digest.update(unpack.decompress(data, _CHUNK))
                data = unpack.unconsumed_tail or file.read(_CHUNK)
    except (OSError, zlib.error):
        return False
    return digest.hexdigest() == name


def sound_pack(repo: Repo, index: str) -> bool:
    """Whether a pack's index is right about each object; True for a pack too long to be read: see `checked_head`."""
    pack = index.removesuffix("idx") + "pack"
    if not os.path.lexists(pack) or os.lstat(pack).st_size > _PACK:
        return True
    return repo.try_git("verify-pack", index, seconds=_SECONDS).returncode == 0


def unpack(repo: Repo, index: str, move_away: Callable[[str], None]) -> None:
    """Move a pack away, and write its objects again under the names of their contents."""
    stem = index.removesuffix("idx")
    pack = _bytes(f"{stem}pack").decode("utf-8", "surrogateescape")
    for name in sorted(os.listdir(os.path.dirname(index))):
        if name.startswith(os.path.basename(stem)):
            move_away(os.path.join(os.path.dirname(index), name))
    repo.try_git("unpack-objects", "-q", "-r", stdin=pack, seconds=_SECONDS)


def checked_head(repo: Repo, base: str) -> tuple[str, tuple[str, ...]]:
    """Return the commit of HEAD, and those of its objects since `base` that are missing or do not match their names.

    Trees are compared with those of base at the same path, so what did not change is not read.
    """
    faulty: list[str] = []
    with _reader(repo) as ask:
        head, right, content = ask("HEAD")
        commits = {head: (right, content)}
        if not right or _parents(content) != [base]:  # none, or more than one since
            head = repo.head()
            since = repo.git("rev-list", f"{base}..HEAD").split()
            commits = {oid: ask(oid)[1:] for oid in since}

        def vouched(known: str | None) -> dict[bytes, str]:
            """Return the entries of an object of base, if its content is valid."""
            _, right, content = ask(known) if known is not None else ("", False, b"")
            return dict(_entries(content, len(base))) if right else {}

        before = vouched(base).get(_TREE) if commits else None
        waiting: list[tuple[str, str | None]] = []
        for oid, (right, content) in commits.items():
            if right:
                waiting += [(tree, before) for _, tree in _entries(content, len(oid))]
            else:
                faulty.append(oid)
        seen: set[str] = set()
        while waiting:
            oid, known = waiting.pop()
            if oid == known or oid in seen:
                continue
            seen.add(oid)
            _, right, content = ask(oid)
            if not right:
                faulty.append(oid)
            elif entries := _entries(content, len(oid)):
                known_entries = vouched(known)
                waiting += [(each, known_entries.get(name)) for name, each in entries]
    return head, tuple(faulty)


def renew(repo: Repo, oids: Iterable[str], move_away: Callable[[str], None]) -> None:
    """Move the stored copies of these objects away, and have git write them again from the staged worktree."""
    for oid in oids:
        _take_away(repo, oid, move_away)
    gone = set(oids)
    staged = repo.git("ls-files", "--stage", "-z")
    for item in filter(None, staged.split("\0")):
        what, _, path = item.partition("\t")
        mode, oid, _ = what.split(" ")
        if oid not in gone:
            continue
        if mode == "120000":
            target = os.readlink(os.path.join(repo.top, path))
            repo.git("hash-object", "-w", "--no-filters", "--stdin", stdin=target)
        else:
            repo.git("hash-object", "-w", "--", path)
    with repo.scratch_index() as env:  # the index itself caches trees as already written
        repo.git("update-index", "-z", "--index-info", stdin=staged, env=env)
        repo.git("write-tree", env=env)


def _take_away(repo: Repo, oid: str, move_away: Callable[[str], None]) -> None:
    store = os.path.join(repo.common_dir, "objects")
    move_away(os.path.join(store, oid[:2], oid[2:]))
    packs = os.path.join(store, "pack")
    with suppress(OSError):
        for name in sorted(os.listdir(packs)):
            path = os.path.join(packs, name)
            if name.endswith(".idx") and bytes.fromhex(oid) in _bytes(path):
                unpack(repo, path, move_away)


def _bytes(path: str) -> bytes:
    data = below.read(path, _PACK + 1)
    if len(data) > _PACK:
        raise Stop(
            exits.REFUSED,
            f"{path} has objects whose content does not match their names. move it away, fetch the missing objects (see git fsck), "
            "then continue with: correctless cauto resume",
        )
    return data


def read(repo: Repo, oids: list[str]) -> Iterator[tuple[str, bool, bytes]]:
    """Yield each object: its name, whether its content matches, and of a commit or tree its kind, a NUL and its content."""
    with _reader(repo) as ask:
        for oid in oids:
            yield ask(oid)


@contextmanager
def _reader(repo: Repo) -> Iterator[Callable[[str], tuple[str, bool, bytes]]]:
    """Yield a function that reads one object through a running `git cat-file`, restarted where git ends at a damaged one.

    For `HEAD` it returns the commit of HEAD.
    """
    running: list[tuple[subprocess.Popen[bytes], Timer]] = []

    def start() -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            call.argv(repo.place, ("cat-file", "--batch")),
            cwd=repo.top,
            env=call.environment(repo.place, ""),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        timer = Timer(_SECONDS, process.kill)
        timer.start()
        running.append((process, timer))
        return process

    def end() -> None:
        process, timer = running.pop()
        timer.cancel()
        process.kill()
        with suppress(OSError):
            process.communicate()

    def ask(name: str) -> tuple[str, bool, bytes]:
        process = running[-1][0] if running else start()
        answer = _answer(process, name)
        if answer is None:
            end()
        return answer or (name, False, b"")

    try:
        yield ask
    finally:
        if running:
            end()


def _answer(process: subprocess.Popen[bytes], name: str) -> tuple[str, bool, bytes] | None:
    """Return an object's id, whether its content matches, and the content; None when git's answer is incomplete."""
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(f"{name}\n".encode())
        process.stdin.flush()
    except OSError:
        return None
    header = process.stdout.readline(200).split()
    if len(header) == 2:
        return name, False, b""
    if len(header) != 3:
        return None
    oid = header[0].decode("ascii", "replace") if name == "HEAD" else name
    right, content = _content(process.stdout, oid, header[1], int(header[2]))
    return (oid, right, content) if process.stdout.read(1) == b"\n" else None


def _content(out: IO[bytes], oid: str, kind: bytes, size: int) -> tuple[bool, bytes]:
    digest = hasher(oid)
    digest.update(b"%s %d\0" % (kind, size))
    pieces = []
    while size > 0 and (data := out.read(min(size, _CHUNK))):
        size -= len(data)
        digest.update(data)
        if kind != b"blob":
            pieces.append(data)
    content = b"".join(pieces)
    return digest.hexdigest() == oid, kind + b"\0" + content if content else b""


def _parents(content: bytes) -> list[str]:
    """Return the parents that a commit's content names."""
    head = content.partition(b"\n\n")[0].split(b"\n")
    return [line[7:].decode("ascii", "replace") for line in head if line.startswith(b"parent ")]


def _entries(content: bytes, digits: int) -> list[tuple[bytes, str]]:
    """Return name and object of each entry of a tree, or a commit's tree as `_TREE`; without repositories inside this one.

    A forged tree can have a name twice.
    """
    kind, _, rest = content.partition(b"\0")
    if kind == b"commit":
        return [(_TREE, rest[5 : 5 + digits].decode())]
    entries: list[tuple[bytes, str]] = []
    while kind == b"tree" and rest:
        head, _, rest = rest.partition(b"\0")
        mode, _, name = head.partition(b" ")
        if mode != b"160000":
            entries.append((name, rest[: digits // 2].hex()))
        rest = rest[digits // 2 :]
    return entries


def hasher(oid: str) -> hashlib._Hash:
    """Return a new hash of the kind that object ids of this length are made with."""
    return hashlib.sha1(usedforsecurity=False) if len(oid) == 40 else hashlib.sha256()
