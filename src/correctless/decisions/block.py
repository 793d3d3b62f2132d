"""Decisions blocks of an agent's answer, recognized by the attempt's nonce.

Once the nonce was printed nothing is silently ignored: something is read, or a piece of text says that it
could not be.
"""

from __future__ import annotations

import json
import re
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from correctless.decisions import objects, quotation
from correctless.decisions.legible import PlainCharacters, legible

START = "AUTONOMOUS_DECISIONS_START"
END = "AUTONOMOUS_DECISIONS_END"
MAX_PIECES = 10_000  # more than you could ever read: the rest of the answer is one damaged piece
_TOO_MANY = f"more than {MAX_PIECES} pieces"
BAD_START = "its start marker must be alone on its line, as the prompt shows it"
STRAY_NONCE = "the nonce of the block is in the answer, but not at a block that could be read"

# The answer is hostile, and reading it stays linear: no two quantifiers that could share what they match follow each other.
NONCE = re.compile(r"[0-9a-f]{8}")
_LEAD = re.compile(r"[\s>\ufeff]*")
_BULLET = re.compile(r"(?:[-*+]|\d{1,9}[.)])\s[\s>]*")
_QUOTE = re.compile(r"\s*(?:>\s?)+")
_FENCE = re.compile(r"\s*(?:`{3,}|~{3,})")
# Any other text behind a fence is content.
_LANGUAGE = re.compile(r"(?:json[5cl]?|jsonlines|ndjson|te?xt|plain(?:text)?|console|output)?", re.IGNORECASE)
_WRONG_END = re.compile(
    r"(?:autonomous|decisions?)[^0-9a-z\n]{0,4}(?:decisions?[^0-9a-z\n]{0,4})?end(?![0-9a-z])", re.IGNORECASE
)
_NO_LETTER = re.compile(r"[^a-z]")
_NEAR = 100  # characters around the nonce in which a badly written start is looked for


@dataclass(frozen=True, slots=True)
class Piece:
    """One object of a block, or text (`value` is None) that is not an object.

    Such text is recorded as written, never repaired.
    """

    value: dict[str, Any] | None
    duplicate: bool = False  # it has a duplicate key
    text: str = ""  # of a damaged piece
    fault: str = ""  # why it is damaged
    verified: bool = True  # its block has the nonce


@dataclass(frozen=True, slots=True)
class Reading:
    """Pieces of the blocks that count, in order, and how many blocks of each kind."""

    pieces: tuple[Piece, ...]
    authentic: int  # blocks with the attempt's nonce: all of them are read
    nonceless: int  # read (the last one) only when nothing is authentic and no call was recorded
    others: tuple[str, ...]  # the text in place of the nonce, for each block with another one: never read
    verified: bool  # something is authentic, or a call was recorded
    outside: str  # the lines of no block and of unread ones, which may report what is nowhere else

    @property
    def quoted(self) -> int:
        """Number of blocks with another nonce."""
        return len(self.others)

    @property
    def blocks(self) -> int:
        """Number of blocks that were read."""
        return self.authentic if self.verified else min(self.nonceless, 1)


