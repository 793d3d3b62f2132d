"""View of a run for other tools, and its status in one word."""

from __future__ import annotations

from typing import Any

from correctless.base import exits
from correctless.runlog.state import State


def manifest(state: State) -> dict[str, Any]:
    """Return the view for `pipeline-manifest-<branch>.json`; it is never read back."""
    expected = [step.name for step in state.plan.steps] if state.plan else []
    done = [item.step for item in state.finished]
    if state.consolidated:
        done.append("consolidation")
    if state.phase in ("published", "complete"):
        done.append("pr")
    return {
        "run": state.run,
        "branch": state.branch,
        "expected_steps": [*expected, "consolidation", "pr"],
        "completed_steps": done,
        "started_at": state.started_at,
        "status": status(state),
    }


def status(state: State) -> str:
    """Return the status of a run in one word."""
    if state.phase in ("complete", "abandoned", "none"):
        return state.phase
    code = state.stopped.code if state.stopped is not None else None
    if code == exits.PERSON or (state.phase == "closed" and code in (None, exits.INTERRUPTED)):
        return "waiting"
    if state.stopped is not None:
        return (
            "paused" if state.stopped.code in (exits.PAUSED, exits.INTERRUPTED, exits.BUDGET) else "stopped"
        )
    return "running"
