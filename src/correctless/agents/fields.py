"""Fields of the client's events, each with the expected type.

The client's fields have changed their type before: a value of another type counts as missing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any


def moment(seconds: Any) -> datetime | None:
    """Return the UTC time of Unix `seconds`, None when they are not a valid time."""
    try:
        return datetime.fromtimestamp(number(seconds) or math.nan, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def mapping(value: Any) -> Mapping[str, Any]:
    """Return a JSON object, {} for anything else."""
    return value if isinstance(value, dict) else {}


def items(value: Any) -> list[Any]:
    """Return a JSON array, [] for anything else."""
    return value if isinstance(value, list) else []


def text(value: Any) -> str:
    """Return a JSON string, "" for anything else."""
    return value if isinstance(value, str) else ""


def integer(value: Any) -> int | None:
    """Return a JSON integer, None for anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def number(value: Any) -> float | None:
    """Return a JSON number as float, None for anything else."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    try:
        return float(value)
    except OverflowError:  # an integer of hundreds of digits is JSON too
        return None