def read(answer: str, nonce: str, *, called: bool = False) -> Reading:
    """Read `answer` for the blocks of the attempt with this `nonce` (8 hex digits).

    `answer` is any text at all; nothing is raised. `called` says that the recorder tool was used: a block
    without a nonce is then ignored.
    """
    # U+2028 and similar characters are text: a JSON string may contain them, so they must not end a line.
    answer = answer.replace("\r\n", "\n").replace("\r", "\n")
    # An empty nonce must not make the nonce-less blocks authentic.
    known = NONCE.fullmatch(nonce) is not None
    plain = answer if answer.isascii() else answer.translate(PlainCharacters())
    printed = _printed(plain, nonce) if known else []
    outside: list[tuple[_Block | None, str]] = []
    loose: list[int] = []
    every = tuple(_blocks(answer, plain, nonce if known else None, printed, outside, loose))
    blocks = [block for block in every if not block.bad_start]
    authentic = [block for block in blocks if known and block.nonce == nonce]
    nonceless = [block for block in blocks if block.nonce is None]
    verified = bool(authentic) or called
    counted = set(map(id, authentic if verified else nonceless[-1:]))
    pieces: list[Piece] = []
    seen: Counter[str] = Counter()
    chosen = [block for block in every if block.bad_start or id(block) in counted]
    for index, block in enumerate(chosen):
        if len(pieces) >= MAX_PIECES:
            rest = "\n".join(line for later in chosen[index:] for line in later.lines)
            pieces.append(Piece(None, text=rest, fault=_TOO_MANY))
            break
        if not block.bad_start:
            pieces += _new_pieces(_read_block(block, verified=block.nonce is not None), seen)
            continue
        readable = [piece for piece in _read_block(block) if piece.value is not None]
        pieces += [*_new_pieces(readable, seen), Piece(None, text="\n".join(block.lines), fault=BAD_START)]
    if loose or (printed and not verified and not pieces) or (known and _disguised(answer, nonce, printed)):
        pieces.append(Piece(None, text=answer, fault=STRAY_NONCE))
    return Reading(
        pieces=tuple(pieces),
        authentic=len(authentic),
        nonceless=len(nonceless),
        others=tuple(b.nonce for b in blocks if b.nonce is not None and not (known and b.nonce == nonce)),
        verified=verified,
        outside="\n".join(
            line for of, line in outside if of is None or not (of.bad_start or id(of) in counted)
        ),
    )


def _new_pieces(pieces: list[Piece], seen: Counter[str]) -> list[Piece]:
    """Return the pieces without exact copies of an earlier block's objects.

    A block may repeat an object of its own.
    """
    now: Counter[str] = Counter()
    new = []
    for piece in pieces:
        if piece.value is not None:
            encoded = json.dumps(piece.value, sort_keys=True)
            now[encoded] += 1
            if now[encoded] <= seen[encoded]:
                continue
        new.append(piece)
    seen |= now
    return new


def _printed(plain: str, nonce: str) -> list[tuple[int, int]]:
    """Return the places of the nonce, in any case, with up to two signs between its digits."""
    pattern = re.compile("[^0-9A-Za-z]{0,2}".join(nonce), re.IGNORECASE)
    return [match.span() for match in pattern.finditer(plain)]


def _disguised(answer: str, nonce: str, printed: list[tuple[int, int]]) -> bool:
    """Return whether colours, entities or escapes hide a nonce that a reader would see."""
    return any(sign in answer for sign in "\x1b&\\") and len(_printed(legible(answer), nonce)) > len(printed)


def _looks_like_a_start(plain: str, start: int, end: int) -> bool:
    """Return whether two of the three words of START are near the nonce, spelled correctly."""
    for near in (plain[max(0, start - _NEAR) : start], plain[end : end + _NEAR]):
        letters = _NO_LETTER.sub("", near.lower())
        if sum(part in letters for part in ("autonomous", "decision", "start")) >= 2:
            return True
    return False


def _marker(line: str) -> tuple[str, str | None] | None:
    """Return START or END and the nonce of a marker line.

    The line has nothing else but a quote or list mark before it.
    """
    if "AUTONOMOUS_DECISIONS_" not in line:
        return None
    at = objects.match_end(_LEAD, line, 0, len(line))
    parts = line[objects.match_end(_BULLET, line, at, len(line)) :].split(maxsplit=2)
    if len(parts) > 2 or parts[0] not in (START, END):
        return None
    return parts[0], parts[1] if len(parts) == 2 else None


@dataclass(slots=True)
class _Block:
    nonce: str | None  # what follows START on its line
    lines: list[str] = field(default_factory=list)
    ended: bool = False
    bad_start: bool = False  # its start has the nonce and is badly written: read, and stored as text as well


