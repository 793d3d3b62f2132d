"""The log records as frozen values: a record in, the exact bytes of its line out, and back again.

Field order is the JSON order. A line is UTF-8 JSON without white space, ended by one newline; control characters, line
separators, bidirectional marks and lone surrogates are escaped, so that a line is one line for every tool that reads it.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import MISSING, asdict, field, fields, is_dataclass
from datetime import UTC, datetime
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from correctless.values import frozen

MAX_DEPTH = 32
MAX_DIGITS = 4300  # of an integer: what Python converts unless it is told otherwise
MAX_OBJECT = 1 << 20  # characters of one JSON object a model may write

NOTES = frozenset(
    {
        "conflict",
        "corrected",
        "damaged",
        "differs-from-default",
        "duplicate-key",
        "incomplete",
        "unlisted",
        "unverified",
    }
)
SOURCES = ("tool", "block", "synthesized", "cli")

# What json.dumps(ensure_ascii=False) leaves raw although some reader splits, hides or reverses text on it.
# Text: `re` compiles it on first use, and most lines need neither it nor the pattern below.
_UNSAFE = "[\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"


T = TypeVar("T")


class RecordError(ValueError):
    """Text that is not the record it should be; the message names the field or the fault."""


@frozen
class Decision:
    """One decision of the decisions log, in the order of its keys (spec: decisions)."""

    skill: str
    decision_id: str
    default_applied: str
    rationale: str
    timestamp: str
    escalation_deferred: bool
    original_escalation_reason: str | None = None
    run: str | None = None
    step: str | None = None
    attempt: int | None = None
    key: str | None = None
    source: str = "cli"
    notes: tuple[str, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)

    def fields(self) -> dict[str, Any]:
        """The record as a mapping in log order, ready for `Ledger.append`; `seq` and `prev` are the ledger's."""
        values = asdict(self)
        values["notes"] = sorted(set(self.notes))
        values["extra"] = dict(self.extra)
        return values

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Decision:
        """A decision from a log line's mapping; `RecordError` names the first field with a wrong type."""
        return read(cls, values)


