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
from correctless.runcontract.ledger.clause import Clause, internal
from correctless.runcontract.ledger.records import (
    AuthorityDecision,
    Consume,
    EscalationRecord,
    Permit,
    Record,
)
from correctless.runcontract.ledger.store import ContractFiles, ContractSnapshot

LIVES_S = 60  # seconds a permit can be used for
_TRIES = 50  # in each, another decision was recorded first

Clock = Callable[[], datetime]
Token = Callable[[], str]


@frozen
class Decided:
    """Result of a decision; `permit` is "" unless the verdict is allow."""

    verdict: str
    clauses: tuple[Clause, ...]
    permit: str = ""
    expires: str = ""
    bound: Mapping[str, str] = field(default_factory=dict)
    snapshot: ContractSnapshot | None = None  # the basis of an allow, where `keep` asks for it


def ask(
    files: ContractFiles,
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
    """Decide, and record the decision; never raises. The caller observed the facts right before.

    `snapshot` and `verdict`: what the caller has read and computed right before; where the ledger moved since, both are
    computed again. `keep`: return the snapshot, with the permit, for the caller to continue with.
    """
    try:
        for _ in range(_TRIES):
            now = clock()
            if snapshot is None or verdict is None:
                snapshot = _current(files, snapshot, env, now)
                verdict = authorize(snapshot.case, action, facts, now)
            if any(clause.code == "ledger" for clause in snapshot.case.faults):
                # Nothing is added to a damaged ledger: that would begin a new history over the old one.
                return Decided(verdict.verdict if verdict.verdict != ALLOW else DENY, verdict.clauses)
            records = _records(snapshot, action, verdict, now, token)
            try:
                entries = store.append(snapshot, records, env, now)
            except LogMoved:
                snapshot = verdict = None
                continue
            except Stop as stop:
                if verdict.verdict == ALLOW:
                    return _unwritten(stop.message)
                return Decided(verdict.verdict, verdict.clauses)
            permit = next((record for record in records if isinstance(record, Permit)), None)
            if permit is None:
                return Decided(verdict.verdict, verdict.clauses)
            after = store.extended(snapshot, entries, now) if keep else None
            return Decided(ALLOW, (), permit.id, permit.expires, permit.bound, after)
        return _unwritten("others write to the ledger all the time")
    except Exception as error:  # noqa: BLE001 whatever goes wrong must deny
        return Decided(DENY, (internal(error),))


def use(
    files: ContractFiles,
    permit: str,
    action: Action,
    bound: Mapping[str, str],
    *,
    env: Mapping[str, str],
    clock: Clock,
    snapshot: ContractSnapshot | None = None,
) -> tuple[Clause, ...]:
    """Use a permit for exactly this action, and return why it can't be; without a clause you may act. Never raises."""
    try:
        for _ in range(_TRIES):
            now = clock()
            snapshot = _current(files, snapshot, env, now)
            if clauses := refused(snapshot, permit, action, bound, now):
                return clauses
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
        return (internal(error),)


def _current(
    files: ContractFiles, snapshot: ContractSnapshot | None, env: Mapping[str, str], now: datetime
) -> ContractSnapshot:
    return store.load(files, env, now) if snapshot is None else store.current(snapshot, env, now)


def refused(
    snapshot: ContractSnapshot, permit: str, action: Action, bound: Mapping[str, str], now: datetime
) -> tuple[Clause, ...]:
    """Return why this permit cannot be used for this action now."""
    status = snapshot.case.state.permits.get(permit)
    if status is None:
        return (Clause("permit.unknown", 0, one_line(permit), "a permit of this ledger"),)
    clauses = []
    if status.consumed:
        clauses.append(Clause("permit.used", 0, "it was used", "a permit that was not"))
    if now >= status.expires:
        needed = f"a permit younger than {LIVES_S} s"
        clauses.append(Clause("permit.expired", 0, f"it held until {status.permit.expires}", needed))
    if Action.of(status.permit.action) != action or dict(status.permit.bound) != dict(bound):
        other = "it is for another action, or for other commits"
        clauses.append(Clause("permit.other", 0, other, "a permit for exactly this"))
    if status.permit.digest != _digest(snapshot, action):
        changed = "the contract is another by now"
        clauses.append(Clause("permit.digest", 0, changed, "a permit under these bytes"))
    return (*clauses, *still(snapshot.case, action, now))


def _digest(snapshot: ContractSnapshot, action: Action) -> str:
    return snapshot.case.state.pinned if action.kind == "rollback" else snapshot.case.current.digest


def _records(
    snapshot: ContractSnapshot, action: Action, verdict: Verdict, now: datetime, token: Token
) -> list[Record]:
    digest = _digest(snapshot, action)
    decision = AuthorityDecision(digest, action.fields(), verdict.verdict, verdict.clauses)
    if verdict.verdict != ALLOW:
        return [decision, *_raised(snapshot, action, verdict, token)]
    expires = timestamp(now + timedelta(seconds=LIVES_S))
    permit = Permit(
        token(), digest, action.fields(), verdict.grant, expires, verdict.bound, verdict.reaffirmed
    )
    return [replace(decision, permit=permit.id), permit]


def _raised(snapshot: ContractSnapshot, action: Action, verdict: Verdict, token: Token) -> list[Record]:
    """Return the escalation of each condition with `raise = "authorize"`, once for each target."""
    if verdict.verdict != ESCALATE or verdict.group not in (4, 6) or snapshot.case.current.contract is None:
        return []
    first = verdict.clauses[0]
    raised = [(each.condition, each.target) for each in snapshot.case.state.open]
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
        for condition in snapshot.case.current.contract.escalations.escalation
        if condition.raise_ == "authorize" and (condition.id, action.label) not in raised
    ]


def _unwritten(why: str) -> Decided:
    return Decided(DENY, (Clause("ledger.write", 0, one_line(why), "a recorded decision"),))