def _blocks(
    answer: str,
    plain: str,
    nonce: str | None,
    printed: list[tuple[int, int]],
    outside: list[tuple[_Block | None, str]],
    loose: list[int],
) -> Iterator[_Block]:
    """Yield the blocks; each line is added to `outside` with its block.

    Places where the nonce is used for anything else are added to `loose`.
    """
    current: _Block | None = None
    offset, places = 0, deque(printed)
    for line in answer.split("\n"):
        begin, offset = offset, offset + len(line) + 1
        matches = []
        while places and places[0][0] < offset:
            matches.append(places.popleft())
        marker = _marker(line)
        authentic = current is not None and current.nonce is not None and current.nonce == nonce
        if marker and marker[1] in (None, nonce):
            matches = []  # a valid marker
        elif marker is None and authentic:
            matches = []  # inside of a block it is damage already
        elif not loose:
            matches = [
                place for place in matches[:_NEAR] if not quotation.quotes(plain, begin, *place, nonce or "")
            ] + matches[_NEAR:]
        starts = marker is not None or any(_looks_like_a_start(plain, *place) for place in matches[:_NEAR])
        # What the nonce belongs to may come before it, where its own line is not a start.
        own = starts and any(
            _looks_like_a_start(plain[begin:offset], a - begin, b - begin) for a, b in matches[:_NEAR]
        )
        loose += [place for place, _ in matches[:1] if not own]
        if matches and starts:
            if current:
                yield current
            current = _Block(None, [line], bad_start=True)
            current.ended = bool(_WRONG_END.search(line, matches[-1][1] - begin))
        elif marker and marker[0] == START:
            if current:  # a new start inside an open block: the open one never ended
                yield current
            current = _Block(marker[1])
        elif marker and current and marker[1] in (None, current.nonce):
            current.ended = True
        elif current:
            quote = _QUOTE.match(line)
            content = line[quote.end() :] if quote else line
            if not _is_fence(content):
                current.lines.append(content)
                outside.append((current, content))
            current.ended = current.bad_start and bool(_WRONG_END.search(content))
        else:
            outside.append((None, line))
        if current and current.ended:
            yield current
            current = None
    if current:
        yield current


def _is_fence(line: str) -> bool:
    fence = _FENCE.match(line)
    return fence is not None and _LANGUAGE.fullmatch(line[fence.end() :].strip()) is not None


def _read_block(block: _Block, *, verified: bool = True) -> list[Piece]:
    text = "\n".join(block.lines)
    pieces: list[Piece] = []
    damage_start, damage_end, fault, done = -1, 0, "", 0

    def flush(end: int) -> None:
        nonlocal damage_start
        if damage_start >= 0:
            pieces.append(Piece(None, text=text[damage_start:end].strip(), fault=fault, verified=verified))
        damage_start = -1

    for count, span in enumerate(objects.spans(text)):
        full = len(pieces) + max(len(span.values) - 1, 0) >= MAX_PIECES or count >= 2 * MAX_PIECES
        if span.values and not full:
            flush(damage_end)
            pieces += [Piece(value, duplicate=span.duplicate, verified=verified) for value in span.values]
            if span.fault:
                source = text[span.start : span.end]
                pieces.append(Piece(None, text=source, fault=span.fault, verified=verified))
            done = span.end
        elif damage_start < 0 and text[span.start : span.end].strip(" \t\n,\ufeff"):
            damage_start, damage_end, fault = span.start, span.end, span.fault
        elif damage_start >= 0:
            damage_end = span.end
        if full:
            damage_start, damage_end, fault = max(damage_start, done), len(text), _TOO_MANY
            break
    if not block.ended:
        damage_start = damage_start if damage_start >= 0 else done
        fault = f"the block has no {END}"
        if not text[damage_start:].strip(" \t\n,"):  # cut off right after an object: record all of its text
            damage_start = 0
        damage_end = len(text)
    flush(damage_end)
    return pieces
