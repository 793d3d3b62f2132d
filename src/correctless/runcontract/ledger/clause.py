"""One term that fails, as a value: found, needed, and the section of the contract."""

from __future__ import annotations

from correctless.base.text import one_line
from correctless.base.values import frozen


@frozen
class Clause:
    """Why something is not allowed: `code` for programs, the rest for you, each of one line."""

    code: str
    section: int  # of the contract, 1 to 8
    found: str
    needed: str


def of_merge(code: str, found: str, needed: str) -> Clause:
    """Return a clause of section 3, the merge bar."""
    return Clause(f"merge.{code}", 3, one_line(found), one_line(needed))


def internal(error: Exception) -> Clause:
    """Return the clause of a decision that failed by an error: it denies."""
    return Clause("internal", 0, one_line(f"{type(error).__name__}: {error}"), "no error")
