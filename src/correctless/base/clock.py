"""The clock, and the format of a time in records."""

from __future__ import annotations

from datetime import UTC, datetime


def timestamp(now: datetime) -> str:
    """RFC 3339 in UTC with milliseconds and Z; `now` must carry a zone."""
    return now.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def utcnow() -> datetime:
    """The clock, passed on as a parameter by whoever starts the work."""
    return datetime.now(UTC)
