"""Strict JSON reader: no NaN, limited depth and digits."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any

MAX_DEPTH = 32

MAX_DIGITS = 4300  # of an integer: what Python converts by default

MAX_OBJECT = 1 << 20  # characters of one JSON object a model may write


class RecordError(ValueError):
    """Invalid record; the message names the field or the fault."""


def strict_json(
    text: str,
    *,
    max_size: int | None = MAX_OBJECT,
    pairs: Callable[[list[tuple[str, Any]]], Any] | None = None,
) -> Any:
    """Parse strict JSON: no NaN or Infinity, at most `MAX_DEPTH` deep.

    `pairs` is json's `object_pairs_hook`, by which a caller sees duplicate keys.

    Raises: RecordError, which says what is invalid.
    """
    if max_size is not None and len(text) > max_size:
        raise RecordError(f"over {max_size} characters")
    # Nothing nests deeper than it has brackets: to count them is faster, and enough for most lines.
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
        # Without json's own message, which differs by Python version: the same text must be the same record on each.
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
    # 1e999 is valid JSON, becomes Infinity in Python, and could then not be written again.
    value = float(text)
    if math.isinf(value):
        raise RecordError(f"the number {text[:20]} is out of range")
    return value
