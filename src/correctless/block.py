"""The final answer of an agent and the attempt's nonce in; the objects of its decisions blocks and what could not be read out.

An answer may be too long to be held: given in pieces, only what stands inside of its blocks is, and of that so much.
"""

from __future__ import annotations

import math
import re
from array import array
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from correctless.record import MAX_DEPTH, RecordError, means_deferred, strict_json

START = "AUTONOMOUS_DECISIONS_START"
END = "AUTONOMOUS_DECISIONS_END"
MAX_PIECES = 10_000  # more than a person could ever read: the rest of the answer is one damaged piece
_MAX_TOKENS = 2_000_000  # brackets and strings of one block that are looked at; what comes later never closes
_TOO_MANY = f"more than {MAX_PIECES} pieces"
MOST = 4 << 20  # characters of all blocks of an answer in pieces: more than MAX_PIECES decisions take
TOO_LONG = f"its blocks are over {MOST >> 20} MiB: what follows stands in the answer alone"
_LONG = 1 << 20  # characters of a line that are looked at together, where the answer comes in pieces
_NEAR = 200  # of a marker and its nonce, which are never looked at apart

# Every quantifier that could meet itself is possessive: the answer is hostile, and reading it stays linear.
NONCE = re.compile(r"[0-9a-f]{8}")
_PREFIX = r"[\s>\ufeff]*+(?:(?:[-*+]|\d{1,9}[.)])\s++)?+[\s>]*+"
_MARKER = re.compile(rf"{_PREFIX}AUTONOMOUS_DECISIONS_(START|END)(?:\s++(\S++))?\s*+")
_QUOTE = re.compile(r"\s*+(?:>\s?+)++")
_FENCE = re.compile(r"\s*+(?:`{3,}+|~{3,}+)[ \t]*+[\w.+-]*+\s*+")
_SPACE = re.compile("[ \t\n\ufeff]*+")
_COMMA = re.compile(r"[ \t\n]*+,?+")
_OPEN = re.compile(r"[{\[]")
_LINE_OPEN = re.compile(r"^[ \t]*+[{\[]", re.MULTILINE)
# A JSON string never crosses a line, so at the start of a line no scanner is inside one, wherever it began.
_TOKEN = re.compile(r'"[^"\\\n]*+(?:\\[^\n][^"\\\n]*+)*+(")?+|[{}\[\]]')
_BEGUN = re.compile(r"A[A-Z_]{0,30}\Z")
_WORD = re.compile(r"[0-9A-Za-z]++")
ASTRAY = "its start marker does not stand alone on its line"
_OPENER = {"}": "{", "]": "["}


@dataclass(frozen=True, slots=True)
class Piece:
    """One object of a block, or (`value` is None) text that is no object: kept as it stands, never repaired."""

    value: dict[str, Any] | None
    duplicate: bool = False  # a key stood twice in it
    text: str = ""  # of a damaged piece
    fault: str = ""  # why it is damaged


@dataclass(frozen=True, slots=True)
class Reading:
    """What an answer holds: the pieces of the blocks that count, in order, and how many blocks of which kind there were."""

    pieces: tuple[Piece, ...]
    authentic: int  # blocks with the attempt's nonce: all of them are read
    nonceless: int  # read (the last one) only when nothing is authentic and no call was recorded
    others: tuple[str, ...]  # what stands for a nonce at the start of each block with another one: never read
    verified: bool  # False: the pieces come from a block without a nonce
    starts: int  # how often a start with the nonce stands there, however badly written

    @property
    def quoted(self) -> int:
        """How many blocks have another nonce."""
        return len(self.others)

    @property
    def blocks(self) -> int:
        """How many blocks were read."""
        return self.authentic if self.verified else min(self.nonceless, 1)


def read(answer: str | Iterator[str], nonce: str, *, called: bool = False) -> Reading:
    """Read `answer` (any text at all; never raises) for the blocks of the attempt with this `nonce` (8 hex digits).

    `called` says that the recorder tool was used: a block without a nonce is then not looked at. Of an answer in pieces at
    most `MOST` characters of its blocks are read, and a piece without a value says so; what its iterator raises is raised.
    """
    # An empty nonce must not make the nonce-less blocks authentic.
    known = NONCE.fullmatch(nonce) is not None
    # However badly it is written: what it began may be lost, so it is at least counted.
    start = re.compile(rf"{START}[^0-9A-Za-z\n]*{re.escape(nonce)}", re.IGNORECASE) if nonce else None
    if isinstance(answer, str):
        starts = len(start.findall(answer)) if start else 0
        every = tuple(_blocks(_whole(answer), nonce if known else None, math.inf))
    else:
        lines = _Counting(_in_pieces(answer), start)
        every = tuple(_blocks(lines, nonce if known else None, MOST))
        starts = lines.count
    blocks = [block for block in every if not block.astray]
    authentic = [block for block in blocks if known and block.word == nonce]
    nonceless = [block for block in blocks if block.word is None]
    verified = bool(authentic) or called
    pieces: list[Piece] = []
    counted = set(map(id, authentic if verified else nonceless[-1:]))
    chosen = [block for block in every if block.astray or id(block) in counted]
    told = False
    for index, block in enumerate(chosen):
        if block.over and told and not block.lines:
            continue  # nothing of it was read, and that is said already
        told = told or block.over
        if len(pieces) >= MAX_PIECES:
            rest = "\n".join(line for later in chosen[index:] for line in later.lines)
            pieces.append(Piece(None, text=rest, fault=_TOO_MANY))
            break
        if block.astray:
            text = "\n".join(block.lines)
            if block.over or _LINE_OPEN.search(text):  # a sentence that names the marker is no block
                pieces.append(Piece(None, text=text, fault=ASTRAY))
        else:
            _read_block(block, pieces)
    return Reading(
        pieces=tuple(pieces),
        authentic=len(authentic),
        nonceless=len(nonceless),
        others=tuple(b.word for b in blocks if b.word is not None and not (known and b.word == nonce)),
        verified=verified,
        starts=starts,
    )


