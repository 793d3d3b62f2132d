"""Cache of results by the digest of their inputs, and of digests by file stat, in the user's cache folder.

A cache is never trusted: one that is damaged, of another version or of another owner counts as none, and one that can't be
written costs time and nothing else. Who writes last wins; what the other one kept is worked out again.
"""

from __future__ import annotations

import contextlib
import marshal
import os
import sys

from correctless.lint.subject.subject import blake2b

TYPE_CHECKING = False  # typing costs 2 ms to import
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    Stat = tuple[int, int, int, int]  # inode, size, mtime, ctime
    Result = tuple[Any, ...]

_LARGEST = 256 << 20
_MOST = 200_000  # results that are kept; above, only those of the last run
_DIGEST = 32
_MADE_BY = ("base", "syntax", "project", "skill", "lint")  # the packages that a result depends on
_SETTLED = 2_000_000_000  # ns: a file changed more recently may change again without its times showing it


def folder(environment: Mapping[str, str]) -> str | None:
    """Where results are kept; None when the environment names no home."""
    base = environment.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(base):
        home = environment.get("HOME", "")
        if not os.path.isabs(home):
            return None
        base = os.path.join(home, ".cache")
    return os.path.join(base, "correctless", "lint")


def version() -> bytes:
    """What results of another version differ in: the interpreter and the state of the code that makes them."""
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    digest = blake2b(sys.version.encode(), digest_size=16)
    folders = [os.path.join(package, part) for part in _MADE_BY]
    while folders:
        with os.scandir(folders.pop()) as listing:
            for entry in sorted(listing, key=lambda e: e.name):
                if entry.is_dir() and entry.name != "__pycache__":
                    folders.append(entry.path)
                elif entry.name.endswith(".py"):
                    facts = entry.stat()
                    digest.update(f"{entry.path}:{facts.st_size}:{facts.st_mtime_ns};".encode())
    return digest.digest()


def digest(data: bytes) -> bytes:
    """Sixteen bytes that stand for all of these."""
    return blake2b(data, digest_size=16).digest()


class Cache:
    """The results of earlier runs; `save` keeps those of this one. Without a folder it forgets everything."""

    def __init__(self, store: str | None) -> None:
        self._store = store
        self._name = version().hex()
        kept = load(store, self._name) if store else None
        by_stat, results = kept if isinstance(kept, tuple) and len(kept) == 2 else ({}, {})
        self._by_stat: dict[str, tuple[Stat, bytes]] = by_stat
        self._results: dict[bytes, Result] = results
        self._used: set[bytes] = set()
        self._changed = False

    @property
    def empty(self) -> bool:
        """Whether it knows nothing, so that nothing need be asked of it."""
        return not self._results

    def by_stat(self, path: str, stat: Stat, settings: bytes) -> Result | None:
        """The result of a file that nobody has touched since."""
        known = self._by_stat.get(path)
        if known is None or known[0] != stat or not known[1].startswith(settings):
            return None
        return self.by_content(known[1])

    def by_content(self, key: bytes) -> Result | None:
        """Return the result stored under the digest of its inputs, if any."""
        result = self._results.get(key)
        if result is not None:
            self._used.add(key)
        return result

    def keep(self, path: str, stat: Stat, key: bytes, result: Result, now_ns: int) -> None:
        """Store the result of a file under the digest of its inputs, and that digest under its stat.

        `now_ns`: the time in nanoseconds; a file younger than a tick is not stored by its stat.
        """
        self._changed = self._changed or self._results.get(key) != result
        self._results[key] = result
        self._used.add(key)
        # As git has it with its index: a file written in this very moment may be written once more within the same tick.
        if now_ns - max(stat[2], stat[3]) > _SETTLED:
            known = self._by_stat.get(path)
            self._changed = self._changed or known != (stat, key)
            self._by_stat[path] = (stat, key)

    def save(self) -> None:
        """Write the cache, if it changed. A failed write only costs time."""
        if not self._changed or not self._store:
            return
        if len(self._results) > _MOST:
            self._results = {key: self._results[key] for key in self._used}
        if len(self._by_stat) > _MOST:
            self._by_stat = {path: kept for path, kept in self._by_stat.items() if kept[1] in self._used}
        save(self._store, self._name, (self._by_stat, self._results))


def load(store: str, name: str) -> Any:
    """A value that was saved; None when there is none that is whole and our own."""
    try:
        with open(os.path.join(store, name), "rb") as file:
            facts = os.fstat(file.fileno())
            if facts.st_uid != os.geteuid() or facts.st_size > _LARGEST:
                return None
            data = file.read()
    except OSError:
        return None
    if blake2b(data[_DIGEST:], digest_size=_DIGEST).digest() != data[:_DIGEST]:
        return None
    try:
        return marshal.loads(data[_DIGEST:])  # noqa: S302 whole and our own
    except (ValueError, EOFError, TypeError):
        return None


def save(store: str, name: str, value: Any) -> None:
    """Keep a value; that it could not be kept is no error."""
    data = marshal.dumps(value)
    aside = os.path.join(store, f"{name}.{os.getpid()}.tmp")
    try:
        os.makedirs(store, mode=0o700, exist_ok=True)
        with open(aside, "wb") as out:
            out.write(blake2b(data, digest_size=_DIGEST).digest())
            out.write(data)
        os.replace(aside, os.path.join(store, name))
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(aside)
