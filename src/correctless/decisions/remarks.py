"""Explanations of what was changed in a recorded decision, one sentence each.

They are for the agent as the answer of its call, and for a skill's author in `decisions parse`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from correctless.decisions.decision import Decision

if TYPE_CHECKING:
    from correctless.skill.contract import SkillContract


def recorded(decision: Decision, contract: SkillContract) -> str:
    """Return the answer to a call in one line: the recorded id, whether it is deferred, and why it was changed."""
    deferred = ", deferred" if decision.escalation_deferred else ""
    explanation = "; ".join(remarks(decision, contract))
    return f"recorded as {decision.decision_id}{deferred}{f': {explanation}' if explanation else ''}"


def remarks(decision: Decision, contract: SkillContract) -> Iterator[str]:
    """Yield a sentence without a final stop for each note, in order."""
    skill, listed = contract.name, contract.default(decision.decision_id)
    for note in decision.notes:
        if note == "conflict":
            yield "the same id was reported before with another default, or not deferred; the reviewer decides which one counts"
        elif note == "corrected":
            yield f"{decision.decision_id} needs a human decision (escalate: always), reported as not deferred"
        elif note == "damaged":
            stored = decision.extra.get("kept")
            yield f"it can't be read: {decision.extra.get('fault')}{f'; stored in {stored}' if stored else ''}"
        elif note == "differs-from-default":
            yield f"the listed default is: {listed.choice if listed else ''}"
        elif note == "duplicate-key":
            yield "a key is duplicated; the last one counts, of escalation_deferred the true one, and two decisions are two"
        elif note == "incomplete":
            yield "default_applied and rationale must both be text, and not empty"
        elif note == "unlisted":
            yield _unlisted(decision, contract)
        elif note == "unverified":
            yield f"the block has no nonce, so it may be quoted from anywhere; {skill}'s prompt shows the one to copy"


def _unlisted(decision: Decision, contract: SkillContract) -> str:
    claimed = decision.extra.get("claimed_id")
    what = f"no such default in {contract.name}" if claimed else "no decision_id was given"
    known = ", ".join(dict.fromkeys(default.id for default in contract.defaults))
    return f"{what}; known: {known}" if known else f"{what}; it lists none"