class _Line(NamedTuple):
    text: str
    first: bool = True  # of the pieces of one line
    last: bool = True


def _whole(answer: str) -> Iterator[_Line]:
    # U+2028 and its kin are text here: JSON strings may hold them raw, so they must not end a line.
    for line in answer.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        yield _Line(line)


def _in_pieces(pieces: Iterator[str]) -> Iterator[_Line]:
    """The same lines of an answer in pieces; a long one in pieces of its own, none of which ends inside of a marker."""
    rest, first = "", True
    for piece in pieces:
        text = rest + piece
        half = "\r" if text.endswith("\r") else ""  # of a line's end, perhaps
        *ended, begun = _whole(text.removesuffix(half))
        for line in ended:
            yield _Line(line.text, first)
            first = True
        rest = begun.text
        if len(rest) > _LONG:
            near = rest.rfind("AUTONOMOUS_DECISIONS_", len(rest) - _NEAR)
            if near < 0 and (half_marker := _BEGUN.search(rest, len(rest) - _NEAR)):
                near = half_marker.start()
            near = near if near > 0 else len(rest)
            yield _Line(rest[:near], first, last=False)
            rest, first = rest[near:], False
        rest += half
    for line in _whole(rest):
        yield _Line(line.text, first)
        first = True


class _Counting:
    """Lines as they come, and how often a pattern was found in them."""

    def __init__(self, lines: Iterator[_Line], pattern: re.Pattern[str] | None) -> None:
        self._lines = lines
        self._pattern = pattern
        self.count = 0

    def __iter__(self) -> Iterator[_Line]:
        for line in self._lines:
            self.count += len(self._pattern.findall(line.text)) if self._pattern else 0
            yield line


@dataclass(slots=True)
class _Block:
    word: str | None  # what follows START on its line
    lines: list[str] = field(default_factory=list)
    ended: bool = False
    astray: bool = False  # its start has the nonce and doesn't stand alone: kept, not read
    over: bool = False  # more of it stands there than is held


def _blocks(lines: Iterable[_Line], nonce: str | None, room: float) -> Iterator[_Block]:
    current: _Block | None = None
    loose = _Block(None)  # the last one without a nonce

    def keep(block: _Block, line: str, *, first: bool = True) -> None:
        nonlocal room
        if block.word not in (None, nonce):
            return  # it is never read
        room -= len(line) + 1
        if room < 0:
            block.over = True
        elif first or not block.lines:
            block.lines.append(line)
        else:
            block.lines[-1] += line

    for line, first, last in lines:
        whole = first and last
        marker = _MARKER.fullmatch(line) if whole and "AUTONOMOUS_DECISIONS_" in line else None
        if (
            nonce is not None
            and START in line
            and not (marker and marker[2] in (None, nonce))
            and nonce in _WORD.findall(line)
            and not (marker is None and current and current.word == nonce)  # there it is damage already
        ):
            if current:
                yield current
            current = _Block(None, astray=True)
            keep(current, line)
        elif marker and marker[1] == "START":
            if current:  # a new start inside an open block: the open one never ended
                yield current
            current = _Block(marker[2])
            if current.word is None:  # of all these only the last is ever read
                room += sum(map(len, loose.lines)) + len(loose.lines)
                loose.lines.clear()
                loose = current
        elif marker and current and marker[2] in (None, current.word):
            current.ended = True
            yield current
            current = None
        elif current:
            quote = _QUOTE.match(line) if first else None
            content = line[quote.end() :] if quote else line
            if not (whole and _FENCE.fullmatch(content)):
                keep(current, content, first=first)
    if current:
        yield current


