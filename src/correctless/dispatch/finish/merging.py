"""The merge of a pull request under the pinned run contract, without which a run merges nothing.

It waits, as long as the plan allows, for what time alone can change, such as running checks or a pending review.
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
_TERM = "merge."  # the codes of section 3: what they name can change in time


def contract_of(repo: Repo, remote: str, target: str, env: Mapping[str, str]) -> str:
    """Return the id of the run contract for a merge of `target` on `remote`.

    `remote` is host/owner/name. Raises: `Stop(3)` without a contract.
    """
    snapshot = store.load(store.named(repo.home, None), env, utcnow())
    run, status, contract = snapshot.files.run, snapshot.case.state, snapshot.case.current.contract
    if snapshot.case.faults or contract is None or status.phase not in LIVE:
        why = snapshot.case.faults[0].found if snapshot.case.faults else status.why
        raise Stop(
            exits.REFUSED,
            f"the contract {run} is {status.phase}, not in force{f': {why}' if why else ''}. "
            "pin it first, or leave 'merge' out",
        )
    if full_name(contract.run.repo) != full_name(remote) or contract.run.base != target:
        raise Stop(
            exits.REFUSED,
            f"the contract {run} is about {contract.run.base} of {contract.run.repo}, "
            f"and this run's pull request is against {target} of {remote}. leave 'merge' out",
        )
    if not any(granted.grant.action == "merge" for granted in status.answers.granted.values()):
        raise Stop(exits.REFUSED, f"the contract {run} grants no merge. leave 'merge' out")
    return run


def merge(ctx: RunContext, state: State) -> Merged | GateClosed | RunStopped:
    """Ask gate and contract until the merge of the run's commit is allowed, refused, or out of time."""
    plan = plan_of(state)
    named = repo_of_pull_request(state.url)
    at = store.files_of(ctx.repo.home, plan.merge)
    pinned = store.load(at, ctx.env, ctx.now()).case.pinned
    contract = pinned.contract if pinned is not None else None
    if contract is None:
        raise Stop(
            exits.REFUSED,
            f"the grants of the contract {plan.merge} are missing. see correctless contract status",
        )
    if named is None or full_name(named[0]) != full_name(contract.run.repo):
        raise Stop(
            exits.REFUSED, f"{state.url} is no pull request of {contract.run.repo}. nothing was merged"
        )
    number, head = named[1], state.consolidated or ""
    action = Action("merge", str(number), head=head)
    until = ctx.now() + timedelta(minutes=plan.merge_minutes)
    while True:
        answer = ending.ask_gate(ctx, state)
        if not isinstance(answer, GateOpened):  # an entry that came meanwhile must not be merged over
            return answer
        waits_for: tuple[Clause, ...]
        pr = _look(ctx, contract, number)
        if isinstance(pr, merging.PullState):
            if pr.merged and pr.head == head:  # by a dispatcher that died, or by you
                return Merged(number, head, pr.commit, plan.merge)
            if pr.merged or pr.state != "OPEN" or pr.head != head:
                difference = f"is {pr.state} at {pr.head[:12]}, and the run made {head[:12]}"
                return _stopped(state, f"{difference}. see who changed it")
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
                        return _stopped(state, f"was not merged: {_reason(waits_for)}")
        else:
            waits_for = (pr,)
        if ctx.now() >= until:
            over = f"was not merged within {plan.merge_minutes:g} minutes: {_reason(waits_for)}"
            return _stopped(state, over)
        ctx.activity(Activity("waiting", f"for the terms of the merge: {_reason(waits_for)}"))
        ctx.sleep(max(1.0, min(_EVERY_S, (until - ctx.now()).total_seconds())))


def _look(ctx: RunContext, contract: Contract, number: int) -> merging.PullState | Clause:
    try:
        return merging.pull_state(host(contract, ctx.env), number)
    except Stop as stop:
        return Clause("merge.read", 3, stop.message, "the pull request read")


def _stopped(state: State, problem: str) -> RunStopped:
    return RunStopped(
        exits.PERSON, None, f"{state.url} {problem}. then continue with: correctless cauto resume"
    )


def _reason(clauses: tuple[Clause, ...]) -> str:
    first = clauses[0]
    more = f" (and {len(clauses) - 1} more)" if len(clauses) > 1 else ""
    return f"{first.code}: {first.found}; needed: {first.needed}{more}"
