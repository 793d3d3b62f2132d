"""The clock, and the format of a time in records."""

from __future__ import annotations

from datetime import UTC, datetime


def timestamp(now: datetime) -> str:
    """Return RFC 3339 in UTC with milliseconds and Z; `now` must have a time zone."""
    return now.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def utcnow() -> datetime:
    """Return the current time: the default of a `now` parameter."""
    return datetime.now(UTC)
