"""One term that does not hold, as a value: what was found and what is needed, of which section of the contract."""

from __future__ import annotations

from correctless.base.values import frozen

_LONG = 300


@frozen
class Clause:
    """Why something is not allowed: `code` for programs, the other three for people, each of one line."""

    code: str
    section: int  # of the contract, 1 to 8
    found: str
    needed: str


def shown(text: str) -> str:
    """A text of a host or an agent, safe for a terminal and for one line, at most 300 characters."""
    safe = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[: _LONG + 1])
    return safe if len(safe) <= _LONG else safe[: _LONG - 1] + "\N{HORIZONTAL ELLIPSIS}"


def of_merge(code: str, found: str, needed: str) -> Clause:
    """A clause of section 3, the merge bar."""
    return Clause(f"merge.{code}", 3, shown(found), shown(needed))
