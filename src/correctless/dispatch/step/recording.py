"""The calls of one attempt's agent, each recorded as a decision."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from correctless.agents import Activity
from correctless.base.clock import timestamp
from correctless.base.text import one_line
from correctless.decisions.capture import Calls
from correctless.decisions.correction import claimed_id, folded
from correctless.decisions.decision import Attempt
from correctless.decisions.remarks import recorded
from correctless.dispatch.core.context import RunContext
from correctless.dispatch.core.decisions_log import is_answer
from correctless.skill.contract import SkillContract


class Recording:
    """The recorder of one attempt (`agents.recorder.Take`), for one thread at a time."""

    def __init__(self, ctx: RunContext, contract: SkillContract, at: Attempt) -> None:
        self._ctx = ctx
        self._contract = contract
        earlier = ctx.decisions.of_attempt(at)
        self._answered = {
            (each.decision_id, folded({"default_applied": each.default_applied})): each
            for each in earlier
            if is_answer(each)
        }
        self._calls = Calls(
            contract,
            **asdict(at),
            unlisted_before=ctx.decisions.unlisted(at.run, contract.name),
            earlier=earlier,
            calls_before=sum(each.source == "tool" for each in earlier),
        )

    def __call__(self, tool: str, arguments: Mapping[str, Any]) -> str:
        if tool == "list_defaults":
            return _defaults(self._contract)
        if tool != "record_decision":
            return f"unknown tool {one_line(tool)}. call record_decision or list_defaults"
        theirs = self._answered.get((claimed_id(arguments) or "", folded(arguments)))
        if theirs is not None:
            return f"recorded already as {theirs.decision_id}: {theirs.extra.get('by')} decided it"
        decision = self._calls.take(arguments, timestamp(self._ctx.now()))
        self._ctx.decisions.append(decision)
        answer = recorded(decision, self._contract)
        self._ctx.activity(Activity("decision", one_line(answer)))
        return answer


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
