"""After the last step: consolidation, then the gate."""

from __future__ import annotations

import os

from correctless.base import exits
from correctless.decisions.decision import Attempt
from correctless.dispatch.core import engine
from correctless.dispatch.core.context import RunContext, plan_of
from correctless.dispatch.finish import body_text, pull_request, secret_scan
from correctless.dispatch.step import untrusted, work
from correctless.publish.consolidation import consolidate as make_commit
from correctless.publish.consolidation import squash
from correctless.review import anchors, gate
from correctless.runlog.events import Consolidated, GateClosed, GateOpened, RunStopped
from correctless.runlog.state import State
from correctless.sandbox.reach import Needs

_HOOK_SECONDS = 1800.0
_NOTE = "before-hooks"  # in the run's folder: where the branch was when its hooks began


def consolidate(ctx: RunContext, state: State) -> Consolidated:
    """Make the last commit of the branch, with the repository's hooks, once."""
    repo, plan = ctx.repo, plan_of(state)
    marks = work.trailers(ctx, state, "consolidation#1")
    commit = repo.head()
    unstaged: tuple[str, ...] = ()
    if not work.has_trailers(ctx, marks):
        env = ctx.environment(plan, Attempt(state.run, "consolidation", 1))
        _, _, sandbox = ctx.sandbox(state.run, plan)
        prepared = sandbox(Needs(), (), env) if sandbox is not None else None
        done = make_commit(
            repo,
            base=plan.base,
            allow=(*plan.outputs, *(step.report for step in plan.steps if step.report)),
            message=work.message(state, "consolidation", marks),
            env={**env, **(prepared.environment if prepared else {})},
            seconds=_HOOK_SECONDS,
            guard=lambda: untrusted.guarded(ctx, state),
            wrap=prepared.wrap if prepared else None,
            note=os.path.join(ctx.logs.folder(state.run), _NOTE),
        )
        work.defer_restored(ctx, state)
        commit, unstaged = done.commit, done.unstaged
    if plan.squash:
        commit = squash(
            repo,
            base=plan.base,
            message=work.squashed(ctx, state, marks),
            backup_ref=f"refs/correctless/kept/{state.run}/squashed",
        )
    return Consolidated(commit, unstaged)


def defer_secrets(ctx: RunContext, state: State) -> None:
    """Defer what looks like a secret in what would be published, before the gate is asked.

    Raises: Stop(10) when the pull request's body has no room for the deferred decisions.
    """
    if not state.url:  # not again for a published run that waits to be merged
        title, section = body_text.text_of(ctx, state)
        secret_scan.defer(ctx, state, title, section.text(None))
        pull_request.body_of(ctx, plan_of(state), section)  # now, and not after you confirmed


def ask_gate(ctx: RunContext, state: State) -> GateOpened | GateClosed | RunStopped:
    """Return the gate: open, newly closed with a challenge, or still closed."""
    anchors.refuse_disproved(ctx.logs, ctx.repo, ctx.env)
    branch, status = gate.load(ctx.logs, ctx.repo)
    if status.before:
        return RunStopped(exits.PERSON, None, status.before)
    if status.open:
        # What was confirmed ahead is no answer to this gate.
        given = [each for each in status.covered.values() if each.kind != "ahead"]
        answer = given[-1] if given else None
        head = branch.decisions_head
        return GateOpened(
            digest=answer.digest if answer else None,
            by=answer.by if answer else "",
            channel=answer.channel if answer else "",
            log_seq=head.seq,
            log_head=head.sha256,
        )
    if status.rejected is not None:
        note = f": {status.rejected.note}" if status.rejected.note else ""
        reason = f"rejected by {status.rejected.by}{note}. have a step run again, or confirm after all: correctless review"
        return RunStopped(exits.PERSON, None, reason)
    if status.closing is not None:
        return RunStopped(exits.PERSON, None, engine.waiting(len(status.waiting)))
    return gate.close(status.waiting, ctx.token(16), state.consolidated or "")
