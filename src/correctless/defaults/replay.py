"""What past runs would have recorded under another contract."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from correctless.decisions.correction import Origin, correct
from correctless.decisions.decision import UNLISTED, Attempt, Decision
from correctless.defaults.evidence import PastDecision
from correctless.defaults.patch import SkillPatch
from correctless.defaults.suggestions import entry_for, name_of
from correctless.skill.contract import SkillContract, of_text


@dataclass(frozen=True, slots=True)
class Difference:
    """One past decision as it would be recorded under the contract before and after a patch."""

    case: PastDecision
    before: Decision
    after: Decision


def differences(patch: SkillPatch, cases: Iterable[PastDecision]) -> Iterator[Difference]:
    """Yield each decision of the skill that the patch would have recorded otherwise.

    Both sides are computed: the log also shows what the contract said on that day.
    """
    before, after = of_text(patch.before, patch.path), of_text(patch.after, patch.path)
    given = {(each.branch, each.seq): s.entry.id for s in patch.suggestions.found for each in s.evidence}
    for case in cases:
        if case.decision.skill == name_of(patch.path) and "damaged" not in case.decision.notes:
            one, other = recorded(case, before, {}), recorded(case, after, given)
            if one != other:
                yield Difference(case, one, other)


def recorded(case: PastDecision, contract: SkillContract, given: Mapping[tuple[str, int], str]) -> Decision:
    """Return what is recorded of a decision; `given` has the ids of those that a suggestion rests on, by branch and seq."""
    decision = case.decision
    listed = entry_for(contract, case) if case.counts else contract.default(case.claimed or "")
    claimed = given.get((case.branch, case.seq)) or (listed.id if listed else case.claimed)
    number = decision.decision_id.removeprefix(UNLISTED)
    return correct(
        _as_reported(case, claimed),
        contract,
        skill=decision.skill,
        at=Attempt(decision.run, decision.step, decision.attempt),
        origin=Origin(
            source=decision.source,
            key=decision.key,
            duplicate="duplicate-key" in decision.notes,
            verified="unverified" not in decision.notes,
            conflict="conflict" in decision.notes,
        ),
        now=decision.timestamp,
        unlisted=int(number) if number.isascii() and number.isdigit() else 0,
    )


def _as_reported(case: PastDecision, claimed: str | None) -> dict[str, Any]:
    """Return the object of the agent, as far as the record shows it."""
    decision = case.decision
    corrected = "corrected" in decision.notes
    asked = case.asked and not corrected
    return {
        "decision_id": claimed,
        "default_applied": decision.default_applied,
        "rationale": decision.rationale,
        "escalation_deferred": asked,
        "original_escalation_reason": decision.original_escalation_reason if asked else None,
    }
