"""The action's own terms, group 6 of `authorize`. Pure.

Modules that judge facts are imported where they are used: most actions need none, and each import takes time.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from correctless.base.text import one_line
from correctless.runcontract.document.sections import Flip
from correctless.runcontract.judge.terms import MergeTarget
from correctless.runcontract.ledger.actions import Action
from correctless.runcontract.ledger.answers import GrantedAsk
from correctless.runcontract.ledger.case import (
    ALLOW,
    DENY,
    ESCALATE,
    Case,
    CaseFacts,
    Verdict,
    contract_of,
    flip_state,
)
from correctless.runcontract.ledger.clause import Clause
from correctless.runcontract.ledger.state import FlipState


def judged(
    case: Case,
    action: Action,
    facts: CaseFacts,
    now: datetime,
    covering: tuple[GrantedAsk, ...],
    used: tuple[str, ...],
) -> Verdict:
    """Decide an action that the answers cover by its own terms.

    `covering`: the grants that cover it, the first of which it uses; `used`: ids of the exceptions it used so far.
    """
    grant = covering[0].grant.id if covering else ""
    if action.kind == "merge":
        return _merge(case, action, facts, now, covering, used)
    if action.kind == "flip":
        return _flip(case, action, facts, now, grant, used)
    if action.kind == "rollback":
        clauses = tuple(_rollback(case, action))
        return Verdict(DENY, 6, clauses) if clauses else Verdict(ALLOW, 7, (), grant)
    if action.kind == "spawn":
        clauses = tuple(_spawn(case, action, covering[0], now))
        return Verdict(DENY, 6, clauses) if clauses else Verdict(ALLOW, 7, (), grant, {}, used)
    return Verdict(ALLOW, 7, (), grant, {}, used)


def _merge(
    case: Case,
    action: Action,
    facts: CaseFacts,
    now: datetime,
    covering: tuple[GrantedAsk, ...],
    used: tuple[str, ...],
) -> Verdict:
    from correctless.github.facts import Known
    from correctless.runcontract.judge import merge_bar

    contract, pull = contract_of(case), facts.pull
    if pull is None:
        return Verdict(DENY, 6, (Clause("merge.facts", 3, "no facts", "facts of the pull request"),))
    run, number = contract.run, int(action.target)
    reviews = [review for review in case.state.reviews if review.pr == number]
    target = MergeTarget(run.repo, number, run.base, action.head)
    clauses: list[Clause] = []
    for granted in covering:
        bar = contract.bar(granted.grant.bar or "")
        if bar is None:
            clauses.append(Clause("merge.bar", 3, f"no bar '{granted.grant.bar}'", "the bar of the ask"))
            continue
        clauses += [Clause("merge.flag", 3, f"the flag {f}", "a merge without it") for f in action.flags]
        clauses += merge_bar.failing(bar, pull, reviews, case.state.waivers, now, target=target)
    # Two asks for one pull request: the bars of both must hold.
    if clauses or not (isinstance(pull.head, Known) and isinstance(pull.base_sha, Known)):
        unknown = Clause("merge.head", 3, "unknown", "a head")
        return Verdict(DENY, 6, tuple(dict.fromkeys(clauses)) or (unknown,))
    methods = {b.method for g in covering if (b := contract.bar(g.grant.bar or "")) is not None}
    if len(methods) != 1:
        return Verdict(DENY, 6, (Clause("merge.method", 3, ", ".join(sorted(methods)), "one method"),))
    heads = {"head": pull.head.value, "base_sha": pull.base_sha.value}
    bound = {"repo": run.repo, **heads, "method": methods.pop()}
    return Verdict(ALLOW, 7, (), covering[0].grant.id, bound, used)


def _flip(
    case: Case, action: Action, facts: CaseFacts, now: datetime, grant: str, used: tuple[str, ...]
) -> Verdict:
    from correctless.github.facts import Known

    flip = contract_of(case).flip(action.target)
    if flip is None:
        return Verdict(DENY, 6, (Clause("flip.unknown", 5, action.target, "a flip of the contract"),))
    clauses = tuple(_unmet(case, flip, facts, now))
    if clauses:
        # AMBER needs a human decision.
        only_amber = all(clause.code == "gate.amber" for clause in clauses)
        return Verdict(ESCALATE if only_amber else DENY, 6, clauses)
    assert facts.gates is not None
    assert isinstance(facts.gates.revision, Known)
    return Verdict(ALLOW, 7, (), grant, {"revision": facts.gates.revision.value}, used)


def _unmet(case: Case, flip: Flip, facts: CaseFacts, now: datetime) -> Iterator[Clause]:
    from correctless.github.facts import Unknown
    from correctless.runcontract.judge.board import GREEN, light

    contract = contract_of(case)
    for earlier in flip.after:
        phase = case.state.flips.get(earlier, FlipState()).phase
        if phase != "flipped":
            needed = f"{earlier} flipped before {flip.id}"
            yield Clause("flip.after", 5, f"{earlier} is {phase or 'not executed'}", needed)
    revision = Unknown("no facts", now) if facts.gates is None else facts.gates.revision
    if isinstance(revision, Unknown):
        yield Clause("flip.revision", 4, one_line(revision.why), "the revision that is flipped")
        return
    assert facts.gates is not None
    late = now - revision.at
    if not timedelta(0) <= late <= timedelta(seconds=60):
        age = f"the revision was looked up {late.total_seconds():.0f} s ago"
        yield Clause("flip.age", 4, age, "at most 60 s")
    for id_ in flip.gates:
        gate = contract.gate(id_)
        if gate is None:
            yield Clause("gate.unknown", 4, f"no gate '{id_}'", "the gates of the flip")
            continue
        shows = light(gate, case.state.evidence, facts.gates, now)
        if shows.colour != GREEN:
            yield shows.clause()


def _rollback(case: Case, action: Action) -> Iterator[Clause]:
    assert case.pinned is not None
    assert case.pinned.contract is not None
    if case.pinned.contract.flip(action.target) is None:
        yield Clause("flip.unknown", 5, action.target, "a flip of the pinned contract")
    if action.operator:
        return
    trigger = case.pinned.contract.trigger(action.trigger)
    if trigger is None or action.target not in trigger.flips:
        needed = f"a trigger that rolls {action.target} back, or the operator"
        yield Clause("trigger.unknown", 6, f"trigger '{action.trigger}'", needed)
    elif action.trigger not in flip_state(case, action).fired:
        needed = "a trigger that fired since the flip, or the operator"
        yield Clause("trigger.quiet", 6, f"{action.trigger} has not fired", needed)


def _spawn(case: Case, action: Action, granted: GrantedAsk, now: datetime) -> Iterator[Clause]:
    spent = case.state.counters.spent(granted.grant.id, now)
    most = granted.limit("max_concurrent")
    total = spent.running + action.agents
    if total > most:
        running = f"{spent.running} running, {action.agents} asked for"
        yield Clause("spawn.concurrent", 2, running, f"at most {most:g} at a time")
    if total % 2 and any(c.check == "pairing" for c in contract_of(case).constraints.constraint):
        needed = "an even number: each with one that checks it"
        yield Clause("spawn.pairing", 7, f"{total} helpers", needed)
