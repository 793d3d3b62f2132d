"""What Claude Code knows, by version: one module a version, which `scripts/client-facts` writes.

A name that any of these versions knows is known. One that the oldest does not know is new: `since` says from which version on.
"""

from __future__ import annotations

from functools import cache

from correctless.lint.clients import v2_1_329, v2_1_332

VERSIONS = (v2_1_329, v2_1_332)  # oldest first


@cache
def known(table: str) -> frozenset[str]:
    """Return the names of a table, such as `EVENTS`, in any version."""
    return frozenset(name for version in VERSIONS for name in getattr(version, table))


def since(table: str, name: str) -> str:
    """Return the version from which on a name is known, "" for one that the oldest knows or none."""
    first = next((each for each in VERSIONS if name in getattr(each, table)), VERSIONS[0])
    return "" if first is VERSIONS[0] else first.VERSION
