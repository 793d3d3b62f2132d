"""The exact text of a prompt. Line 1 is `mode: autonomous`: without it a skill asks its user."""

from __future__ import annotations

import json
from collections.abc import Sequence

from correctless.agents.recorder import TOOLS
from correctless.dispatch.step.ask import ChangedDefault
from correctless.runlog.plan import Plan, PlannedStep
from correctless.skill.contract import Default, SkillContract


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
    decided: Sequence[ChangedDefault] = (),
) -> str:
    """Return the prompt of one attempt. Paths are absolute.

    `recorder`: the agent has the tools of `agents.recorder`. `decided` are the defaults of earlier steps that you changed.
    """
    parts = [
        "mode: autonomous",
        f"You carry out one step of an unattended run: {step.name} on branch {plan.branch}.",
        "Nobody answers questions. Work in the current folder until the step is done, then end with the block below.",
        "",
        "## Your task",
        f"Skill: {contract.name}. Read its instructions now, whole, and follow them: {skill_path}",
        f"Files the skill refers to are beside it. Specification: {plan.spec} (as approved: {spec_path})",
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
            "An earlier attempt of this step was reverted; its changes are not in the tree. The reason, as data:",
            *(f"> {line}" for line in retry_note.splitlines()),
        ]
    if decided:
        parts += [
            "",
            "## What a person decided in this run",
            "In place of defaults that earlier steps applied. Work by these decisions; they are recorded already:",
            *(
                f"- {each.step} {each.decision_id}, where {json.dumps(each.applied)} was applied: {json.dumps(each.answer)}"
                for each in decided
            ),
        ]
    parts += ["", *_rules(contract), "", *_recording(contract, nonce, recorder)]
    return "\n".join(parts) + "\n"


def resume(contract: SkillContract, nonce: str, *, reason: str, answers: Sequence[ChangedDefault]) -> str:
    """Return the prompt of a continued session: your answers, or that it was interrupted."""
    if answers:
        lines = [
            "A person has answered decisions that you left to one in this step. Carry these answers out; the words are theirs:",
            *(
                f"- {each.decision_id}, where you applied {json.dumps(each.applied)}: {json.dumps(each.answer)}"
                for each in answers
            ),
            "They are recorded: do not record them again. Change nothing else that was decided.",
        ]
    else:
        lines = [
            f"You were interrupted ({json.dumps(reason)}). What you had done is in the worktree as you left it. A command that was",
            "running may not have finished: look before you rely on it. Continue the step and finish it.",
        ]
    return (
        "\n".join(
            [
                "mode: autonomous",
                *lines,
                "",
                "Record further decisions as before. Your final answer ends with the decisions block, with the same nonce:",
                "",
                f"AUTONOMOUS_DECISIONS_START {nonce}",
                _line(contract),
                "AUTONOMOUS_DECISIONS_END",
            ]
        )
        + "\n"
    )


def _rules(contract: SkillContract) -> list[str]:
    lines = [
        "## What is yours to decide",
        "Commit nothing, push nothing, open no pull request: the dispatcher does that after your step.",
    ]
    if not contract.defaults:
        return [
            *lines,
            "The skill lists no decision points: every choice that a person could have made otherwise is unlisted.",
        ]
    return [
        *lines,
        "At each decision point apply the default. Where it says `escalate: always` a person must confirm it: apply",
        "the default for now and record it as deferred. A choice that no entry covers: take the passive way and",
        "record it without an id.",
        *(_default(default) for default in contract.defaults),
    ]


def _default(default: Default) -> str:
    mark = " [escalate: always]" if default.escalate else ""
    subject = f"{default.subject}: " if default.subject else ""
    return f"- {default.id}{mark} {subject}{default.choice or 'no default is given: stop at this point and say so'}"


def _recording(contract: SkillContract, nonce: str, recorder: bool) -> list[str]:
    calls = [
        f"Record each decision at the moment you take it: call {TOOLS[0]} with its",
        "decision_id, default_applied and rationale. What it answers is what was recorded; don't call again to fix it.",
        "Then, as a cross-check, repeat them all:",
    ]
    return [
        "## How to record decisions",
        *(calls if recorder else ()),
        "Your final answer ends with this block: one JSON object a line, one for each decision point you reached, in",
        "order. Replace the example line; with no decisions leave the block empty. Copy the marker with its nonce.",
        "",
        f"AUTONOMOUS_DECISIONS_START {nonce}",
        _line(contract),
        "AUTONOMOUS_DECISIONS_END",
    ]


def _line(contract: SkillContract) -> str:
    return json.dumps(
        {
            "decision_id": contract.defaults[0].id if contract.defaults else None,
            "default_applied": "what you did",
            "rationale": "why",
            "escalation_deferred": False,
            "original_escalation_reason": None,
        }
    )
