"""Hash chain of a log: the place of each line, its faults, and the line that comes next.

A line ends with `"seq"` and `"prev"`: its number from 1, and the SHA-256 of the exact bytes of the line before. So a chain is
checked on bytes, without reading any JSON, and no canonical JSON is needed.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from types import NoneType
from typing import Any, BinaryIO

from correctless.base.values import frozen
from correctless.ledger.record import decode, encode
from correctless.syntax.strict_json import RecordError

GENESIS = hashlib.sha256(b"correctless-log/1").hexdigest()

# Anchored at the very end: valid JSON can end so only at its top level, and `\Z` is not `$`. No more than so many bytes match.
_LONGEST = len(b'{"seq":,"prev":""}') + 18 + 64
_END = re.compile(rb'[{,]"seq":([1-9][0-9]{0,17}),"prev":"([0-9a-f]{64})"\}\Z')


@frozen
class Head:
    """Where a log ends: the number of its last entry and the SHA-256 of that line without its newline."""

    seq: int
    sha256: str


EMPTY = Head(0, GENESIS)


@frozen
class Entry:
    """One entry of a log."""

    seq: int
    prev: str
    head: str  # SHA-256 hex of `line`
    line: bytes  # without its newline
    fields: dict[str, Any]


@frozen
class Link:
    """One line of a log and its place in the chain."""

    number: int  # from 1, counted in lines
    offset: int  # of its first byte in the file
    line: bytes  # without its newline
    head: Head
    fault: str | None  # what is wrong with it, None for a good one
    foreign: bool = False  # the fault is that this file is no log of ours
    torn: bool = False  # a last line without its newline: it was never acknowledged


def end_of(entries: Sequence[Entry]) -> Head:
    """Return where a log with these entries ends."""
    return Head(entries[-1].seq, entries[-1].head) if entries else EMPTY


def digest(line: bytes) -> str:
    """Return the SHA-256 of a line's exact bytes, in hexadecimal."""
    return hashlib.sha256(line).hexdigest()


def links(file: BinaryIO, offset: int = 0, after: Head = EMPTY) -> Iterator[Link]:
    """Every line from `offset` on, where `after` is the entry that ends there. One line at a time is in memory.

    After a fault the next line is compared with what the faulty one states, so that each break of the chain shows once.
    """
    file.seek(offset)
    number, seq, prev = after.seq, after.seq, after.sha256
    for raw in file:
        number += 1
        if not raw.endswith(b"\n"):
            foreign = number == 1 and not _could_be_ours(raw)
            why = "no log of correctless" if foreign else "the last line has no newline"
            yield Link(number, offset, raw, Head(seq, prev), why, foreign=foreign, torn=not foreign)
            return
        line = raw[:-1]
        end = _END.search(line, max(0, len(line) - _LONGEST))
        stated = int(end[1]) if end else seq + 1
        fault: str | None = None
        foreign = False
        if end is None:
            foreign = number == 1 and GENESIS.encode() not in line
            fault = 'it does not end with "seq" and "prev"'
        elif end[2].decode() != prev:
            foreign = number == 1
            fault = f"it does not follow the line before: that or the order was changed (entry {stated})"
        elif stated != seq + 1:
            fault = f"entry {stated} is where entry {seq + 1} belongs"
        if foreign:
            fault = "no log of correctless"
        seq, prev = stated, digest(line)
        yield Link(number, offset, line, Head(seq, prev), fault, foreign=foreign)
        offset += len(raw)


def seal(fields: Mapping[str, Any], after: Head) -> Entry:
    """The entry that puts `fields` behind `after`; `ValueError` when its line could not be read back."""
    if "seq" in fields or "prev" in fields:
        raise ValueError("'seq' and 'prev' are the ledger's own fields")
    values = {**fields, "seq": after.seq + 1, "prev": after.sha256}
    line = encode(values)[:-1]
    # What can't be read back must not be acknowledged: nesting has a limit, a key may stand twice (1 and "1"), and two halves
    # of a surrogate pair come back as one character. Reading it again costs more than sealing it, so what is plain is copied.
    if b"\\ud" not in line:
        with suppress(_NotPlainError):
            return Entry(after.seq + 1, after.sha256, digest(line), line, _copied(values))
    return entry(line)


class _NotPlainError(Exception):
    pass


_ATOMS = frozenset({str, int, bool, NoneType})


def _copied(values: dict[Any, Any], depth: int = 0) -> dict[str, Any]:
    """`values` as they are read back from their line; `_NotPlainError` when only the line can say."""
    if depth > 3:
        raise _NotPlainError
    copy = {}
    for key, value in values.items():
        kind = type(value)
        if type(key) is not str:
            raise _NotPlainError
        if kind in _ATOMS:
            copy[key] = value
        elif kind is dict:
            copy[key] = _copied(value, depth + 1)
        elif (kind is list or kind is tuple) and all(type(item) in _ATOMS for item in value):
            copy[key] = list(value)
        else:
            raise _NotPlainError
    return copy


def entry(line: bytes) -> Entry:
    """The entry a line holds; `RecordError` says why it holds none."""
    fields = decode(line)
    seq, prev = fields.get("seq"), fields.get("prev")
    if type(seq) is not int or type(prev) is not str:
        raise RecordError("field 'seq' or 'prev' has the wrong type")
    return Entry(seq, prev, digest(line), line, fields)


def _could_be_ours(tail: bytes) -> bool:
    # The first line ever, cut off: only its beginning can say whose it was. A whole JSON text of others is no torn line.
    if not (tail.startswith(b'{"') or tail == b"{"):
        return False
    try:
        return decode(tail).get("prev") == GENESIS
    except RecordError:
        return True
