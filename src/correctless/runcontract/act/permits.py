"""Recording a decision, with a one-shot permit where the action is allowed. No permit, no allow."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field, replace
from datetime import datetime, timedelta

from correctless.base.clock import timestamp
from correctless.base.exits import Stop
from correctless.base.text import one_line
from correctless.base.values import frozen
from correctless.ledger.ledger import LogMoved
from correctless.runcontract.judge.authorize import authorize, still
from correctless.runcontract.ledger import store
from correctless.runcontract.ledger.actions import Action
from correctless.runcontract.ledger.case import ALLOW, DENY, ESCALATE, CaseFacts, Verdict
from correctless.runcontract.ledger.clause import Clause
from correctless.runcontract.ledger.records import (
    AuthorityDecision,
    Consume,
    DecisionClause,
    EscalationRecord,
    Permit,
    Record,
)
from correctless.runcontract.ledger.store import ContractFiles, ContractSnapshot

LIVES_S = 60  # seconds a permit can be used for
_TRIES = 50  # each means that somebody else's decision came first

Clock = Callable[[], datetime]
Token = Callable[[], str]


@frozen
class Decided:
    """What was decided; `permit` is "" unless the verdict is allow."""

    verdict: str
    clauses: tuple[Clause, ...]
    permit: str = ""
    expires: str = ""
    bound: Mapping[str, str] = field(default_factory=dict)
    snapshot: ContractSnapshot | None = None  # what an allowed action was judged by, if it was to be kept


def ask(
    at: ContractFiles,
    action: Action,
    facts: CaseFacts,
    *,
    env: Mapping[str, str],
    clock: Clock,
    token: Token,
    snapshot: ContractSnapshot | None = None,
    verdict: Verdict | None = None,
    keep: bool = False,
) -> Decided:
    """Decide, and write the decision down; never raises. The facts were observed by the caller right before.

    `snapshot`: what the caller has read, `verdict`: what they were told on it right before. Nothing is written behind a ledger
    that moved: then both are had anew. `keep`: the caller goes on with the snapshot, which then has the permit too.
    """
    try:
        for _ in range(_TRIES):
            now = clock()
            if snapshot is None or verdict is None:
                snapshot = _current(at, snapshot, env, now)
                verdict = authorize(snapshot.case, action, facts, now)
            if any(clause.code == "ledger" for clause in snapshot.case.faults):
                # Nothing is added to a ledger that isn't what it was: that would begin a new history over the old one.
                return Decided(verdict.verdict if verdict.verdict != ALLOW else DENY, verdict.clauses)
            made = _records(snapshot, action, verdict, now, token)
            try:
                entries = store.append(snapshot, made, env, now)
            except LogMoved:
                snapshot = verdict = None
                continue
            except Stop as stop:
                if verdict.verdict == ALLOW:
                    return _unwritten(stop.message)
                return Decided(verdict.verdict, verdict.clauses)
            permit = next((record for record in made if isinstance(record, Permit)), None)
            if permit is None:
                return Decided(verdict.verdict, verdict.clauses)
            after = store.extended(snapshot, entries, now) if keep else None
            return Decided(ALLOW, (), permit.id, permit.expires, permit.bound, after)
        return _unwritten("others write to the ledger all the time")
    except Exception as error:  # noqa: BLE001 whatever goes wrong must deny
        return Decided(
            DENY, (Clause("internal", 0, one_line(f"{type(error).__name__}: {error}"), "no error"),)
        )


def denied(why: str) -> Decided:
    """What is said when not even that could be had which a decision needs."""
    return Decided(DENY, (Clause("internal", 0, one_line(why), "no error"),))


def use(
    at: ContractFiles,
    permit: str,
    action: Action,
    bound: Mapping[str, str],
    *,
    env: Mapping[str, str],
    clock: Clock,
    snapshot: ContractSnapshot | None = None,
) -> tuple[Clause, ...]:
    """Use a permit up for exactly this action; none: it is used now, once, and the action may be done. Never raises."""
    try:
        for _ in range(_TRIES):
            now = clock()
            snapshot = _current(at, snapshot, env, now)
            if found := refused(snapshot, permit, action, bound, now):
                return found
            try:
                store.append(snapshot, [Consume(permit)], env, now)
            except LogMoved:
                snapshot = None
                continue
            return ()
        return _unwritten("others write to the ledger all the time").clauses
    except Stop as stop:
        return _unwritten(stop.message).clauses
    except Exception as error:  # noqa: BLE001 whatever goes wrong must deny
        return (Clause("internal", 0, one_line(f"{type(error).__name__}: {error}"), "no error"),)


def _current(
    at: ContractFiles, snapshot: ContractSnapshot | None, env: Mapping[str, str], now: datetime
) -> ContractSnapshot:
    return store.load(at, env, now) if snapshot is None else store.current(snapshot, env, now)


def refused(
    snapshot: ContractSnapshot, permit: str, action: Action, bound: Mapping[str, str], now: datetime
) -> tuple[Clause, ...]:
    """Why this permit can't be used for this action now."""
    held = snapshot.case.state.permits.get(permit)
    if held is None:
        return (Clause("permit.unknown", 0, one_line(permit), "a permit of this ledger"),)
    found = []
    if held.consumed:
        found.append(Clause("permit.used", 0, "it was used", "a permit that was not"))
    if now >= held.expires:
        found.append(
            Clause(
                "permit.expired",
                0,
                f"it held until {held.permit.expires}",
                f"a permit younger than {LIVES_S} s",
            )
        )
    if Action.of(held.permit.action) != action or dict(held.permit.bound) != dict(bound):
        found.append(
            Clause(
                "permit.other",
                0,
                "it is for another action, or for other commits",
                "a permit for exactly this",
            )
        )
    if held.permit.digest != _digest(snapshot, action):
        found.append(
            Clause("permit.digest", 0, "the contract is another by now", "a permit under these bytes")
        )
    return (*found, *still(snapshot.case, action, now))


