"""Whether your statement can be recorded now, and a summary of it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from correctless.project.git.objectid import OID
from correctless.runcontract.document.sections import Contract
from correctless.runcontract.ledger.actions import Action, fault
from correctless.runcontract.ledger.answers import answer_fault
from correctless.runcontract.ledger.case import Case
from correctless.runcontract.ledger.exceptions import LONGEST
from correctless.runcontract.ledger.records import (
    ALL,
    AskAnswer,
    EscalationAnswer,
    LoggedRecord,
    Reaffirm,
    Revoke,
    Statement,
    Waiver,
    moment,
)


def summary(statement: Statement) -> str:
    """Return what a statement says, in a few words."""
    match statement:
        case AskAnswer():
            return f"{statement.grant} is {statement.answer}"
        case Revoke():
            return f"{'everything' if statement.grant == ALL else statement.grant} is revoked"
        case EscalationAnswer():
            return f"{statement.escalation} is answered"
        case Reaffirm():
            return f"{Action.of(statement.action).label} is re-affirmed"
        case Waiver():
            return f"{statement.check} is waived"


def unfit(statement: Statement, case: Case, log: Sequence[LoggedRecord], now: datetime) -> str:
    """Return why this statement cannot be recorded now, "" for one that can; its author is checked elsewhere."""
    statements = (each.record for each in log if isinstance(each.record, Statement))
    if statement.signed and any(statement.signed == each.signed for each in statements):
        return "this exact text is recorded already and counts once. sign another one: one more space makes it another"
    contract = case.current.contract
    if isinstance(statement, EscalationAnswer):
        return _settled(statement, case)
    if isinstance(statement, Revoke):
        return _ask(statement.grant, contract) if contract is not None and statement.grant != ALL else ""
    if contract is None or statement.digest != case.current.digest:
        return "it is for other bytes than contract.md holds now"
    if isinstance(statement, AskAnswer):
        ask = contract.grant(statement.grant)
        if ask is None:
            return _ask(statement.grant, contract)
        return answer_fault(ask, statement.scope, statement.excluded, statement.answer)
    return (
        _reaffirmed(statement, contract, now)
        if isinstance(statement, Reaffirm)
        else _waived(statement, contract)
    )


def _ask(grant: str, contract: Contract) -> str:
    if contract.grant(grant) is not None:
        return ""
    return f"unknown ask '{grant}'. known: {', '.join(each.id for each in contract.grants.grant)}"


def _settled(statement: EscalationAnswer, case: Case) -> str:
    if not statement.answer.strip():
        return "an escalation is answered with a decision"
    if statement.digest not in ("", case.state.surfaced):
        return "it is for other bytes than were surfaced last"
    if any(each.id == statement.escalation for each in case.state.open):
        return ""
    names = ", ".join(each.id for each in case.state.open) or "none"
    return f"no open escalation '{statement.escalation}'. open: {names}"


def _reaffirmed(statement: Reaffirm, contract: Contract, now: datetime) -> str:
    if why := fault(Action.of(statement.action)):
        return f"{why} can't be judged. write it as in contract authorize"
    if all(each.id != statement.constraint for each in contract.constraints.constraint):
        known = ", ".join(each.id for each in contract.constraints.constraint) or "none"
        return f"unknown constraint '{statement.constraint}'. known: {known}"
    if moment(statement.expires) <= now:
        return f"it held until {statement.expires}"
    if moment(statement.expires) > now + LONGEST:
        return f"it would hold until {statement.expires}, and a re-affirmation holds for at most a day"
    return ""


def _waived(statement: Waiver, contract: Contract) -> str:
    checks = dict.fromkeys(name for bar in contract.merge_bar.bar for name in bar.required_checks)
    if statement.check and statement.check not in checks:
        return f"unknown check '{statement.check}'. required: {', '.join(checks) or 'none'}"
    if not OID.match(statement.head):
        return f"'{statement.head}' is not a full commit id"
    return "" if statement.check and statement.base_run > 0 else "it names no check, or no run of it"