@frozen
class Confirmation:
    """What a person said, one line of the confirmations log."""

    kind: str  # "escalations" | "answer" (to one decision, during the run) | "rejected" | "spec"
    digest: str  # of the open set or the decision as it was shown, or of the spec's bytes
    by: str
    channel: str  # terminal | prompt | github | signed | flag
    timestamp: str
    note: str = ""  # with an answer: what is to be done in the default's place, "" where that stands

    def fields(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Confirmation:
        return read(cls, values)


def read(kind: type[T], values: Mapping[str, Any]) -> T:
    """A record of the dataclass `kind` from a mapping: the class is the schema.

    Types are checked exactly (`true` is no integer); keys the class doesn't have are ignored, because a newer release
    may have written them; a missing key takes its default. `RecordError` names the field that doesn't fit.
    """
    taken: dict[str, Any] = {}
    for name, hint, needed in _schema(kind):  # type: ignore[arg-type]  # mypy takes no type[T] for Hashable
        if name in values:
            value = values[name]
            taken[name] = value if type(value) is hint else _fit(value, hint, name)
        elif needed:
            raise RecordError(f"field '{name}' is missing")
    return kind(**taken)


@cache
def _schema(kind: type) -> tuple[tuple[str, Any, bool], ...]:
    """Each field's name and type, and whether it has no default."""
    hints = get_type_hints(kind)
    return tuple(
        (f.name, hints[f.name], f.default is MISSING and f.default_factory is MISSING) for f in fields(kind)
    )


@cache
def _parts(hint: Any) -> tuple[Any, tuple[Any, ...]]:
    return get_origin(hint), get_args(hint)


def _fit(value: Any, hint: Any, name: str) -> Any:
    if hint is Any:
        return value
    origin, args = _parts(hint)
    if origin is UnionType:
        if value is None and NoneType in args:
            return None
        for option in args:
            with suppress(RecordError):
                return _fit(value, option, name)
        raise RecordError(f"field '{name}' is {type(value).__name__}")
    if origin is tuple and isinstance(value, list | tuple):
        return tuple(_fit(item, args[0], name) for item in value)
    if origin in (dict, Mapping) and isinstance(value, dict):
        if args[1] is Any:
            return {str(key): item for key, item in value.items()}
        return {str(key): _fit(item, args[1], f"{name}.{key}") for key, item in value.items()}
    if is_dataclass(hint) and isinstance(value, dict):
        return read(hint, value)  # type: ignore[arg-type]  # is_dataclass narrows to instance or type
    if hint is float and type(value) is int:
        try:
            return float(value)
        except OverflowError:
            raise RecordError(f"field '{name}' is a number with too many digits") from None
    if type(value) is hint:
        return value
    raise RecordError(f"field '{name}' is {type(value).__name__}")


def means_deferred(value: Any) -> bool:
    """What a value of `escalation_deferred` says; what nobody can read is deferred."""
    if value is None or isinstance(value, bool):
        return bool(value)
    if isinstance(value, str):
        return value.strip().lower() not in ("false", "no")
    return not (isinstance(value, int) and value == 0)


def timestamp(now: datetime) -> str:
    """RFC 3339 in UTC with milliseconds and Z; `now` must carry a zone."""
    return now.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def utcnow() -> datetime:
    """The clock, passed on as a parameter by whoever starts the work."""
    return datetime.now(UTC)


_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def encode(values: Mapping[str, Any]) -> bytes:
    """One log line with its newline; NaN and values JSON does not know raise `ValueError` or `TypeError`."""
    text = _ENCODER.encode(values)
    if text.isascii() and "\x7f" not in text:  # the common line: json has escaped everything else
        return text.encode() + b"\n"
    return re.sub(_UNSAFE, lambda m: f"\\u{ord(m[0]):04x}", text).encode() + b"\n"


def decode(line: bytes) -> dict[str, Any]:
    """The mapping one log line holds; `RecordError` says why it is none."""
    try:
        value = strict_json(line.decode("utf-8"), max_size=None, pairs=_no_duplicates)
    except UnicodeDecodeError as error:
        raise RecordError(f"not UTF-8 at byte {error.start}") from None
    if not isinstance(value, dict):
        raise RecordError("not a JSON object")
    return value


def strict_json(
    text: str,
    *,
    max_size: int | None = MAX_OBJECT,
    pairs: Callable[[list[tuple[str, Any]]], Any] | None = None,
) -> Any:
    """JSON and nothing else: no NaN or Infinity, at most `MAX_DEPTH` deep; `RecordError` says what it was.

    `pairs` is json's `object_pairs_hook`: the place where a caller sees duplicate keys.
    """
    if max_size is not None and len(text) > max_size:
        raise RecordError(f"over {max_size} characters")
    # Nothing nests deeper than it has brackets: counting those spares the usual line the walk.
    if text.count("{") + text.count("[") > MAX_DEPTH and _depth(text) > MAX_DEPTH:
        raise RecordError(f"nested deeper than {MAX_DEPTH}")
    try:
        return json.loads(
            text,
            parse_constant=_refuse_constant,
            parse_float=_finite,
            parse_int=_integer,
            object_pairs_hook=pairs,
        )
    except json.JSONDecodeError:
        # Its words and places are the interpreter's: the same text must be the same record on each.
        raise RecordError("not JSON") from None


# Unrolled: one alternation a character would cost more than parsing the JSON.
_STRUCTURE = r'(?s)"[^"\\]*(?:\\.[^"\\]*)*"?|[\[{]|[\]}]'


def _depth(text: str) -> int:
    # Counted before parsing: json's own recursion limit is the interpreter's, not ours.
    deepest = depth = 0
    for match in re.finditer(_STRUCTURE, text):
        mark = match[0][0]
        if mark in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif mark in "]}":
            depth -= 1
    return deepest


def _refuse_constant(name: str) -> Any:
    raise RecordError(f"{name} is not JSON")


def _integer(text: str) -> int:
    if len(text.lstrip("-")) <= MAX_DIGITS:
        with suppress(ValueError):  # the environment may allow fewer
            return int(text)
    raise RecordError(f"a number of over {MAX_DIGITS} digits")


def _finite(text: str) -> float:
    # 1e999 is JSON by its grammar, becomes Infinity in Python, and could then not be written again.
    value = float(text)
    if math.isinf(value):
        raise RecordError(f"the number {text[:20]} is out of range")
    return value


def _no_duplicates(items: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(items)
    if len(found) != len(items):
        raise RecordError("a key stands twice")
    return found
