"""The trial merge of a run's branch with the base of its pull request, as that is on the remote now."""

from __future__ import annotations

from correctless.base.exits import Stop
from correctless.base.text import one_line
from correctless.dispatch.core.context import RunContext, plan_of
from correctless.project.git import trial_merge
from correctless.publish.branch import commit_at
from correctless.runlog.events import TrialMerged
from correctless.runlog.state import State

_NAMED = 100  # conflicting files; the others are counted


def try_merge(ctx: RunContext, state: State) -> TrialMerged:
    """Merge on trial. Whatever prevents it is in the event: a conflict does not stop a run, and neither does this."""
    plan, head, base = plan_of(state), state.consolidated or "", None
    try:
        base = commit_at(ctx.repo, plan.base_remote, plan.target)
        if base is None:
            return TrialMerged(head, "", "untried", why=f"'{plan.base_remote}' has no branch '{plan.target}'")
        merged = trial_merge.try_merge(ctx.repo, base, head)
    except Stop as stop:
        return TrialMerged(head, base or "", "untried", why=one_line(stop.message))
    names = tuple(one_line(path) for path in merged.conflicts[:_NAMED])
    more = len(merged.conflicts) - len(names)
    return TrialMerged(head, base, "clean" if merged.clean else "conflict", names, more)
