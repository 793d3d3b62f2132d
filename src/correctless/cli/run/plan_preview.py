"""Preview of a run: its plan, and the prompt and limits of each step."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from correctless import agents
from correctless.agents import recorder
from correctless.base.text import printable_lines
from correctless.cli.display import progress
from correctless.dispatch.control.start import Ready
from correctless.dispatch.core import frozen_files
from correctless.dispatch.step import prompt
from correctless.runlog.plan import PlannedStep
from correctless.skill import contract

NONCE = "00000000"  # a real one is drawn for each attempt
RUN = "RUN"  # in place of the run's name in paths: it gets one when it starts
_LIMITS = ("minutes", "idle_minutes", "turns", "usd")


def _prompt(ready: Ready, step: PlannedStep) -> str:
    """Return the prompt of a step's first attempt, from the bytes that a run would freeze."""
    path = frozen_files.skill_path(ready.logs, RUN, step)
    agent = agents.named(step.agent, ready.repo.top)
    return prompt.write(
        ready.frozen.plan,
        step,
        contract.of_text(ready.frozen.files[f"{step.name}/SKILL.md"], path),
        skill_path=path,
        spec_path=frozen_files.spec_path(ready.logs, RUN),
        nonce=NONCE,
        recorder=agent.takes_recorder and recorder.available(),
    )


def values(ready: Ready, *, approved: bool) -> dict[str, Any]:
    """Return the preview for programs."""
    return {
        "plan": asdict(ready.frozen.plan),
        "approved": approved,
        "steps": [
            {
                "step": step.name,
                "agent": step.agent,
                "model": step.model,
                "tools": list(step.tools),
                "limits": {name: getattr(step, name) for name in _LIMITS},
                "check": list(step.check) if step.check else None,
                "report": step.report,
                "prompt": _prompt(ready, step),
            }
            for step in ready.frozen.plan.steps
        ],
    }


def text(ready: Ready, *, approved: bool) -> str:
    """Return the preview for people."""
    plan = ready.frozen.plan
    missing = "missing: a run asks for it in a terminal, or use --approve-spec-as NAME"
    approval = "recorded for the current spec" if approved else missing
    parts = [progress.plan(plan), f"approval   {approval}"]
    for number, step in enumerate(plan.steps, 1):
        money = f", {step.usd:.2f} USD" if step.usd is not None else ""
        limits = f"{step.minutes:g} minutes, {step.idle_minutes:g} of silence, {step.turns} turns{money}"
        parts += [
            "",
            f"== step {number} of {len(plan.steps)}: {step.name} ==",
            f"agent      {step.agent}{f', model {step.model}' if step.model else ''}",
            f"tools      {', '.join(step.tools)}",
            f"limits     {limits}, {plan.attempts} attempts",
            f"check      {' '.join(step.check) if step.check else 'none'}",
            *([f"report     {step.report}"] if step.report else []),
            "prompt",
            *(f"  | {line}".rstrip() for line in _prompt(ready, step).splitlines()),
        ]
    parts += ["", "nothing was started and nothing was written"]
    return printable_lines("\n".join(parts))
