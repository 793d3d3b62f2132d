"""JSON objects in any text, in order, with the text between them.

Nothing of the text is dropped. Two decisions in one object are read as two. An object whose text says more
than was read of it has a fault as well.
"""

from __future__ import annotations

import re
from array import array
from collections import deque
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from correctless.decisions.decision import means_deferred
from correctless.syntax.strict_json import MAX_DEPTH, RecordError, strict_json

_MAX_TOKENS = 2_000_000  # brackets and strings that are looked at; what comes later never closes
_TWICE = "a key stands twice in it, with two values"

# The text is hostile, and reading it stays linear: no two quantifiers that could share what they match follow each other.
_SPACE = re.compile(r"[\s\ufeff]*")
_COMMA = re.compile(r"\s*,?")
_OPEN = re.compile(r"[{\[]")
_LINE_OPEN = re.compile(r"^[ \t]*[{\[]", re.MULTILINE)
# A JSON string never crosses a line, so at the start of a line no scanner is inside one, wherever it began.
_TOKEN = re.compile(r'"[^"\\\n]*(?:\\[^\n][^"\\\n]*)*(")?|[{}\[\]]')
_OPENER = {"}": "{", "]": "["}
_NO_LETTER = re.compile(r"[\W_]")
# However they are spelled, these name one thing of a decision, which an object can say once.
_ONCE = frozenset(
    {"decisionid", "defaultapplied", "rationale", "escalationdeferred", "originalescalationreason"}
)
_DECIDES = frozenset({"decisionid", "defaultapplied"})


class Span(NamedTuple):
    """A part of the text: its decisions or other objects, or none and why."""

    start: int
    end: int
    values: tuple[dict[str, Any], ...]  # () for damage
    duplicate: bool = False  # it has a duplicate key
    fault: str = ""  # beside values: they are not all that the text says


def spans(text: str) -> Iterator[Span]:
    """Yield the objects of `text` and the damaged parts between them."""
    return _spans(text, _ends(text), 0, len(text))


def objects(text: str) -> Iterator[dict[str, Any]]:
    """Yield the objects of any text that can be read, with the decisions in them."""
    return (value for span in spans(text) for value in span.values)


def decides(obj: dict[str, Any]) -> bool:
    """Return whether an object has a key that only a decision has, in any spelling.

    A schema has an object as the value of such a key and does not count.
    """
    return any(folded_key(key) in _DECIDES and not isinstance(value, dict) for key, value in obj.items())


@lru_cache(maxsize=1024)
def folded_key(key: str) -> str:
    """Return a key without case, blanks and signs."""
    return _NO_LETTER.sub("", key).casefold()


def _damage(start: int, end: int, fault: str) -> Span:
    return Span(start, end, (), fault=fault)


def _spans(text: str, ends: array[int], start: int, stop: int, *, nested: bool = False) -> Iterator[Span]:
    """Yield the objects between `start` and `stop` and the damage between them; an array in an array is damage."""
    at = start
    while True:
        at = match_end(_SPACE, text, at, stop)
        if at >= stop:
            return
        mark = text[at]
        if mark not in "{[":
            following = _OPEN.search(text, at, stop)
            end = following.start() if following else stop
            yield _damage(at, end, "not a JSON object")
            at = end
        elif mark == "[" and not ends[at]:  # the objects of a cut-off array may be complete
            yield _damage(at, at + 1, "it never closes")
            at += 1
        elif not ends[at]:  # never closes: what starts on a later line is read on its own
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
                yield from (span,) if span.values else _rescued(text, ends, span)
            at = match_end(_COMMA, text, end, stop)


def _rescued(text: str, ends: array[int], broken: Span) -> Iterator[Span]:
    # A missing brace on one line and a spare one further down hide the valid lines between them: a line that is a
    # complete object and names a decision counts. Only one level, so that no text is parsed a third time.
    at = broken.start
    for opener in _LINE_OPEN.finditer(text, at + 1, broken.end):
        start = opener.end() - 1
        end = ends[start]
        if text[start] == "[" or not end or start < at or "\n" in text[start:end]:
            continue
        span = _object(text, start, end)
        if any("decision_id" in value for value in span.values):
            yield _damage(at, start, broken.fault)
            yield span
            at = match_end(_COMMA, text, end, broken.end)
    yield _damage(at, broken.end, broken.fault)


def _object(text: str, start: int, end: int) -> Span:
    duplicate = lost = False
    parts: list[dict[str, Any]] = []  # of the outermost object, which json gives last

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal duplicate, lost, parts
        obj, parts = dict(items), []
        members: dict[str, Any] = {}
        for key, value in items:
            name = folded if (folded := folded_key(key)) in _ONCE else key
            if name in members and name != "escalationdeferred":
                lost = lost or (type(members[name]), members[name]) != (type(value), value)
            if not parts or key in parts[-1]:
                parts.append({})
            parts[-1][key] = members[name] = value
        if len(obj) != len(items):
            duplicate = True
            deferrals = [value for key, value in items if key == "escalation_deferred"]
            if len(deferrals) > 1 and any(map(means_deferred, deferrals)):
                obj["escalation_deferred"] = True
        return obj

    try:
        value = strict_json(text[start:end], pairs=pairs)
    except RecordError as error:
        return _damage(start, end, str(error))
    # A lost `},{` between two decisions; in any other case the last value of a key is the one that is recorded.
    values = parts if len(parts) > 1 and all("decision_id" in part for part in parts) else [value]
    values += [inner for outer in [*values] for inner in inside(outer)]
    return Span(start, end, tuple(values), duplicate, _TWICE if lost else "")


def inside(obj: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the decisions among the values of an object, at any depth."""
    waiting: list[Any] = [*reversed([*obj.values()])]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting += reversed(value)
        elif isinstance(value, dict):
            if decides(value):
                yield value
            waiting += reversed(value.values())


def _ends(text: str) -> array[int]:
    """Return for each opening bracket the place after its partner, 0 without one and for other characters; in one pass."""
    ends = array("l", bytes(array("l").itemsize * len(text)))
    # One level for the array around the objects. A bracket that the deque drops is nested too deep to be read.
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


def match_end(pattern: re.Pattern[str], text: str, at: int, stop: int) -> int:
    """Return the end of a match that begins at `at`, or `at` without one."""
    match = pattern.match(text, at, stop)
    return match.end() if match else at
