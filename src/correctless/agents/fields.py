"""Fields of the client's events as they are expected: a value of any kind in, one of the right kind out.

The client's fields have changed their kind before: what is not of the expected kind counts as absent.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any


def moment(seconds: Any) -> datetime | None:
    try:
        return datetime.fromtimestamp(number(seconds) or math.nan, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def integer(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def number(value: Any) -> float | None:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    try:
        return float(value)
    except OverflowError:  # an integer of hundreds of digits is JSON too
        return None
