"""The calls of one attempt's agent, recorded: a call in, its decision appended, the words the agent reads out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from correctless.agents import Activity, one_line
from correctless.capture import Calls
from correctless.contract import SkillContract
from correctless.dispatch.surroundings import Surroundings
from correctless.record import Decision, timestamp
from correctless.remarks import recorded


class Recording:
    """What the recorder of one attempt asks (`agents.recorder.Take`). Not for two threads at once: the recorder sees to that."""

    def __init__(
        self, around: Surroundings, contract: SkillContract, run: str, step: str, attempt: int
    ) -> None:
        self._around = around
        self._contract = contract
        self._calls = Calls(
            contract,
            run=run,
            step=step,
            attempt=attempt,
            unlisted_before=unlisted(around, run, contract.name),
        )

    def __call__(self, tool: str, arguments: Mapping[str, Any]) -> str:
        if tool == "list_defaults":
            return _defaults(self._contract)
        if tool != "record_decision":
            return f"there is no tool {one_line(tool)}. call record_decision or list_defaults"
        decision = self._calls.take(arguments, timestamp(self._around.now()))
        self._around.decisions.append(decision.fields())
        said = recorded(decision, self._contract)
        self._around.activity(Activity("decision", one_line(said)))
        return said


def calls_of(around: Surroundings, run: str, step: str, attempt: int) -> tuple[Decision, ...]:
    """The calls of an attempt, as the log holds them, in the order they were made."""
    key = f"{run}/{step}/{attempt}/t"
    found = (Decision.of(entry.fields) for entry in around.decisions.read())
    return tuple(decision for decision in found if (decision.key or "").startswith(key))


def unlisted(around: Surroundings, run: str, skill: str, *, but: str | None = None) -> int:
    """How many unlisted entries a run has of a skill, leaving out those whose key begins with `but`.

    An effect that is performed again leaves out its own: their keys will be found again.
    """
    return sum(
        d.run == run
        and d.skill == skill
        and d.decision_id.startswith("AD-UNLISTED-")
        and not (but is not None and (d.key or "").startswith(but))
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
