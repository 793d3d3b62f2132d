"""The merge of a pull request under the pinned run contract.

There is no other way from here to a merge. What time alone can change, such as a check under way or a review being
written, is waited for as long as the plan says.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from correctless.agents import Activity
from correctless.base import exits
from correctless.base.clock import utcnow
from correctless.base.exits import Stop
from correctless.dispatch.core.context import RunContext, plan_of
from correctless.dispatch.finish import ending
from correctless.github.client import repo_of_pull_request
from correctless.project.git import Repo
from correctless.runcontract.act import authorized_merge, merging
from correctless.runcontract.act.decide import host
from correctless.runcontract.document.sections import Contract
from correctless.runcontract.judge.terms import full_name
from correctless.runcontract.ledger import store
from correctless.runcontract.ledger.actions import Action
from correctless.runcontract.ledger.case import DENY
from correctless.runcontract.ledger.clause import Clause
from correctless.runcontract.ledger.state import LIVE
from correctless.runlog.events import GateClosed, GateOpened, Merged, RunStopped
from correctless.runlog.state import State

_EVERY_S = 30.0
_TERM = "merge."  # the codes of section 3: what they name can change while one waits


def contract_of(repo: Repo, remote: str, target: str, env: Mapping[str, str]) -> str:
    """Return the id of the run contract for a merge of `target` on `remote`.

    `remote` is host/owner/name. Raises: `Stop(3)` without a contract.
    """
    kept = store.load(store.named(repo.home, None), env, utcnow())
    run, standing, contract = kept.files.run, kept.case.state, kept.case.current.contract
    if kept.case.faults or contract is None or standing.phase not in LIVE:
        why = kept.case.faults[0].found if kept.case.faults else standing.why
        raise Stop(
            exits.REFUSED,
            f"the contract {run} is {standing.phase}, and not in force{f': {why}' if why else ''}. "
            "pin it first, or leave 'merge' out",
        )
    if full_name(contract.run.repo) != full_name(remote) or contract.run.base != target:
        raise Stop(
            exits.REFUSED,
            f"the contract {run} is about {contract.run.base} of {contract.run.repo}, "
            f"and this run's pull request is against {target} of {remote}. leave 'merge' out",
        )
    if not any(granted.grant.action == "merge" for granted in standing.answers.granted.values()):
        raise Stop(exits.REFUSED, f"no merge was granted by the contract {run}. leave 'merge' out")
    return run


def merge(ctx: RunContext, state: State) -> Merged | GateClosed | RunStopped:
    """Ask gate and contract until the merge is allowed, refused, or out of time.

    It is bound to the commit the run made.
    """
    plan = plan_of(state)
    named = repo_of_pull_request(state.url)
    at = store.files_of(ctx.repo.home, plan.merge)
    pinned = store.load(at, ctx.env, ctx.now()).case.pinned
    contract = pinned.contract if pinned is not None else None
    if contract is None:
        raise Stop(
            exits.REFUSED,
            f"what was granted by the contract {plan.merge} is gone. see correctless contract status",
        )
    if named is None or full_name(named[0]) != full_name(contract.run.repo):
        raise Stop(
            exits.REFUSED, f"{state.url} is no pull request of {contract.run.repo}. nothing was merged"
        )
    number, head = named[1], state.consolidated or ""
    action = Action("merge", str(number), head=head)
    until = ctx.now() + timedelta(minutes=plan.merge_minutes)
    while True:
        asked = ending.ask_gate(ctx)
        if not isinstance(asked, GateOpened):  # an entry that came meanwhile must not be merged over
            return asked
        waits_for: tuple[Clause, ...]
        seen = _seen(ctx, contract, number)
        if isinstance(seen, merging.PullState):
            if seen.merged and seen.head == head:  # before this dispatcher died, or by a person
                return Merged(number, head, seen.commit, plan.merge)
            if seen.merged or seen.state != "OPEN" or seen.head != head:
                found = f"is {seen.state} at {seen.head[:12]}, and the run made {head[:12]}"
                return _stopped(state, f"{found}. see who changed it")
            outcome = authorized_merge.merge(
                at, ctx.repo, action, env=ctx.env, clock=ctx.now,
                token=lambda: ctx.token(8), sleep=ctx.sleep,
            )  # fmt: skip
            match outcome:
                case merging.MergedAt():
                    return Merged(number, outcome.head, outcome.commit, plan.merge)
                case merging.MergeUnknown():
                    return _stopped(state, f"may have been merged: {outcome.why}. look at it")
                case merging.MergeRefused():
                    waits_for = outcome.clauses
                case _:
                    waits_for = outcome.clauses
                    if outcome.verdict != DENY or not all(c.code.startswith(_TERM) for c in waits_for):
                        return _stopped(state, f"was not merged: {_said(waits_for)}")
        else:
            waits_for = (seen,)
        if ctx.now() >= until:
            over = f"was not merged within {plan.merge_minutes:g} minutes: {_said(waits_for)}"
            return _stopped(state, over)
        ctx.activity(Activity("waiting", f"for the terms of the merge: {_said(waits_for)}"))
        ctx.sleep(max(1.0, min(_EVERY_S, (until - ctx.now()).total_seconds())))


def _seen(ctx: RunContext, contract: Contract, number: int) -> merging.PullState | Clause:
    try:
        return merging.pull_state(host(contract, ctx.env), number)
    except Stop as stop:
        return Clause("merge.read", 3, stop.message, "the pull request read")


def _stopped(state: State, found: str) -> RunStopped:
    return RunStopped(exits.PERSON, None, f"{state.url} {found}. then go on with: correctless cauto resume")


def _said(clauses: tuple[Clause, ...]) -> str:
    first = clauses[0]
    more = f" (and {len(clauses) - 1} more)" if len(clauses) > 1 else ""
    return f"{first.code}: {first.found}; needed: {first.needed}{more}"
