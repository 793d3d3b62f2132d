"""Records of a log as frozen values, to and from the exact bytes of a line.

Field order is the JSON order. A line is UTF-8 JSON without white space, ended by one newline; control characters, line
separators, bidirectional marks and lone surrogates are escaped, so that a line is one line for every tool that reads it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from correctless.syntax.strict_json import RecordError, strict_json

# Left raw by json.dumps(ensure_ascii=False), although some reader splits, hides or reverses text on it.
# Text: `re` compiles it on first use, and most lines need neither it nor the pattern below.
_UNSAFE = "[\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"

T = TypeVar("T")


def read(kind: type[T], values: Mapping[str, Any]) -> T:
    """Return a record of the dataclass `kind` from a mapping: the class is the schema.

    Types are checked exactly (`true` is no integer); keys the class doesn't have are ignored, because a newer release
    may have written them; a missing key takes its default. `RecordError` names the field that doesn't fit.
    """
    arguments: dict[str, Any] = {}
    for name, hint, needed in _schema(kind):  # type: ignore[arg-type]  # mypy takes no type[T] for Hashable
        if name in values:
            value = values[name]
            arguments[name] = value if type(value) is hint else _fit(value, hint, name)
        elif needed:
            raise RecordError(f"field '{name}' is missing")
    return kind(**arguments)


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


_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def encode(values: Mapping[str, Any]) -> bytes:
    """Return one log line with its newline; NaN and values JSON does not know raise `ValueError` or `TypeError`."""
    text = _ENCODER.encode(values)
    if text.isascii() and "\x7f" not in text:  # the common line: json has escaped everything else
        return text.encode() + b"\n"
    return re.sub(_UNSAFE, lambda m: f"\\u{ord(m[0]):04x}", text).encode() + b"\n"


def decode(line: bytes) -> dict[str, Any]:
    """Return the mapping in one log line; `RecordError` says why it has none."""
    try:
        value = strict_json(line.decode("utf-8"), max_size=None, pairs=_no_duplicates)
    except UnicodeDecodeError as error:
        raise RecordError(f"not UTF-8 at byte {error.start}") from None
    if not isinstance(value, dict):
        raise RecordError("not a JSON object")
    return value


def _no_duplicates(items: list[tuple[str, Any]]) -> dict[str, Any]:
    mapping = dict(items)
    if len(mapping) != len(items):
        raise RecordError("duplicate key")
    return mapping