def _digest(snapshot: ContractSnapshot, action: Action) -> str:
    return snapshot.case.state.pinned if action.kind == "rollback" else snapshot.case.here.digest


def _records(
    snapshot: ContractSnapshot, action: Action, verdict: Verdict, now: datetime, token: Token
) -> list[Record]:
    said = tuple(DecisionClause(c.code, c.section, c.found, c.needed) for c in verdict.clauses)
    digest = _digest(snapshot, action)
    decision = AuthorityDecision(digest, action.fields(), verdict.verdict, said)
    if verdict.verdict != ALLOW:
        return [decision, *_raised(snapshot, action, verdict, token)]
    expires = timestamp(now + timedelta(seconds=LIVES_S))
    permit = Permit(
        token(), digest, action.fields(), verdict.grant, expires, verdict.bound, verdict.reaffirmed
    )
    return [replace(decision, permit=permit.id), permit]


def _raised(snapshot: ContractSnapshot, action: Action, verdict: Verdict, token: Token) -> list[Record]:
    """The escalation a condition `raise = "authorize"` asks for, once for each target."""
    if verdict.verdict != ESCALATE or verdict.group not in (4, 6) or snapshot.case.here.contract is None:
        return []
    first = verdict.clauses[0]
    question = one_line(f"{action.label}: {first.found}. may it be done ({first.needed})?")
    return [
        EscalationRecord(
            id=f"{condition.id}-{token()[:8]}",
            condition=condition.id,
            target=action.label,
            blocked=one_line(f"{action.label}: {first.code}"),
            tried=("correctless contract authorize",),
            decision_needed=question,
            recommend="look at what failed, then answer the ask anew or refuse it",
            freezes=condition.freezes,
        )
        for condition in snapshot.case.here.contract.escalations.escalation
        if condition.raise_ == "authorize"
        and not any(
            o.condition == condition.id and o.target == action.label for o in snapshot.case.state.open
        )
    ]


def _unwritten(why: str) -> Decided:
    return Decided(DENY, (Clause("ledger.write", 0, one_line(why), "a decision that is on record"),))
