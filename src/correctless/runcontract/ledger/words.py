"""Whether your answer can be recorded now, and a short description of it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from correctless.base.lazy_re import lazily
from correctless.project.git.objectid import OID
from correctless.runcontract.document.sections import Contract
from correctless.runcontract.ledger.actions import Action, fault
from correctless.runcontract.ledger.answers import wrong
from correctless.runcontract.ledger.case import Case
from correctless.runcontract.ledger.exceptions import LONGEST
from correctless.runcontract.ledger.records import (
    ALL,
    AskAnswer,
    LoggedRecord,
    Reaffirm,
    Revoke,
    Settled,
    Waiver,
    Word,
    moment,
)

_COMMIT = lazily(r"(?:[0-9a-f]{40}|[0-9a-f]{64})\Z")


def told(word: Word) -> str:
    """Describe what was answered in a few words."""
    match word:
        case AskAnswer():
            return f"{word.grant} is {word.answer}"
        case Revoke():
            return f"{'everything' if word.grant == ALL else word.grant} is revoked"
        case Settled():
            return f"{word.escalation} is answered"
        case Reaffirm():
            return f"{Action.of(word.action).label} is re-affirmed"
        case Waiver():
            return f"{word.check} is waived"


def unfit(word: Word, case: Case, log: Sequence[LoggedRecord], now: datetime) -> str:
    """Why this word can't be put on record now; "" for one that can. Who said it is not judged here."""
    if word.signed and any(
        word.signed == each.record.signed for each in log if isinstance(each.record, Word)
    ):
        return "this exact text is recorded already and counts once. sign another one: one more space makes it another"
    contract = case.here.contract
    if isinstance(word, Settled):
        return _settled(word, case)
    if isinstance(word, Revoke):
        return _ask(word.grant, contract) if contract is not None and word.grant != ALL else ""
    if contract is None or word.digest != case.here.digest:
        return "it is for other bytes than contract.md holds now"
    if isinstance(word, AskAnswer):
        ask = contract.grant(word.grant)
        return (
            _ask(word.grant, contract) if ask is None else wrong(ask, word.scope, word.excluded, word.answer)
        )
    return _reaffirmed(word, contract, now) if isinstance(word, Reaffirm) else _waived(word)


def _ask(grant: str, contract: Contract) -> str:
    if contract.grant(grant) is not None:
        return ""
    return f"unknown ask '{grant}'. known: {', '.join(each.id for each in contract.grants.grant)}"


def _settled(word: Settled, case: Case) -> str:
    if not word.answer.strip():
        return "an escalation is answered with a decision"
    if word.digest not in ("", case.state.surfaced):
        return "it is for other bytes than were surfaced last"
    if any(each.id == word.escalation for each in case.state.open):
        return ""
    names = ", ".join(each.id for each in case.state.open) or "none"
    return f"no open escalation '{word.escalation}'. open: {names}"


def _reaffirmed(word: Reaffirm, contract: Contract, now: datetime) -> str:
    if said := fault(Action.of(word.action)):
        return f"{said} can't be judged. write it as authorize is asked for it"
    if all(each.id != word.constraint for each in contract.constraints.constraint):
        return f"unknown constraint '{word.constraint}'"
    if moment(word.expires) <= now:
        return f"it held until {word.expires}"
    if moment(word.expires) > now + LONGEST:
        return f"it would hold until {word.expires}, and a re-affirmation holds for at most a day"
    return ""


def _waived(word: Waiver) -> str:
    if not OID.match(word.head):
        return f"'{word.head}' is not a full commit id"
    return "" if word.check and word.base_run > 0 else "it names no check, or no run of it"
