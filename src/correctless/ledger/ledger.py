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
from correctless.ledger.chain import EMPTY, Entry, Head, end_of, entry, links, seal
from correctless.ledger.check import checked, sound
from correctless.ledger.log_file import WAIT, Damaged, LogFile, OpenLog, opened, refusal
from correctless.ledger.record import encode
from correctless.syntax.strict_json import RecordError

_KEY = re.compile(rb'"key":("(?:[^"\\]|\\.)*")')
_PLAIN = re.compile(r"[ !#-\[\]-~]*")  # text that JSON leaves unescaped
_SMALL = 1 << 16  # bytes of a log that is read whole again whenever another process wrote to it
_SHARE = 16  # a larger one is read again once others added a part of it in so many


class LogMoved(Stop):
    """Another writer added to the log since it was read: decide again on what it is now."""


@dataclass(slots=True, eq=False, repr=False)
class _FileState:
    """What one `Ledger` has checked of its file."""

    identity: tuple[int, int]
    stamp: tuple[int, int, int] = (-1, -1, -1)  # size and times when it was last looked at
    head: Head = EMPTY
    end: int = 0  # of the acknowledged bytes
    last: bytes = b""  # the last acknowledged line, with its newline
    others: int = 0  # bytes that others added since all of it was read
    # a key as its line spells it -> offset and length of each line that may have it
    keys: dict[bytes, list[tuple[int, int]]] = field(default_factory=dict)

    def note(self, offset: int, line: bytes, head: Head, keys: Iterable[bytes]) -> None:
        for key in keys:
            self.keys.setdefault(key, []).append((offset, len(line)))
        self.head, self.last, self.end = head, line + b"\n", offset + len(line) + 1


