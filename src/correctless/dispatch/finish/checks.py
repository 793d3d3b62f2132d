"""The checks of a run's pull request, watched until all have ended or their time is over."""

from __future__ import annotations

from datetime import UTC, datetime

from correctless.agents import Activity
from correctless.base.text import one_line
from correctless.dispatch.core.context import RunContext, plan_of
from correctless.github.client import GitHub, repo_of_pull_request
from correctless.github.facts import Unknown
from correctless.github.observe import observe
from correctless.publish import commit_status
from correctless.runcontract.judge.newest_checks import PassRule, tally
from correctless.runlog.events import ChecksSeen
from correctless.runlog.state import State

_EVERY_S = 30.0
_AGAIN_S = 10.0  # when all have ended: right after a push a host may not yet have begun all of them
# What is skipped does not fail a pull request. A host whose clock is ahead matters to a merge, and not here.
_RULE = PassRule(("SKIPPED", "NEUTRAL"), frozenset(), datetime.max.replace(tzinfo=UTC))


def watch(ctx: RunContext, state: State) -> ChecksSeen:
    """Watch the checks until the recorded time, however often a dispatcher began to."""
    until = datetime.fromisoformat(state.watched_until)
    before = None
    while True:
        checks = _look(ctx, state)
        if ctx.now() >= until or (checks == before and _has_ended(checks)):
            return checks
        before = checks
        waits = checks.why or f"{len(checks.pending)} pending, {len(checks.red)} failed"
        ctx.activity(
            Activity("waiting", f"for the checks of {state.url} until {state.watched_until}: {waits}")
        )
        pause = _AGAIN_S if _has_ended(checks) else _EVERY_S
        ctx.sleep(max(1.0, min(pause, (until - ctx.now()).total_seconds())))


def _has_ended(checks: ChecksSeen) -> bool:
    return checks.outcome in ("green", "red") and not checks.pending


def _look(ctx: RunContext, state: State) -> ChecksSeen:
    head = state.consolidated or ""
    named = repo_of_pull_request(state.url) if plan_of(state).pr == ("gh",) else None
    if named is None:
        return ChecksSeen(
            head, "unknown", why="only those of a pull request that gh opened (pr: gh) are watched"
        )
    facts = observe(GitHub(named[0], ctx.env), named[1], clock=ctx.now)
    for fact in (facts.head, facts.checks, facts.statuses):
        if isinstance(fact, Unknown):
            return ChecksSeen(head, "unknown", why=one_line(fact.why))
    assert not isinstance(facts.head, Unknown)
    assert not isinstance(facts.checks, Unknown)
    assert not isinstance(facts.statuses, Unknown)
    if facts.head.value != head:
        moved = f"the pull request is at {facts.head.value[:12]}, and the run made {head[:12]}"
        return ChecksSeen(head, "unknown", why=moved)
    # Our own says who confirmed decisions, and nothing about the work.
    statuses = [each for each in facts.statuses.value if each.context != commit_status.CONTEXT]
    red, pending, passed = tally(facts.checks.value, statuses, _RULE)
    outcome = "red" if red else "pending" if pending else "green" if passed else "none"
    return ChecksSeen(head, outcome, tuple(map(one_line, red)), tuple(map(one_line, pending)), passed)
