"""Append-only, tamper-evident JSONL log; the only code that appends to one.

Every append locks the file, checks what is new in it, writes once, syncs, and only then acknowledges.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from correctless.base import exits
from correctless.base.clock import utcnow
from correctless.base.exits import Stop
from correctless.ledger.chain import EMPTY, Entry, Head, entry, links, seal
from correctless.ledger.check import checked, sound
from correctless.ledger.log_file import WAIT, Damaged, LogFile, OpenLog, opened, refusal
from correctless.ledger.record import encode
from correctless.syntax.strict_json import RecordError

_KEY = re.compile(rb'"key":("(?:[^"\\]|\\.)*")')
_PLAIN = re.compile(r"[ !#-\[\]-~]*")  # text that stands in JSON as it is
_SMALL = 1 << 16  # bytes of a log that is read again whole whenever another wrote to it
_SHARE = 16  # a larger one is, as soon as others added one part in so many


class LogMoved(Stop):
    """Somebody added to the log since it was read: what was decided on it must be decided anew."""


@dataclass(slots=True, eq=False, repr=False)
class _FileSeen:
    """What one `Ledger` knows of its file, and answers for."""

    identity: tuple[int, int]
    stamp: tuple[int, int, int] = (-1, -1, -1)  # size and times when it was last looked at
    head: Head = EMPTY
    end: int = 0  # of the acknowledged bytes
    last: bytes = b""  # the last acknowledged line, with its newline
    others: int = 0  # bytes that others added since all of it was read
    # a key as it is spelled -> offset and length of each line that may have it
    keys: dict[bytes, list[tuple[int, int]]] = field(default_factory=dict)

    def note(self, offset: int, line: bytes, head: Head, keys: Iterable[bytes]) -> None:
        for key in keys:
            self.keys.setdefault(key, []).append((offset, len(line)))
        self.head, self.last, self.end = head, line + b"\n", offset + len(line) + 1


class Ledger:
    """One log file as one writer sees it. Any number of them, in any number of processes, may append to one file.

    `root`: the folder the log may not leave; below it no part of the path may be a symbolic link. `clock` names what is
    set aside. `noted` is called with each entry this writer adds, after it is on disk and before `append` returns, under
    the file's lock: it must not use this log, and what it raises comes out of `append` though the entry stands.
    `limit`: the seconds it waits for another's lock before `Stop(75)`. Threads may share one: they take turns. `alone`: nobody
    else may add to it meanwhile; an entry that somebody did is `Stop(3)` at the next append.
    """

    def __init__(
        self,
        path: str,
        *,
        root: str | None = None,
        clock: Callable[[], datetime] = utcnow,
        noted: Callable[[Entry], None] | None = None,
        limit: float = WAIT,
        alone: bool = False,
    ) -> None:
        self.path = path
        self._root = root
        self._clock = clock
        self._noted = noted
        self._limit = limit
        self._alone = alone
        self._kept = OpenLog(path, root)
        self._seen: _FileSeen | None = None
        self._failed: Stop | None = None
        # bytes of the file that this writer itself has seen on disk, and its name with them
        self._synced = -1

    def create(self) -> None:
        """Make the empty log, durably; one that is there is checked as before an append."""
        with self._locked() as (file, stat):
            try:
                self._sync(file, self._catch_up(file, stat).end)
            except OSError as error:
                raise refusal(self.path, error, "use it") from None

    def append(self, fields: Mapping[str, Any]) -> Entry:
        """The entry, durable when this returns. A non-null `key` that is in the log already returns that entry.

        `Damaged`, `Foreign` or `Stop(3)` when it can't be written, `Stop(75)` when another keeps it locked; `ValueError` or
        `TypeError` when `fields` are no JSON.
        """
        with self._locked() as (file, stat):
            try:
                made, new = self._add(file, stat, fields)
            except OSError as error:
                raise refusal(self.path, error, "use it") from None
            if new and self._noted is not None:
                self._noted(made)
            return made

    def append_after(self, head: Head, many: Iterable[Mapping[str, Any]]) -> tuple[Entry, ...]:
        """Add these, in one write, if the log still ends at `head`; `LogMoved` when it doesn't. Other errors as `append`.

        Whoever decides on what a log says appends so: what others decided meanwhile can't be overlooked. No `key` is looked for.
        """
        with self._locked() as (file, stat):
            try:
                seen = self._catch_up(file, stat)
                if seen.head != head:
                    raise LogMoved(exits.LOCKED, f"{self.path} was written to meanwhile. start again")
                made: list[Entry] = []
                for fields in many:
                    made.append(seal(fields, Head(made[-1].seq, made[-1].head) if made else head))
                self._write(file, b"".join(entry.line + b"\n" for entry in made), seen.end)
                for entry in made:
                    seen.note(
                        seen.end, entry.line, Head(entry.seq, entry.head), _spelled(entry.fields.get("key"))
                    )
                seen.stamp = _stamp(file.stat())
            except OSError as error:
                raise refusal(self.path, error, "use it") from None
            for entry in made:
                if self._noted is not None:
                    self._noted(entry)
            return tuple(made)

    def forward(self, data: bytes) -> None:
        """Bring the log forward to `data`, which is this very log as it went on elsewhere; durable when this returns.

        `Stop(3)` when the log is no beginning of it; other errors as `append`. The caller has checked the chain of `data`.
        """
        with self._locked() as (file, stat):
            try:
                seen = self._catch_up(file, stat)
                if os.pread(file.fd, seen.end, 0) != data[: seen.end]:
                    raise Stop(exits.REFUSED, f"{self.path} is another log. move it away, or go on elsewhere")
                new = tuple(links(io.BytesIO(data), seen.end, seen.head))
                self._write(file, data[seen.end :], seen.end)
            except OSError as error:
                raise refusal(self.path, error, "use it") from None
            for link in new:
                if self._noted is not None:
                    self._noted(checked(self.path, link))

    def entries(self) -> Iterator[Entry]:
        """Every entry in turn, the chain checked up to it, one in memory at a time; `Missing`, `Damaged` or `Foreign`.

        The log is locked for writers until the iterator ends or is closed: don't append to it in between.
        """
        with opened(self.path, self._root, write=False, limit=self._limit) as file:
            if self._seen is not None:
                self._same(file.stat(), self._seen)
            yield from sound(file)

    def read(self) -> tuple[Entry, ...]:
        """Every acknowledged entry, the whole chain checked; `Missing`, `Damaged` or `Foreign`."""
        # Taken before: another thread may add meanwhile.
        known = self._seen.head if self._seen is not None else EMPTY
        entries = tuple(self.entries())
        if known.seq and (len(entries) < known.seq or entries[known.seq - 1].head != known.sha256):
            raise Damaged(self.path, known.seq, "it is not what was acknowledged")
        return entries

    def head(self) -> Head:
        """Where the log ends; errors as `read`.

        A log that is written here `alone` and was looked at before is read again only when its file is another than it was left.
        """
        if self._alone and self._seen is not None:
            with self._locked() as (file, stat):
                try:
                    return self._catch_up(file, stat).head
                except OSError as error:
                    raise refusal(self.path, error, "read it") from None
        head = EMPTY
        for each in self.entries():
            head = Head(each.seq, each.head)
        return head

    def _locked(self) -> AbstractContextManager[tuple[LogFile, os.stat_result]]:
        if self._failed is not None:
            raise self._failed
        # A file this writer has acknowledged entries in is never made anew.
        return self._kept.locked(create=self._seen is None, limit=self._limit)

    def _add(self, file: LogFile, stat: os.stat_result, fields: Mapping[str, Any]) -> tuple[Entry, bool]:
        """The entry with these fields, and whether it is a new one."""
        seen = self._catch_up(file, stat)
        key = fields.get("key")
        spelled = _spelled(key)
        if key is not None and (known := self._with_key(file, seen, key, spelled)) is not None:
            # Whoever wrote it may have been killed before it was on disk.
            if self._synced < seen.end:
                self._sync(file, seen.end)
            return known, False
        made = seal(fields, seen.head)
        self._write(file, made.line + b"\n", seen.end)
        seen.note(seen.end, made.line, Head(made.seq, made.head), spelled)
        seen.stamp = _stamp(file.stat())
        return made, True

    def _catch_up(self, file: LogFile, stat: os.stat_result) -> _FileSeen:
        """Check what is new since the last look, everything the first time, and set a torn last line aside."""
        seen = self._seen
        if seen is not None:
            self._same(stat, seen)
            if os.pread(file.fd, len(seen.last), seen.end - len(seen.last)) != seen.last:
                raise Damaged(self.path, seen.head.seq, "its last acknowledged line was changed or cut off")
            if _stamp(stat) == seen.stamp:
                return seen
            seen.others += stat.st_size - seen.end
        known = seen.head.seq if seen is not None else None
        if seen is None or self._alone or _again(stat.st_size, seen):
            seen = _FileSeen((stat.st_dev, stat.st_ino))
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
                    seen.note(link.offset, link.line, link.head, _KEY.findall(link.line))
        if last is not None:
            # No later line vouches for the last one: that it is JSON at all is what can be checked.
            checked(self.path, last)
        if self._alone and known is not None and seen.head.seq > known:
            raise Stop(
                exits.REFUSED,
                f"{self.path}:{known + 1}: another process added this entry while a run had the log for itself. "
                "read it, then continue with: correctless cauto resume",
            )
        if tail:
            file.set_aside("torn", self._clock(), tail)
            file.cut(seen.end)
            stat = file.stat()
        seen.stamp = _stamp(stat)
        self._seen = seen
        return seen

    def _same(self, stat: os.stat_result, seen: _FileSeen) -> None:
        if (stat.st_dev, stat.st_ino) != seen.identity:
            raise Stop(
                exits.REFUSED, f"{self.path} was replaced while it was written to. put back the log of before"
            )

    def _with_key(self, file: LogFile, seen: _FileSeen, key: object, spelled: list[bytes]) -> Entry | None:
        for each in spelled:
            for offset, length in seen.keys.get(each, ()):
                try:
                    found = entry(os.pread(file.fd, length, offset))
                except RecordError:
                    for _ in sound(file):  # says which line was changed in place
                        pass
                    raise
                # A key of the same spelling may stand deeper inside a line: only the line's own counts.
                if found.fields.get("key") == key:
                    return found
        return None

    def _write(self, file: LogFile, data: bytes, end: int) -> None:
        try:
            written = os.write(file.fd, data)
        except OSError as error:
            raise self._cut_back(file, error.strerror or str(error)) from None
        if written != len(data):
            raise self._cut_back(file, f"only {written} of {len(data)} bytes were taken")
        self._sync(file, end + len(data))

    def _sync(self, file: LogFile, end: int) -> None:
        try:
            os.fsync(file.fd)
            if self._synced < 0:  # else the name itself could be gone after a power cut
                os.fsync(file.folder)
        except OSError as error:
            raise self._cut_back(file, error.strerror or str(error)) from None
        self._synced = end

    def _cut_back(self, file: LogFile, why: str) -> Stop:
        """Undo a write that failed. A failed fsync is never retried: the kernel may have dropped the pages and said so once."""
        stop = refusal(self.path, why, "write to it")
        self._failed = stop
        file.cut(self._seen.end if self._seen is not None else 0)
        return stop


def _stamp(stat: os.stat_result) -> tuple[int, int, int]:
    return (stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)


def _again(size: int, seen: _FileSeen) -> bool:
    """Whether a log that was touched is read whole again: only then an earlier line changed in place is sure to be seen."""
    # A log of many writers can't be read whole for every line of theirs. One that didn't grow was changed, not added to.
    return size == seen.end or size <= _SMALL or seen.others * _SHARE >= size


def _spelled(key: object) -> list[bytes]:
    """How a key that is text stands in its line."""
    if key is None:
        return []
    if type(key) is str and _PLAIN.fullmatch(key):
        return [b'"%s"' % key.encode()]
    return _KEY.findall(encode({"key": key}))