class Ledger:
    """One log file as one writer sees it. Any number of them, in any number of processes, may append to one file.

    `root`: the folder the log may not leave; below it no part of the path may be a symbolic link. `clock` names what is
    set aside. `noted` is called with each entry this writer adds, after it is on disk and before `append` returns, under
    the file's lock: it must not use this log, and what it raises comes out of `append` although the entry is recorded.
    `limit`: the seconds to wait for another's lock before `Stop(75)`. Threads may share one: they take turns. `alone`: no
    other writer may add to the log meanwhile; an entry of another one is `Stop(3)` at the next append.
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
        self._file = OpenLog(path, root)
        self._state: _FileState | None = None
        self._failed: Stop | None = None
        self._synced = -1  # bytes of the file that this writer itself has synced, and its name with them

    def create(self) -> None:
        """Create the empty log, durably; one that exists is checked as before an append."""
        with self._locked() as (file, stat):
            try:
                self._sync(file, self._catch_up(file, stat).end)
            except OSError as error:
                raise refusal(self.path, error, "use it") from None

    def append(self, fields: Mapping[str, Any]) -> Entry:
        """Add one entry, durable when this returns. Where the log has its non-null `key` already, return that entry.

        `Damaged`, `Foreign` or `Stop(3)` when it can't be written, `Stop(75)` when another keeps it locked; `ValueError` or
        `TypeError` when `fields` are no JSON.
        """
        with self._locked() as (file, stat):
            try:
                entry, is_new = self._add(file, stat, fields)
            except OSError as error:
                raise refusal(self.path, error, "use it") from None
            if is_new and self._noted is not None:
                self._noted(entry)
            return entry

    def append_after(self, head: Head, many: Iterable[Mapping[str, Any]]) -> tuple[Entry, ...]:
        """Add entries in one write, if the log still ends at `head`; `LogMoved` when it doesn't. Other errors as `append`.

        For a decision that depends on the log: one that others took meanwhile is not overlooked. No `key` is looked for.
        """
        with self._locked() as (file, stat):
            try:
                state = self._catch_up(file, stat)
                if state.head != head:
                    raise LogMoved(exits.LOCKED, f"{self.path} was written to meanwhile. start again")
                entries: list[Entry] = []
                for fields in many:
                    entries.append(seal(fields, end_of(entries) if entries else head))
                self._write(file, b"".join(each.line + b"\n" for each in entries), state.end)
                for each in entries:
                    keys = _spelled(each.fields.get("key"))
                    state.note(state.end, each.line, Head(each.seq, each.head), keys)
                state.stamp = _stamp(file.stat())
            except OSError as error:
                raise refusal(self.path, error, "use it") from None
            for each in entries:
                if self._noted is not None:
                    self._noted(each)
            return tuple(entries)

    def forward(self, data: bytes) -> None:
        """Extend the log to `data`, which is this very log as it was continued elsewhere; durable when this returns.

        `Stop(3)` when the log is not a beginning of it; other errors as `append`. The caller has checked the chain of `data`.
        """
        with self._locked() as (file, stat):
            try:
                state = self._catch_up(file, stat)
                if os.pread(file.fd, state.end, 0) != data[: state.end]:
                    raise Stop(exits.REFUSED, f"{self.path} is another log. move it away, then retry")
                new = tuple(links(io.BytesIO(data), state.end, state.head))
                self._write(file, data[state.end :], state.end)
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
            if self._state is not None:
                self._same(file.stat(), self._state)
            yield from sound(file)

    def read(self) -> tuple[Entry, ...]:
        """Every acknowledged entry, the whole chain checked; `Missing`, `Damaged` or `Foreign`."""
        # Before the log is read: another thread may add meanwhile.
        known = self._state.head if self._state is not None else EMPTY
        entries = tuple(self.entries())
        if known.seq and (len(entries) < known.seq or entries[known.seq - 1].head != known.sha256):
            raise Damaged(self.path, known.seq, "it is not what was acknowledged")
        return entries

    def head(self) -> Head:
        """Where the log ends; errors as `read`.

        A log that this writer has `alone` is read again only when size, times or inode of its file changed.
        """
        if self._alone and self._state is not None:
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
        # A file in which this writer acknowledged entries is never created again.
        return self._file.locked(create=self._state is None, limit=self._limit)

    def _add(self, file: LogFile, stat: os.stat_result, fields: Mapping[str, Any]) -> tuple[Entry, bool]:
        """Return the entry with these fields, and whether it is new."""
        state = self._catch_up(file, stat)
        key = fields.get("key")
        spelled = _spelled(key)
        if key is not None and (known := self._with_key(file, state, key, spelled)) is not None:
            # The process that wrote it may have been killed before it was on disk.
            if self._synced < state.end:
                self._sync(file, state.end)
            return known, False
        new = seal(fields, state.head)
        self._write(file, new.line + b"\n", state.end)
        state.note(state.end, new.line, Head(new.seq, new.head), spelled)
        state.stamp = _stamp(file.stat())
        return new, True

    def _catch_up(self, file: LogFile, stat: os.stat_result) -> _FileState:
        """Check what is new since the last look, everything the first time, and set a torn last line aside."""
        state = self._state
        if state is not None:
            self._same(stat, state)
            if os.pread(file.fd, len(state.last), state.end - len(state.last)) != state.last:
                raise Damaged(self.path, state.head.seq, "its last acknowledged line was changed or cut off")
            if _stamp(stat) == state.stamp:
                return state
            state.others += stat.st_size - state.end
        known = state.head.seq if state is not None else None
        if state is None or self._alone or _again(stat.st_size, state):
            state = _FileState((stat.st_dev, stat.st_ino))
        tail = b""
        last = None
        with file.stream() as stream:
            for link in links(stream, state.end, state.head):
                if link.torn:
                    tail = link.line
                elif link.fault is not None:
                    checked(self.path, link)
                else:
                    last = link
                    state.note(link.offset, link.line, link.head, _KEY.findall(link.line))
        if last is not None:
            # No later line vouches for the last one: that it is JSON at all is what can be checked.
            checked(self.path, last)
        if self._alone and known is not None and state.head.seq > known:
            raise Stop(
                exits.REFUSED,
                f"{self.path}:{known + 1}: another process added this entry while a run had the log for itself. "
                "read it, then continue with: correctless cauto resume",
            )
        if tail:
            file.set_aside("torn", self._clock(), tail)
            file.cut(state.end)
            stat = file.stat()
        state.stamp = _stamp(stat)
        self._state = state
        return state

    def _same(self, stat: os.stat_result, state: _FileState) -> None:
        if (stat.st_dev, stat.st_ino) != state.identity:
            raise Stop(
                exits.REFUSED, f"{self.path} was replaced while it was written to. restore the previous log"
            )

    def _with_key(self, file: LogFile, state: _FileState, key: object, spelled: list[bytes]) -> Entry | None:
        for each in spelled:
            for offset, length in state.keys.get(each, ()):
                try:
                    candidate = entry(os.pread(file.fd, length, offset))
                except RecordError:
                    for _ in sound(file):  # says which line was changed in place
                        pass
                    raise
                # The same spelling may be the key of an object inside the line: only the line's own counts.
                if candidate.fields.get("key") == key:
                    return candidate
        return None

    def _write(self, file: LogFile, data: bytes, end: int) -> None:
        try:
            written = os.write(file.fd, data)
        except OSError as error:
            raise self._cut_back(file, error.strerror or str(error)) from None
        if written != len(data):
            raise self._cut_back(file, f"only {written} of {len(data)} bytes were written")
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
        """Undo a write that failed. A failed fsync is never retried: the kernel may drop the pages and report that once."""
        stop = refusal(self.path, why, "write to it")
        self._failed = stop
        file.cut(self._state.end if self._state is not None else 0)
        return stop


def _stamp(stat: os.stat_result) -> tuple[int, int, int]:
    return (stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)


def _again(size: int, state: _FileState) -> bool:
    """Whether a log that was touched is read whole: only that is sure to show an earlier line changed in place."""
    # A log of many writers can't be read whole for each line of theirs. One that didn't grow was changed in place.
    return size == state.end or size <= _SMALL or state.others * _SHARE >= size


def _spelled(key: object) -> list[bytes]:
    """Return each way a line may spell a key."""
    if key is None:
        return []
    if type(key) is str and _PLAIN.fullmatch(key):
        return [b'"%s"' % key.encode()]
    return _KEY.findall(encode({"key": key}))
