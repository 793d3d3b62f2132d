"""Claims of a run, each with a verdict and the evidence for it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

from correctless.base import exits

Verdict = Literal["proven", "not proven", "contradicted", "not yet", "unchecked"]
VERDICTS: tuple[Verdict, ...] = ("proven", "not proven", "contradicted", "not yet", "unchecked")


@dataclass(frozen=True, slots=True)
class Claim:
    """One claim: `what` about `about` is as the run log says.

    `fix` is what to do where it is not proven.
    """

    about: str  # the run, an attempt (`cverify#1`), consolidation, the gate, the pull request
    what: str
    verdict: Verdict
    said: str  # one printable line: what was found
    events: tuple[int, ...] = ()  # entries of the run log it rests on
    commit: str | None = None
    fix: str = ""


def count(claims: Iterable[Claim]) -> dict[Verdict, int]:
    """Return the number of claims for each verdict."""
    found: dict[Verdict, int] = dict.fromkeys(VERDICTS, 0)
    for claim in claims:
        found[claim.verdict] += 1
    return found


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