def _read_block(block: _Block, pieces: list[Piece]) -> None:
    text = "\n".join(block.lines)
    hurt, hurt_end, fault, done = -1, 0, "", 0

    def flush(end: int) -> None:
        nonlocal hurt
        if hurt >= 0:
            pieces.append(Piece(None, text=text[hurt:end].strip(), fault=fault))
        hurt = -1

    for count, span in enumerate(_spans(text, _ends(text), 0, len(text))):
        full = len(pieces) >= MAX_PIECES or count >= 2 * MAX_PIECES
        if span.value is not None and not full:
            flush(hurt_end)
            pieces.append(Piece(span.value, duplicate=span.duplicate))
            done = span.end
        elif hurt < 0 and text[span.start : span.end].strip(" \t\n,\ufeff"):
            hurt, hurt_end, fault = span.start, span.end, span.fault
        elif hurt >= 0:
            hurt_end = span.end
        if full:
            hurt, hurt_end, fault = max(hurt, done), len(text), _TOO_MANY
            break
    if block.over or not block.ended:
        hurt = hurt if hurt >= 0 else done
        fault = TOO_LONG if block.over else f"the block has no {END}"
        if not text[hurt:].strip(" \t\n,"):  # cut off right after an object: say so with what was read
            hurt = 0
        hurt_end = len(text)
    flush(hurt_end)


class _Span(NamedTuple):
    start: int
    end: int
    value: dict[str, Any] | None
    duplicate: bool
    fault: str


def _damage(start: int, end: int, fault: str) -> _Span:
    return _Span(start, end, None, False, fault)


def _spans(text: str, ends: array[int], start: int, stop: int, *, nested: bool = False) -> Iterator[_Span]:
    """The objects between `start` and `stop` and the damage between them; an array is looked into once."""
    at = start
    while True:
        at = _end(_SPACE, text, at, stop)
        if at >= stop:
            return
        mark = text[at]
        if mark not in "{[":
            following = _OPEN.search(text, at, stop)
            end = following.start() if following else stop
            yield _damage(at, end, "not a JSON object")
            at = end
        elif mark == "[" and not ends[at]:  # the objects of a cut-off array are whole for all that
            yield _damage(at, at + 1, "it never closes")
            at += 1
        elif not ends[at]:  # never closes: whatever starts on a later line is read for itself
            following = _LINE_OPEN.search(text, at + 1, stop)
            end = following.end() - 1 if following else stop
            yield _damage(at, end, "it never closes")
            at = end
        else:
            end = ends[at]
            if mark == "[" and nested:
                yield _damage(at, end, "an array in an array")
            elif mark == "[":
                yield from _spans(text, ends, at + 1, end - 1, nested=True)
            else:
                span = _object(text, at, end)
                yield from (span,) if span.value is not None else _rescued(text, ends, span)
            at = _end(_COMMA, text, end, stop)


def _rescued(text: str, ends: array[int], broken: _Span) -> Iterator[_Span]:
    # A missing brace on one line and a spare one further down swallow the good lines between them: a line that
    # is a whole object and names a decision counts. Only one level, so that no text is parsed a third time.
    at = broken.start
    for opener in _LINE_OPEN.finditer(text, at + 1, broken.end):
        start = opener.end() - 1
        end = ends[start]
        if text[start] == "[" or not end or start < at or "\n" in text[start:end]:
            continue
        span = _object(text, start, end)
        if span.value is not None and "decision_id" in span.value:
            yield _damage(at, start, broken.fault)
            yield span
            at = _end(_COMMA, text, end, broken.end)
    yield _damage(at, broken.end, broken.fault)


def _object(text: str, start: int, end: int) -> _Span:
    duplicate = False

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal duplicate
        found = dict(items)
        if len(found) != len(items):
            duplicate = True
            said = [value for key, value in items if key == "escalation_deferred"]
            if len(said) > 1 and any(map(means_deferred, said)):
                found["escalation_deferred"] = True
        return found

    try:
        value = strict_json(text[start:end], pairs=pairs)
    except RecordError as error:
        return _damage(start, end, str(error))
    return _Span(start, end, value, duplicate, "")


def _ends(text: str) -> array[int]:
    """For the place of each bracket that closes properly the place after its partner, else 0; one pass."""
    ends = array("l", bytes(array("l").itemsize * len(text)))
    # One level for the array around the objects. A bracket pushed out at the far end is nested too deep to be read.
    opened: deque[int] = deque(maxlen=MAX_DEPTH + 1)
    at = tokens = 0
    while first := _OPEN.search(text, at):  # outside of brackets a quotation mark is prose
        for token in _TOKEN.finditer(text, first.start()):
            at = token.end()
            tokens += 1
            mark = text[token.start()]
            if mark in "{[":
                opened.append(token.start())
            elif mark == '"':
                if token[1] is None:
                    opened.clear()
            elif text[opened[-1]] == _OPENER[mark]:
                ends[opened.pop()] = at
            else:
                opened.clear()
            if not opened or tokens > _MAX_TOKENS:
                break
        else:
            break
        if tokens > _MAX_TOKENS:
            break
    return ends


def _end(pattern: re.Pattern[str], text: str, at: int, stop: int) -> int:
    found = pattern.match(text, at, stop)
    return found.end() if found else at
