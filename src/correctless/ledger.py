"""The log: fields in, one durable line of a tamper-evident JSONL file out; read, verified and repaired here alone.

Every append locks the file, checks what is new in it, writes once, syncs, and only then acknowledges.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from correctless import exits
from correctless.chain import EMPTY, GENESIS, Entry, Head, entry, links, seal
from correctless.exits import Stop
from correctless.logcheck import Anchor, Repaired, Report, checked, repair, sound, verify
from correctless.logfile import Damaged, Foreign, LogFile, Missing, opened, refusal
from correctless.record import encode, utcnow

__all__ = [
    "GENESIS", "Anchor", "Damaged", "Entry", "Foreign", "Head", "Ledger", "Missing", "Repaired", "Report", "repair", "verify",
]  # fmt: skip

_KEY = re.compile(rb'"key":("(?:[^"\\]|\\.)*")')


@dataclass(slots=True)
class _Seen:
    """What one `Ledger` knows of its file, and answers for."""

    identity: tuple[int, int]
    stamp: tuple[int, int, int] = (-1, -1, -1)  # size and times when it was last looked at
    head: Head = EMPTY
    end: int = 0  # of the acknowledged bytes
    last: bytes = b""  # the last acknowledged line, with its newline
    # a key as it is spelled -> offset and length of each line that may have it
    keys: dict[bytes, list[tuple[int, int]]] = field(default_factory=dict)

    def note(self, offset: int, line: bytes, head: Head) -> None:
        for match in _KEY.finditer(line):
            self.keys.setdefault(match[1], []).append((offset, len(line)))
        self.head, self.last, self.end = head, line + b"\n", offset + len(line) + 1


class Ledger:
    """One log file as one writer sees it. Any number of them, in any number of processes, may append to one file.

    `root`: the folder the log may not leave; below it no part of the path may be a symbolic link. `clock` names what is
    set aside. Threads may share one: what it knows changes under the file's lock alone.
    """

    def __init__(self, path: str, *, root: str | None = None, clock: Callable[[], datetime] = utcnow) -> None:
        self.path = path
        self._root = root
        self._clock = clock
        self._seen: _Seen | None = None
        self._failed: Stop | None = None

    def create(self) -> None:
        """Make the empty log, durably; one that is there is checked as before an append."""
        with self._opened() as file:
            self._catch_up(file)
            try:
                os.fsync(file.fd)
                os.fsync(file.folder)
            except OSError as error:
                raise self._cut_back(file, error.strerror or str(error)) from None

    def append(self, fields: Mapping[str, Any]) -> Entry:
        """The entry, durable when this returns. A non-null `key` that is in the log already returns that entry.

        `Damaged`, `Foreign` or `Stop(3)` when it can't be written; `ValueError` or `TypeError` when `fields` are no JSON.
        """
        with self._opened() as file:
            seen = self._catch_up(file)
            key = fields.get("key")
            if key is not None and (known := self._with_key(file, seen, key)) is not None:
                return known
            made = seal(fields, seen.head)
            self._write(file, made.line + b"\n", new=seen.end == 0)
            seen.note(seen.end, made.line, Head(made.seq, made.head))
            seen.stamp = _stamp(file)
            return made

    def read(self) -> tuple[Entry, ...]:
        """Every acknowledged entry, the whole chain checked; `Missing`, `Damaged` or `Foreign`."""
        with opened(self.path, self._root, write=False) as file:
            entries = tuple(sound(file))
        known = self._seen.head if self._seen is not None else EMPTY
        if known.seq and (len(entries) < known.seq or entries[known.seq - 1].head != known.sha256):
            raise Damaged(self.path, known.seq, "it is not what was acknowledged")
        return entries

    def head(self) -> Head:
        """Where the log ends; errors as `read`."""
        with opened(self.path, self._root, write=False) as file:
            head = EMPTY
            for each in sound(file):
                head = Head(each.seq, each.head)
            return head

    def _opened(self) -> AbstractContextManager[LogFile]:
        if self._failed is not None:
            raise self._failed
        # A file this writer has acknowledged entries in is never made anew.
        return opened(self.path, self._root, write=True, create=self._seen is None)

    def _catch_up(self, file: LogFile) -> _Seen:
        """Check what is new since the last look, everything the first time, and set a torn last line aside."""
        stat = file.stat()
        identity = (stat.st_dev, stat.st_ino)
        seen = self._seen
        if seen is not None:
            self._still_there(file, seen, identity)
            if _stamp(file) == seen.stamp:
                return seen
        # Same size but touched: something was changed in place, and only the whole chain can say what.
        if seen is None or stat.st_size == seen.end:
            seen = _Seen(identity)
        tail = b""
        last = None
        with file.stream() as stream:
            for link in links(stream, seen.end, seen.head):
                if link.torn:
                    tail = link.line
                elif link.fault is not None:
                    checked(self.path, link)
                else:
                    last = link
                    seen.note(link.offset, link.line, link.head)
        if last is not None:
            # No later line vouches for the last one: that it is JSON at all is what can be checked.
            checked(self.path, last)
        if tail:
            file.set_aside("torn", self._clock(), tail)
            file.cut(seen.end)
        seen.stamp = _stamp(file)
        self._seen = seen
        return seen

    def _still_there(self, file: LogFile, seen: _Seen, identity: tuple[int, int]) -> None:
        if identity != seen.identity:
            raise Stop(
                exits.REFUSED, f"{self.path} was replaced while it was written to. put back the log of before"
            )
        if os.pread(file.fd, len(seen.last), seen.end - len(seen.last)) != seen.last:
            raise Damaged(self.path, seen.head.seq, "its last acknowledged line was changed or cut off")

    def _with_key(self, file: LogFile, seen: _Seen, key: object) -> Entry | None:
        spelled = _KEY.search(encode({"key": key}))
        for offset, length in seen.keys.get(spelled[1], ()) if spelled else ():
            # A key of the same spelling may stand deeper inside a line: only the line's own counts.
            found = entry(os.pread(file.fd, length, offset))
            if found.fields.get("key") == key:
                return found
        return None

    def _write(self, file: LogFile, data: bytes, *, new: bool) -> None:
        try:
            written = os.write(file.fd, data)
            if written == len(data):
                os.fsync(file.fd)
                if new:  # else the name itself could be gone after a power cut
                    os.fsync(file.folder)
        except OSError as error:
            raise self._cut_back(file, error.strerror or str(error)) from None
        if written != len(data):
            raise self._cut_back(file, f"only {written} of {len(data)} bytes were taken")

    def _cut_back(self, file: LogFile, why: str) -> Stop:
        """Undo a write that failed. A failed fsync is never retried: the kernel may have dropped the pages and said so once."""
        stop = refusal(self.path, why, "write to it")
        self._failed = stop
        file.cut(self._seen.end if self._seen is not None else 0)
        return stop


def _stamp(file: LogFile) -> tuple[int, int, int]:
    stat = file.stat()
    return (stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
