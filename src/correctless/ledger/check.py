"""Check and repair of a log."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from correctless.base.values import frozen
from correctless.ledger.chain import EMPTY, Entry, Head, Link, entry, links, seal
from correctless.ledger.log_file import Damaged, Foreign, LogFile, opened
from correctless.ledger.record import decode
from correctless.syntax.finding import Finding
from correctless.syntax.strict_json import RecordError

_MAX_FINDINGS = 100  # a file of a million broken lines is one problem, and memory stays flat


@frozen
class Anchor:
    """What another place noted of a log: entry `seq` has the head `sha256`; `where` names that place."""

    seq: int
    sha256: str
    where: str
    severity: str = "error"  # "warning" for what was noted of a log that was set aside since


@frozen
class LogReport:
    """Result of `verify`: the number of entries, the end of the log, and everything wrong with it."""

    entries: int
    head: Head
    findings: tuple[Finding, ...]

    @property
    def intact(self) -> bool:
        """No error; a torn last line is a warning, because it was never acknowledged."""
        return all(f.severity != "error" for f in self.findings)


@frozen
class RepairResult:
    """Result of `repair`: nothing done (`intact`), a `torn` tail cut off, or a `damaged` log set aside whole."""

    action: str
    aside: str | None  # where the bytes are now
    intact: Head  # the last entry before the first fault
    lost: Head | None  # the last entry the damaged file speaks of


def verify(
    path: str,
    anchors: Iterable[Anchor] = (),
    *,
    heads: Iterable[Anchor] = (),
    root: str | None = None,
    keep: list[Entry] | None = None,
) -> LogReport:
    """Check the whole chain, every line's JSON, and every anchor; `Missing` or `Foreign` without a log of ours.

    `anchors` come in any order and are kept in memory. `heads` come in rising order of `seq` and are read one at a time,
    in step with the log; one that comes too late to be compared is a finding too. Each good entry is added to `keep`, so that
    what was verified is what is read.
    """
    findings: list[Finding] = []
    entries, head = 0, EMPTY
    # The heads may be read from another log: none is asked for before this log is locked, so that every reader and
    # writer locks the two in the same order.
    with opened(path, root, write=False) as file:
        anchored = _AnchorCheck(path, anchors, heads)
        findings.extend(anchored.compare(EMPTY))
        for link, fault, fields in _faults(file):
            if link.foreign:
                raise Foreign(path)
            if keep is not None and fields is not None:
                keep.append(Entry(fields["seq"], fields["prev"], link.head.sha256, link.line, fields))
            if fault is not None:
                anchored.broken = True
                if len(findings) < _MAX_FINDINGS:
                    rule, severity = ("log-torn", "warning") if link.torn else ("log-chain", "error")
                    findings.append(Finding(path, link.number, 1, rule, fault, severity))
            if not link.torn:
                entries, head = entries + 1, link.head
                findings.extend(anchored.compare(Head(link.number, link.head.sha256)))
        findings.extend(anchored.rest(entries))
    return LogReport(entries, head, tuple(findings))


class _AnchorCheck:
    """Comparison of one log with its anchors, entry by entry."""

    def __init__(self, path: str, anchors: Iterable[Anchor], heads: Iterable[Anchor]) -> None:
        self.path = path
        self.broken = False  # the chain: then a head that fits no longer vouches for the lines before it
        self._anchors: dict[int, list[Anchor]] = {}
        for anchor in anchors:
            self._anchors.setdefault(anchor.seq, []).append(anchor)
        self._heads = iter(heads)
        self._next = next(self._heads, None)
        self._fits = 0  # the last entry up to which no anchor differs
        self._differs: int | None = None  # the first entry that is not
        self._reported: dict[str, int] = {}  # severity -> findings

    def compare(self, at: Head) -> Iterator[Finding]:
        """Each anchor that `at` disproves; `at` rises from 0 by one."""
        fits = False
        for anchor in self._anchors.pop(at.seq, ()):
            if anchor.sha256 == at.sha256:
                fits = True
            else:
                yield self._changed(at, anchor)
        while self._next is not None and self._next.seq <= at.seq:
            anchor = self._next
            self._next = next(self._heads, None)
            if anchor.seq < at.seq:
                yield from self._limited(self._late(anchor, at.seq))
            elif anchor.sha256 == at.sha256:
                fits = True
            else:
                yield from self._limited(self._changed(at, anchor))
        if fits and not self.broken and self._differs is None:
            self._fits = at.seq

    def rest(self, entries: int) -> Iterator[Finding]:
        """Each anchor that was not compared: of an entry behind the last one, or out of order."""
        for each in self._anchors.values():
            for anchor in each:
                yield self._cut_off(anchor, entries)
        while self._next is not None:
            fault = self._late if self._next.seq <= entries else self._cut_off
            yield from self._limited(fault(self._next, entries))
            self._next = next(self._heads, None)

    def _changed(self, at: Head, anchor: Anchor) -> Finding:
        first = self._differs
        if first is None:
            first = at.seq
            if anchor.severity == "error":  # a warning is about another log
                self._differs = first
        message = f"entry {at.seq} is not the one that {anchor.where} noted"
        if at.seq > 0:
            begin = self._fits + 1
            span = f"entry {first}" if begin >= first else f"entries {begin}..{first}"
            message += f". the first change is in {span}"
        return self._finding(at.seq, message, anchor)

    def _late(self, anchor: Anchor, reached: int) -> Finding:
        what = f"entry {anchor.seq} after entry {reached}. what was noted is out of order"
        return self._finding(reached, f"{anchor.where} noted {what}", anchor)

    def _cut_off(self, anchor: Anchor, entries: int) -> Finding:
        what = f"entry {anchor.seq}, the log ends with {entries}. its tail was cut off"
        return self._finding(entries, f"{anchor.where} noted {what}", anchor)

    def _finding(self, seq: int, message: str, anchor: Anchor) -> Finding:
        return Finding(self.path, max(seq, 1), 1, "log-anchor", message, anchor.severity)

    def _limited(self, finding: Finding) -> Iterator[Finding]:
        # By severity: a hundred warnings must not hide an error.
        self._reported[finding.severity] = self._reported.get(finding.severity, 0) + 1
        if self._reported[finding.severity] <= _MAX_FINDINGS:
            yield finding


def repair(
    path: str,
    now: datetime,
    *,
    root: str | None = None,
    first: Callable[[RepairResult], Mapping[str, Any]] | None = None,
    disproved: Head | None = None,
) -> RepairResult:
    """Make a log appendable again by setting aside what is wrong with it; no byte is destroyed.

    A damaged log is replaced by a new one, which begins with the entry that `first` makes of the loss, else empty.
    `disproved`: the chain is whole, but of another log than was acknowledged; this is that one's last known entry.
    """
    with opened(path, root, write=True) as file:
        intact, end, damaged, tail, last = EMPTY, 0, disproved is not None, b"", EMPTY
        for link, fault, _ in _faults(file):
            if link.foreign:
                raise Foreign(path)
            if link.torn:
                tail = link.line
                continue
            damaged = damaged or fault is not None
            last = link.head
            if not damaged:
                intact, end = link.head, link.offset + len(link.line) + 1
        if damaged:
            last = disproved or last
            loss = RepairResult("damaged", None, intact, last)
            data = seal(first(loss), EMPTY).line + b"\n" if first is not None else b""
            return RepairResult("damaged", file.replace("damaged", now, data), intact, last)
        if tail:
            aside = file.set_aside("torn", now, tail)
            file.cut(end)
            os.fsync(file.fd)
            return RepairResult("torn", aside, intact, None)
        return RepairResult("intact", None, intact, None)


def sound(file: LogFile) -> Iterator[Entry]:
    """Every acknowledged entry; raises `Damaged` or `Foreign` at the first fault, and leaves out a torn last line."""
    with file.stream() as stream:
        for link in links(stream):
            if link.torn:
                return
            yield checked(file.path, link)


def lines(path: str, root: str | None = None) -> Iterator[bytes]:
    """Every whole line of a log, entry or not, whatever is wrong with the chain.

    Only `verify` checks that these are the acknowledged lines, and all of them. `Missing` or `Foreign` without a log of ours.
    """
    with opened(path, root, write=False) as file:
        for link, _, _ in _faults(file):
            if link.foreign:
                raise Foreign(path)
            if not link.torn:
                yield link.line


def checked(path: str, link: Link) -> Entry:
    """The entry of a line that must be a good one; `Damaged` or `Foreign`."""
    if link.foreign:
        raise Foreign(path)
    if link.fault is not None:
        raise Damaged(path, link.number, link.fault)
    try:
        return entry(link.line)
    except RecordError as error:
        raise Damaged(path, link.number, str(error)) from None


def _faults(file: LogFile) -> Iterator[tuple[Link, str | None, dict[str, Any] | None]]:
    """Every line, with its fault (of its JSON too) and the fields of a good one."""
    with file.stream() as stream:
        for link in links(stream):
            fault, fields = link.fault, None
            if fault is None:
                try:
                    fields = decode(link.line)
                except RecordError as error:
                    fault = str(error)
            yield link, fault, fields
