"""The calls of one attempt's agent, recorded: a call in, its decision appended, the words the agent reads out."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from correctless.agents import Activity
from correctless.base.clock import timestamp
from correctless.base.text import one_line
from correctless.decisions.capture import Calls
from correctless.decisions.correction import claimed_id, folded
from correctless.decisions.decision import UNLISTED, Decision
from correctless.decisions.remarks import recorded
from correctless.dispatch.core.context import Surroundings
from correctless.dispatch.step import ask
from correctless.skill.contract import SkillContract


class Recording:
    """What the recorder of one attempt asks (`agents.recorder.Take`). Not for two threads at once: the recorder sees to that."""

    def __init__(
        self, around: Surroundings, contract: SkillContract, run: str, step: str, attempt: int
    ) -> None:
        self._around = around
        self._contract = contract
        earlier = said(around, run, step, attempt)
        self._answered = {
            (each.decision_id, folded({"default_applied": each.default_applied})): each
            for each in earlier
            if ask.is_answer(each)
        }
        self._calls = Calls(
            contract,
            run=run,
            step=step,
            attempt=attempt,
            unlisted_before=unlisted(around, run, contract.name),
            earlier=earlier,
            calls_before=sum(each.source == "tool" for each in earlier),
        )

    def __call__(self, tool: str, arguments: Mapping[str, Any]) -> str:
        if tool == "list_defaults":
            return _defaults(self._contract)
        if tool != "record_decision":
            return f"there is no tool {one_line(tool)}. call record_decision or list_defaults"
        theirs = self._answered.get((claimed_id(arguments) or "", folded(arguments)))
        if theirs is not None:
            return f"on record already as {theirs.decision_id}: {theirs.extra.get('by')} decided it"
        decision = self._calls.take(arguments, timestamp(self._around.now()))
        self._around.decisions.append(decision.fields())
        answer = recorded(decision, self._contract)
        self._around.activity(Activity("decision", one_line(answer)))
        return answer


def said(around: Surroundings, run: str, step: str, attempt: int) -> tuple[Decision, ...]:
    """What is on record of an attempt, in the order it was written."""
    key = f"{run}/{step}/{attempt}/"
    found = (Decision.of(entry.fields) for entry in around.decisions.read())
    return tuple(decision for decision in found if (decision.key or "").startswith(key))


def unlisted(around: Surroundings, run: str, skill: str, *, but: Collection[str | None] = ()) -> int:
    """How many unlisted entries a run has of a skill, leaving out those with a key in `but`.

    An effect that is performed again leaves out its own: their keys will be found again.
    """
    return sum(
        d.run == run
        and d.skill == skill
        and not ask.is_answer(d)  # it has the number of what it answers
        and d.decision_id.startswith(UNLISTED)
        and d.key not in but
        for d in (Decision.of(entry.fields) for entry in around.decisions.read())
    )


def _defaults(contract: SkillContract) -> str:
    return json.dumps(
        [
            {
                "decision_id": default.id,
                "subject": default.subject,
                "default": default.choice,
                "rationale": default.rationale,
                "escalate": "always" if default.escalate else None,
            }
            for default in contract.defaults
        ],
        ensure_ascii=False,
    )
