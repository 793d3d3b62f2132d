"""Cache of results by the digest of their inputs, and of digests by file stat, in the user's cache folder.

A cache that is damaged, of another version or of another owner is ignored, and a failed write only costs time. The last
writer wins; what another one stored is computed again.
"""

from __future__ import annotations

import marshal
import os
import sys

try:
    from _blake2 import blake2b as blake2b  # hashlib would load OpenSSL first
except ImportError:
    from hashlib import blake2b as blake2b

from correctless.base.files import Unreadable, read_plain, replace_file

TYPE_CHECKING = False  # typing costs 7 ms to import
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    Result = tuple[Any, ...]
    # Absolute path of a SKILL.md -> its stat, and the name that it states, None without one
    SkillNames = dict[str, tuple["Stat", str | None]]
    # Names in a folder: folders to walk, files that are linted by their names, other files of Markdown, whether one of the
    # files is a link, other links, and whether it is a project.
    Listing = tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...], bool, tuple[str, ...], bool]
    Listings = dict[
        tuple[int, int, int, int], Listing
    ]  # device, inode, mtime, ctime of a folder -> its names

Stat = tuple[int, int, int, int]  # inode, size, mtime, ctime

_MAX_SIZE = 256 << 20
_MAX_RESULTS = 200_000  # stored results; above, only those of the last run
_DIGEST = 32
_PACKAGES = ("base", "syntax", "project", "skill", "lint")  # the packages that a result depends on
_TICK = 2_000_000_000  # ns: a file changed more recently may change again and have the same times


def folder(environment: Mapping[str, str]) -> str | None:
    """Return the folder of the cache, None when the environment names no home."""
    base = environment.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(base):
        home = environment.get("HOME", "")
        if not os.path.isabs(home):
            return None
        base = os.path.join(home, ".cache")
    return os.path.join(base, "correctless", "lint")


def version() -> bytes:
    """Return the digest of the interpreter and of the code that a result depends on."""
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    digest = blake2b(sys.version.encode(), digest_size=16)
    folders = [os.path.join(package, part) for part in _PACKAGES]
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
    """Return the digest of some bytes, 16 bytes long."""
    return blake2b(data, digest_size=16).digest()


class Cache:
    """Results of earlier runs; `save` writes those of this one. Without a folder nothing is stored."""

    def __init__(self, folder: str | None) -> None:
        self._folder = folder
        self._name = version().hex()
        stored: Any = load(folder, self._name) if folder else None
        if not isinstance(stored, tuple) or len(stored) != 4:
            stored = {}, {}, {}, {}
        by_stat, results, names, listings = stored
        self._by_stat: dict[str, tuple[Stat, bytes, bytes]] = by_stat
        self._results: dict[bytes, Result] = results
        self.skill_names: SkillNames = names
        self.listings: Listings = listings
        self._used: set[bytes] = set()
        self._changed = False

    @property
    def empty(self) -> bool:
        """Whether the cache has no result."""
        return not self._results

    def by_stat(self, path: str, stat: Stat, settings: bytes) -> Result | None:
        """Return the result of a file whose stat is unchanged, under the digest of the settings."""
        known = self._by_stat.get(path)
        if known is None or known[0] != stat or known[1] != settings:
            return None
        return self.by_content(known[2])

    def by_content(self, key: bytes) -> Result | None:
        """Return the result stored under the digest of its inputs, if any."""
        result = self._results.get(key)
        if result is not None:
            self._used.add(key)
        return result

    def put(self, path: str, stat: Stat, settings: bytes, key: bytes, result: Result, now_ns: int) -> None:
        """Store the result of a file under the digest of its inputs, and that digest under its stat and settings.

        `now_ns`: the time in nanoseconds; a file younger than a tick is not stored by its stat.
        """
        self._changed = self._changed or self._results.get(key) != result
        self._results[key] = result
        self._used.add(key)
        if _settled(stat, now_ns):
            self._changed = self._changed or self._by_stat.get(path) != (stat, settings, key)
            self._by_stat[path] = (stat, settings, key)

    def put_names(self, names: SkillNames, now_ns: int) -> None:
        """Store the names that files state, by the stat of each."""
        for path, (stat, name) in names.items():
            if _settled(stat, now_ns):
                self.skill_names[path] = stat, name
                self._changed = True

    def put_listings(self, listings: Listings, now_ns: int) -> None:
        """Store what folders contain, by the stat of each."""
        for stat, listing in listings.items():
            if stat not in self.listings and _settled(stat, now_ns):
                self.listings[stat] = listing
                self._changed = True

    def save(self) -> None:
        """Write the cache, if it changed. A failed write only costs time."""
        if not self._changed or not self._folder:
            return
        if len(self._results) > _MAX_RESULTS:
            self._results = {key: self._results[key] for key in self._used}
        if len(self._by_stat) > _MAX_RESULTS:
            self._by_stat = {path: entry for path, entry in self._by_stat.items() if entry[2] in self._used}
        for each in (self.skill_names, self.listings):
            if len(each) > _MAX_RESULTS:
                each.clear()
        save(self._folder, self._name, (self._by_stat, self._results, self.skill_names, self.listings))


def stat_of(facts: os.stat_result) -> Stat:
    """Return what of a stat changes with the content."""
    return facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns


def _settled(stat: Stat, now_ns: int) -> bool:
    # As in git's index: a file just written may be written once more within the same tick.
    return now_ns - max(stat[2], stat[3]) > _TICK


def load(store: str, name: str) -> Any:
    """Return a saved value, None without a complete one of this user."""
    try:
        data, facts = read_plain(os.path.join(store, name), _MAX_SIZE)
    except Unreadable:
        return None
    digest = blake2b(data[_DIGEST:], digest_size=_DIGEST).digest()
    if facts.st_uid != os.geteuid() or digest != data[:_DIGEST]:
        return None
    try:
        return marshal.loads(data[_DIGEST:])  # noqa: S302 complete and this user's own
    except (ValueError, EOFError, TypeError):
        return None


def save(store: str, name: str, value: Any) -> None:
    """Save a value; a failed write is ignored."""
    data = marshal.dumps(value)
    whole = (blake2b(data, digest_size=_DIGEST).digest(), data)
    try:
        os.makedirs(store, mode=0o700, exist_ok=True)
        replace_file(os.path.join(store, name), whole, durable=False)
    except OSError:
        return
