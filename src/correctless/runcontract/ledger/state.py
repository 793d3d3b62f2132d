"""State of a run contract, folded from the records of its ledger and the contract. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from correctless.base.values import frozen
from correctless.runcontract.document.sections import Contract
from correctless.runcontract.ledger.answers import AskAnswers, answers
from correctless.runcontract.ledger.counters import Counters, OpenEscalation, counters
from correctless.runcontract.ledger.exceptions import exceptions
from correctless.runcontract.ledger.records import (
    ALL,
    Close,
    Consume,
    FlipRecord,
    GateEvidence,
    LoggedRecord,
    Permit,
    Pin,
    Reaffirm,
    Review,
    Revoke,
    Rollback,
    Statement,
    Surfaced,
    Waiver,
    moment,
)

LIVE = ("active", "flipping", "flipped", "flip_unknown", "rolling_back", "rolled_back")


@frozen
class Version:
    """One version of the contract: its digest, and its contents unless it is invalid."""

    digest: str
    contract: Contract | None


@frozen
class FlipState:
    """Where a switch is between its flip and its rollback."""

    phase: str = ""  # "" | flipping | flipped | flip_unknown | rolling_back | rolled_back
    fired: tuple[str, ...] = ()  # triggers, since it was executed
    gates: tuple[str, ...] = ()  # at its rollback


@frozen
class PermitStatus:
    """A permit, and whether it was used."""

    permit: Permit
    expires: datetime
    consumed: bool


@frozen
class ContractState:
    """Phase and contents of a run contract; `why` explains a phase that has several causes."""

    phase: str
    why: str
    surfaced: str  # the digest that was surfaced last, "" before the first
    pinned: str  # the digest of the last pin, "" before the first
    pin_live: bool  # neither closed nor revoked since
    answers: AskAnswers
    pinned_answers: AskAnswers  # for the version that is pinned
    flips: Mapping[str, FlipState]
    permits: Mapping[str, PermitStatus]
    reaffirmed: Mapping[str, Reaffirm]  # those that apply, by id
    reviews: tuple[Review, ...]
    waivers: tuple[Waiver, ...]
    statements: tuple[Statement, ...]  # those in force: answers, exceptions, and the ends of freezes
    evidence: tuple[LoggedRecord, ...]
    counters: Counters
    last: datetime | None  # when the last record was written

    @property
    def open(self) -> tuple[OpenEscalation, ...]:
        """The open escalations; each freezes the actions it names."""
        return self.counters.open


def fold(
    log: Sequence[LoggedRecord], current: Version, pinned: Version | None, now: datetime
) -> ContractState:
    """Return the state; `current` is contract.md, `pinned` what was stored aside at the last pin."""
    surfaced, pin, ended = "", "", ""
    surfaced_at = pin_at = -1
    flips: dict[str, FlipState] = {}
    gates: Mapping[str, tuple[str, ...]] = {}
    permits: dict[str, PermitStatus] = {}
    reviews: list[Review] = []
    evidence: list[LoggedRecord] = []
    for at, item in enumerate(log):
        match item.record:
            case Surfaced(digest):
                surfaced, surfaced_at = digest, at
            case Pin() as record:
                pin, pin_at, ended = record.digest, at, ""
                gates = record.gates
                flips = {id_: _after_pin(state, gates.get(id_, ())) for id_, state in flips.items()}
            case Close():
                ended = "closed"
            case Revoke(grant) if grant == ALL:
                ended = "void"
            case FlipRecord() as record:
                flips[record.flip] = _flipped(flips.get(record.flip, FlipState()), record)
            case Rollback() as record:
                before = flips.get(record.flip, FlipState())
                flips[record.flip] = _rolled(before, record, gates.get(record.flip, ()))
            case Permit() as record:
                permits[record.id] = PermitStatus(record, moment(record.expires), consumed=False)
            case Consume(permit) if permit in permits:
                permits[permit] = replace(permits[permit], consumed=True)
            case Review() as record:
                reviews.append(record)
            case GateEvidence():
                evidence.append(item)
            case _:
                pass
    live = bool(pin) and not ended
    current_answers = answers(log, current.digest, current.contract)
    pinned_answers = _NONE
    if pinned is not None and pinned.digest == pin:
        pinned_answers = answers(log, pinned.digest, pinned.contract, outlived=True)
    reopened = surfaced_at > pin_at and surfaced == current.digest and current.contract is not None
    phase, why = _phase(
        current, current_answers, flips, pin=pin, ended=ended, live=live, reopened=reopened, log=log
    )
    limits = current.contract or (pinned.contract if pinned is not None else None)
    if limits is not None and now >= limits.run.not_after and phase not in ("closed", "void", "draft"):
        phase, why = "expired", f"the answers held until {limits.run.not_after.isoformat()}"
    valid = exceptions(log, current.digest, now)
    counts = counters(log, limits)
    granted = (*current_answers.granted.values(), *pinned_answers.granted.values())
    return ContractState(
        phase=phase,
        why=why,
        surfaced=surfaced,
        pinned=pin,
        pin_live=live,
        answers=current_answers,
        pinned_answers=pinned_answers,
        flips=flips,
        permits=permits,
        reaffirmed=valid.reaffirmed,
        reviews=tuple(reviews),
        waivers=valid.waivers,
        statements=(
            *(each.answer for each in granted),
            *valid.waivers,
            *valid.reaffirmed.values(),
            *counts.answers,
        ),
        evidence=tuple(evidence),
        counters=counts,
        last=max((item.at for item in log), default=None),
    )


_NONE = AskAnswers({}, frozenset(), frozenset(), frozenset())


def _phase(
    current: Version,
    current_answers: AskAnswers,
    flips: Mapping[str, FlipState],
    *,
    pin: str,
    ended: str,
    live: bool,
    reopened: bool,
    log: Sequence[LoggedRecord],
) -> tuple[str, str]:
    if live and current.digest == pin and current.contract is not None:
        return _of_flips(flips), ""
    if ended and not _surfaced_since_end(log, current.digest):
        return ended, "it was closed" if ended == "closed" else "a person revoked it"
    if live and not reopened:
        return "void", "contract.md is not what was granted"
    if current.contract is None:
        return "draft", "it has faults or gaps"
    if not any(isinstance(i.record, Surfaced) and i.record.digest == current.digest for i in log):
        return "draft", "its current version was not surfaced"
    return ("answered", "") if current_answers.answered else ("surfaced", "")


def _surfaced_since_end(log: Sequence[LoggedRecord], digest: str) -> bool:
    since = False
    for item in log:
        record = item.record
        if isinstance(record, Close) or (isinstance(record, Revoke) and record.grant == ALL):
            since = False
        elif isinstance(record, Surfaced) and record.digest == digest:
            since = True
    return since


def _of_flips(flips: Mapping[str, FlipState]) -> str:
    phases = {state.phase for state in flips.values()}
    worst_first = ("flip_unknown", "rolling_back", "flipping", "rolled_back", "flipped")
    return next((phase for phase in worst_first if phase in phases), "active")


def _after_pin(state: FlipState, gates: tuple[str, ...]) -> FlipState:
    # After a rollback the same flip is possible again only behind a new gate.
    if state.phase == "rolled_back" and set(gates) > set(state.gates):
        return FlipState()
    return state


def _flipped(before: FlipState, record: FlipRecord) -> FlipState:
    if record.phase == "called_off":  # reverts its own start alone
        return replace(before, phase="") if before.phase == "flipping" else before
    phase = {"started": "flipping", "done": "flipped", "unknown": "flip_unknown"}[record.phase]
    return FlipState(phase, (), before.gates)


def _rolled(before: FlipState, record: Rollback, gates: tuple[str, ...]) -> FlipState:
    if record.phase == "fired":
        return replace(before, fired=(*before.fired, record.trigger))
    if record.phase == "started":
        return replace(before, phase="rolling_back")
    if record.phase == "done":
        return FlipState("rolled_back", (), gates)
    return replace(before, phase="flip_unknown")
