"""Claims of a run, each with a verdict and the evidence for it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

from correctless.base import exits

Verdict = Literal["proven", "not proven", "contradicted", "not yet", "unchecked"]
VERDICTS: tuple[Verdict, ...] = ("proven", "not proven", "contradicted", "not yet", "unchecked")

VERIFY = "look at it with: correctless decisions verify"  # a fix


@dataclass(frozen=True, slots=True)
class Claim:
    """One claim: `what` about `about` is as the run log records it; `fix` is what to do where it is not proven."""

    about: str  # the run, an attempt (`cverify#1`), consolidation, the gate, the pull request
    what: str
    verdict: Verdict
    said: str  # the finding as one printable line
    events: tuple[int, ...] = ()  # entries of the run log it rests on
    commit: str | None = None
    fix: str = ""


def count(claims: Iterable[Claim]) -> dict[Verdict, int]:
    """Return the number of claims for each verdict."""
    numbers: dict[Verdict, int] = dict.fromkeys(VERDICTS, 0)
    for claim in claims:
        numbers[claim.verdict] += 1
    return numbers


def code(claims: Iterable[Claim]) -> int:
    """Return the exit code for the claims.

    0 when all is proven, 1 when something is not, 3 when something could not be checked.
    """
    numbers = count(claims)
    if numbers["unchecked"]:
        return exits.REFUSED
    return exits.FINDINGS if numbers["not proven"] or numbers["contradicted"] else exits.OK


def as_json(claims: Iterable[Claim]) -> list[dict[str, Any]]:
    """Return the claims as a JSON array."""
    return [{**asdict(claim), "events": list(claim.events)} for claim in claims]
