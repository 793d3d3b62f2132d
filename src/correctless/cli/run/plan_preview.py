"""Preview of a run: its plan, and the prompt and limits of each step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from correctless import agents
from correctless.agents import recorder
from correctless.base.text import printable_lines
from correctless.cli.display import progress
from correctless.dispatch.control.start import Ready
from correctless.dispatch.core import frozen_files
from correctless.dispatch.step import prompt
from correctless.runlog.plan import Plan, PlannedStep
from correctless.skill import contract

NONCE = "00000000"  # a real one is drawn for each attempt
RUN = "RUN"  # in place of the run's name in paths: it gets one when it starts


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """One step as it would start."""

    step: PlannedStep
    prompt: str


def rehearse(ready: Ready) -> tuple[Rehearsed, ...]:
    """Return the prompt of each step's first attempt.

    Uses the bytes that a run would freeze, and writes nothing.
    """
    plan, files = ready.frozen.plan, ready.frozen.files
    return tuple(Rehearsed(step, _prompt(ready, plan, step, files)) for step in plan.steps)


def _prompt(ready: Ready, plan: Plan, step: PlannedStep, files: Mapping[str, bytes]) -> str:
    path = frozen_files.skill_path(ready.logs, RUN, step)
    agent = agents.named(step.agent, ready.repo.top)
    return prompt.write(
        plan,
        step,
        contract.of_text(files[f"{step.name}/SKILL.md"], path),
        skill_path=path,
        spec_path=frozen_files.spec_path(ready.logs, RUN),
        nonce=NONCE,
        recorder=agent.takes_recorder and recorder.available(),
    )


def values(ready: Ready, rehearsed: tuple[Rehearsed, ...], *, approved: bool) -> dict[str, Any]:
    """Return the preview for programs."""
    return {
        "plan": asdict(ready.frozen.plan),
        "approved": approved,
        "steps": [
            {
                "step": each.step.name,
                "agent": each.step.agent,
                "model": each.step.model,
                "tools": list(each.step.tools),
                "limits": _limits(each.step),
                "check": list(each.step.check) if each.step.check else None,
                "report": each.step.report,
                "prompt": each.prompt,
            }
            for each in rehearsed
        ],
    }


def text(ready: Ready, rehearsed: tuple[Rehearsed, ...], *, approved: bool) -> str:
    """Return the preview for people."""
    plan = ready.frozen.plan
    parts = [progress.plan(plan), f"approval   {_approval(approved)}"]
    for number, each in enumerate(rehearsed, 1):
        step = each.step
        limits = _limits(step)
        parts += [
            "",
            f"== step {number} of {len(rehearsed)}: {step.name} ==",
            f"agent      {step.agent}{f', model {step.model}' if step.model else ''}",
            f"tools      {', '.join(step.tools)}",
            f"limits     {_spelled(limits)}, {plan.attempts} attempts",
            f"check      {' '.join(step.check) if step.check else 'none'}",
            *([f"report     {step.report}"] if step.report else []),
            "prompt",
            *(f"  | {line}".rstrip() for line in each.prompt.splitlines()),
        ]
    parts += ["", "nothing was started and nothing was written"]
    return printable_lines("\n".join(parts))


def _limits(step: PlannedStep) -> dict[str, Any]:
    return {
        "minutes": step.minutes,
        "idle_minutes": step.idle_minutes,
        "turns": step.turns,
        "usd": step.usd,
    }


def _spelled(limits: Mapping[str, Any]) -> str:
    money = f", {limits['usd']:.2f} USD" if limits["usd"] is not None else ""
    return f"{limits['minutes']:g} minutes, {limits['idle_minutes']:g} of silence, {limits['turns']} turns{money}"


def _approval(approved: bool) -> str:
    if approved:
        return "recorded for the current spec"
    return "missing: a run asks for it in a terminal, or use --approve-spec-as NAME"
