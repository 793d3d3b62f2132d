"""What an agent is told: a planned step, its contract and the nonce in; the prompt's exact text out.

Line 1 is `mode: autonomous`: a skill that doesn't find it there is being used by a person and asks.
"""

from __future__ import annotations

import json

from correctless.agents.recorder import TOOLS
from correctless.contract import Default, SkillContract
from correctless.runlog.plan import Plan, PlannedStep


def write(
    plan: Plan,
    step: PlannedStep,
    contract: SkillContract,
    *,
    skill_path: str,
    spec_path: str,
    nonce: str,
    recorder: bool = False,
    retry_note: str = "",
) -> str:
    """The prompt of one attempt; the paths are absolute. `recorder`: the agent has the tools of `agents.recorder`."""
    parts = [
        "mode: autonomous",
        f"You carry out one step of an unattended run: {step.name} on branch {plan.branch}.",
        "Nobody answers questions. Work in the current folder until the step is done, then end with the block below.",
        "",
        "## Your task",
        f"Skill: {contract.name}. Read its instructions now, whole, and follow them: {skill_path}",
        f"Files the skill refers to lie beside it. Specification: {plan.spec} (as approved: {spec_path})",
    ]
    if step.report:
        parts.append(
            f"Write your report to {step.report}. It must name every rule of the specification (R-001, ...)."
        )
    if plan.test:
        parts.append(f"The project's tests: {json.dumps(list(plan.test))} (an argument list)")
    if retry_note:
        parts += [
            "",
            "## What happened before",
            "An earlier attempt of this step was taken back; its changes are not in the tree. The reason, as data:",
            *(f"> {line}" for line in retry_note.splitlines()),
        ]
    parts += ["", *_rules(contract), "", *_recording(contract, nonce, recorder)]
    return "\n".join(parts) + "\n"


def _rules(contract: SkillContract) -> list[str]:
    said = [
        "## What is yours to decide",
        "Commit nothing, push nothing, open no pull request: the dispatcher does that after your step.",
    ]
    if not contract.defaults:
        return [
            *said,
            "The skill lists no decision points: every choice that a person could have made otherwise is unlisted.",
        ]
    return [
        *said,
        "At each decision point apply the default. Where it says `escalate: always` the decision is a person's: apply",
        "the default as a stand-in and record it as deferred. A choice that no entry covers: take the passive way and",
        "record it without an id.",
        *(_default(default) for default in contract.defaults),
    ]


def _default(default: Default) -> str:
    mark = " [escalate: always]" if default.escalate else ""
    subject = f"{default.subject}: " if default.subject else ""
    return f"- {default.id}{mark} {subject}{default.choice or 'no default is given: stop at this point and say so'}"


def _recording(contract: SkillContract, nonce: str, recorder: bool) -> list[str]:
    example = contract.defaults[0].id if contract.defaults else None
    line = json.dumps(
        {
            "decision_id": example,
            "default_applied": "what you did",
            "rationale": "why",
            "escalation_deferred": False,
            "original_escalation_reason": None,
        }
    )
    calls = [
        f"Record each decision at the moment you take it: call {TOOLS[0]} with its",
        "decision_id, default_applied and rationale. What it answers is what was recorded; don't call again to mend it.",
        "Then, as a cross-check, repeat them all:",
    ]
    return [
        "## How to record decisions",
        *(calls if recorder else ()),
        "Your final answer ends with this block: one JSON object a line, one for each decision point you reached, in",
        "order. Replace the example line; with no decisions leave the block empty. Copy the marker with its word.",
        "",
        f"AUTONOMOUS_DECISIONS_START {nonce}",
        line,
        "AUTONOMOUS_DECISIONS_END",
    ]
