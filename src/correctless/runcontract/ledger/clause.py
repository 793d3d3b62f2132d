"""One term that fails, as a value: found, needed, and the section of the contract."""

from __future__ import annotations

from correctless.base.text import one_line
from correctless.base.values import frozen


@frozen
class Clause:
    """Why something is not allowed: `code` for programs, the other three for people, each of one line."""

    code: str
    section: int  # of the contract, 1 to 8
    found: str
    needed: str


def of_merge(code: str, found: str, needed: str) -> Clause:
    """A clause of section 3, the merge bar."""
    return Clause(f"merge.{code}", 3, one_line(found), one_line(needed))
