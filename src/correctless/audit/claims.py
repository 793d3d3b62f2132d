"""What a run says it did, one claim after the other, each with a verdict and what it rests on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

from correctless.base import exits

Verdict = Literal["proven", "not proven", "contradicted", "not yet", "unchecked"]
VERDICTS: tuple[Verdict, ...] = ("proven", "not proven", "contradicted", "not yet", "unchecked")


@dataclass(frozen=True, slots=True)
class Claim:
    """`what` of `about` is as the run says; `fix` is what to do where it is not proven."""

    about: str  # the run, an attempt (`cverify#1`), consolidation, the gate, the pull request
    what: str
    verdict: Verdict
    said: str  # one printable line: what was found
    events: tuple[int, ...] = ()  # entries of the run log it rests on
    commit: str | None = None
    fix: str = ""


def count(claims: Iterable[Claim]) -> dict[Verdict, int]:
    found: dict[Verdict, int] = dict.fromkeys(VERDICTS, 0)
    for claim in claims:
        found[claim.verdict] += 1
    return found


def code(claims: Iterable[Claim]) -> int:
    """0: all that the run came to is proven; 1: something is not; 3: something could not be checked."""
    numbers = count(claims)
    if numbers["unchecked"]:
        return exits.REFUSED
    return exits.FINDINGS if numbers["not proven"] or numbers["contradicted"] else exits.OK


def as_json(claims: Iterable[Claim]) -> list[dict[str, Any]]:
    return [{**asdict(claim), "events": list(claim.events)} for claim in claims]
