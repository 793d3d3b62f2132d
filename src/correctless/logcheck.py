"""Looking after a log: its path in; a report of what is wrong, or what was set aside to mend it, out."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from correctless.chain import EMPTY, Entry, Head, Link, entry, links, seal
from correctless.finding import Finding
from correctless.logfile import Damaged, Foreign, LogFile, opened
from correctless.record import RecordError, decode

_MAX_FINDINGS = 100  # a file of a million broken lines is one problem, and memory stays flat


@dataclass(frozen=True, slots=True)
class Anchor:
    """What was noted elsewhere about a log: entry `seq` has the head `sha256`; `where` says where that stands."""

    seq: int
    sha256: str
    where: str
    severity: str = "error"  # "warning" for what was noted of a log that was set aside since


@dataclass(frozen=True, slots=True)
class Report:
    """What `verify` saw: how many entries, where the log ends, and everything wrong with it."""

    entries: int
    head: Head
    findings: tuple[Finding, ...]

    @property
    def intact(self) -> bool:
        """No error; a torn last line is a warning, because it was never acknowledged."""
        return all(f.severity != "error" for f in self.findings)


@dataclass(frozen=True, slots=True)
class Repaired:
    """What `repair` did: nothing (`intact`), cut a `torn` tail aside, or set a `damaged` log aside whole."""

    action: str
    aside: str | None  # where the bytes are now
    intact: Head  # the last entry before the first fault
    lost: Head | None  # the last entry the damaged file speaks of


def verify(path: str, anchors: Iterable[Anchor] = (), *, root: str | None = None) -> Report:
    """Check the whole chain, every line's JSON, and every anchor; `Missing` or `Foreign` when there is no log of ours."""
    noted: dict[int, list[Anchor]] = {}
    for anchor in anchors:
        noted.setdefault(anchor.seq, []).append(anchor)
    findings: list[Finding] = []
    entries, head = 0, EMPTY

    def compare(at: Head) -> None:
        for anchor in noted.pop(at.seq, ()):
            if anchor.sha256 != at.sha256:
                found = f"entry {at.seq} is not the one that {anchor.where} noted. it or one before it was changed"
                findings.append(Finding(path, max(at.seq, 1), 1, "log-anchor", found, anchor.severity))

    compare(EMPTY)
    with opened(path, root, write=False) as file:
        for link, fault in _faults(file):
            if link.foreign:
                raise Foreign(path)
            if fault is not None and len(findings) < _MAX_FINDINGS:
                rule, severity = ("log-torn", "warning") if link.torn else ("log-chain", "error")
                findings.append(Finding(path, link.number, 1, rule, fault, severity))
            if not link.torn:
                entries, head = entries + 1, link.head
                compare(Head(link.number, link.head.sha256))
    for left in noted.values():
        for anchor in left:
            found = (
                f"{anchor.where} noted entry {anchor.seq}, the log ends with {entries}. its tail was cut off"
            )
            findings.append(Finding(path, max(entries, 1), 1, "log-anchor", found, anchor.severity))
    return Report(entries, head, tuple(findings))


def repair(
    path: str,
    now: datetime,
    *,
    root: str | None = None,
    first: Callable[[Repaired], Mapping[str, Any]] | None = None,
) -> Repaired:
    """Make a log appendable again by setting aside what is wrong with it; no byte is destroyed.

    In the place of a damaged log stands a new one, which begins with what `first` makes of the loss, else empty.
    """
    with opened(path, root, write=True) as file:
        intact, end, damaged, tail, last = EMPTY, 0, False, b"", EMPTY
        for link, fault in _faults(file):
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
            begins = Repaired("damaged", None, intact, last)
            data = seal(first(begins), EMPTY).line + b"\n" if first is not None else b""
            return Repaired("damaged", file.replace("damaged", now, data), intact, last)
        if tail:
            aside = file.set_aside("torn", now, tail)
            file.cut(end)
            os.fsync(file.fd)
            return Repaired("torn", aside, intact, None)
        return Repaired("intact", None, intact, None)


def sound(file: LogFile) -> Iterator[Entry]:
    """Every acknowledged entry; raises `Damaged` or `Foreign` at the first fault, and leaves out a torn last line."""
    with file.stream() as stream:
        for link in links(stream):
            if link.torn:
                return
            yield checked(file.path, link)


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


def _faults(file: LogFile) -> Iterator[tuple[Link, str | None]]:
    """Every line with what is wrong with it, its JSON included."""
    with file.stream() as stream:
        for link in links(stream):
            fault = link.fault
            if fault is None:
                try:
                    decode(link.line)
                except RecordError as error:
                    fault = str(error)
            yield link, fault
