"""Records of a contract's ledger as frozen values, to and from the fields of a line.

A key that comes later has a default: each release reads the ledgers of all before it. Unlike elsewhere, unknown keys are
refused: a record that this release does not know must not be ignored when authority depends on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, field, fields
from datetime import UTC, datetime
from typing import Any, ClassVar, TypeAlias, get_args

from correctless.base.clock import timestamp
from correctless.base.values import frozen
from correctless.ledger.record import read
from correctless.runcontract.ledger.actions import Action
from correctless.runcontract.ledger.clause import Clause
from correctless.syntax.strict_json import RecordError

ALL = "*"


@frozen
class Surfaced:
    """The contract was shown to the operator."""

    record: ClassVar[str] = "surfaced"
    digest: str


@frozen
class AskAnswer:
    """Your answer to one ask of exactly these bytes."""

    record: ClassVar[str] = "answer"
    digest: str
    grant: str
    answer: str  # granted | refused
    by: str
    channel: str  # terminal | signed
    scope: tuple[str, ...] = (ALL,)
    excluded: tuple[str, ...] = ()
    note: str = ""
    signed: str = ""  # the exact text that was signed
    signature: str = ""
    signers: str = ""  # the file of allowed signers it was checked against


@frozen
class Revoke:
    """You revoked a grant, or the whole contract."""

    record: ClassVar[str] = "revoke"
    grant: str  # or `*`: the whole contract
    by: str
    channel: str
    note: str = ""
    signed: str = ""
    signature: str = ""
    signers: str = ""


@frozen
class Pin:
    """The granted bytes were stored aside, to be enforced."""

    record: ClassVar[str] = "pin"
    digest: str
    gates: Mapping[str, tuple[str, ...]]  # of each flip


@frozen
class AuthorityDecision:
    """Verdict on an action, with its failing clauses or its permit."""

    record: ClassVar[str] = "decision"
    digest: str
    action: Mapping[str, Any]
    verdict: str  # allow | deny | escalate
    clauses: tuple[Clause, ...] = ()
    permit: str = ""


@frozen
class Permit:
    """One exact action may be done once, until `expires`."""

    record: ClassVar[str] = "permit"
    id: str
    digest: str
    action: Mapping[str, Any]
    grant: str
    expires: str
    bound: Mapping[str, str] = field(default_factory=dict)  # what must not have changed: head, base_sha, ...
    reaffirmed: tuple[str, ...] = ()  # the re-affirmations it uses


@frozen
class Consume:
    """A permit was used."""

    record: ClassVar[str] = "consume"
    permit: str


@frozen
class GateEvidence:
    """One run of a gate's check, or a claim without one."""

    record: ClassVar[str] = "evidence"
    gate: str
    result: str  # passed | failed | partial | claimed
    digest: str  # of the contract with the gate
    revision: str = ""
    code: int | None = None
    argv: tuple[str, ...] = ()
    output_sha256: str = ""
    file: str = ""
    file_sha256: str = ""
    note: str = ""
    checkout: str = ""  # own: not in a worktree
    prepare: tuple[str, ...] = ()


@frozen
class EscalationRecord:
    """A question to a human: what is blocked, and what was tried."""

    record: ClassVar[str] = "escalation"
    id: str
    condition: str  # an id of section 8
    target: str
    blocked: str
    tried: tuple[str, ...]
    decision_needed: str
    recommend: str
    freezes: tuple[str, ...]


@frozen
class EscalationAnswer:
    """Your answer to an escalation."""

    record: ClassVar[str] = "settled"
    escalation: str
    answer: str
    by: str
    channel: str
    digest: str = ""  # of the contract it was signed for; "" from a terminal, where you saw it
    signed: str = ""
    signature: str = ""
    signers: str = ""


@frozen
class Reaffirm:
    """You allow exactly this action once although a constraint forbids it."""

    record: ClassVar[str] = "reaffirm"
    id: str
    digest: str
    constraint: str
    action: Mapping[str, Any]
    expires: str
    by: str
    channel: str
    signed: str = ""
    signature: str = ""
    signers: str = ""


@frozen
class Waiver:
    """You let a failing check pass for one head commit."""

    record: ClassVar[str] = "waiver"
    digest: str
    check: str
    head: str
    base_run: int
    by: str
    channel: str
    signed: str = ""
    signature: str = ""
    signers: str = ""


@frozen
class FlipRecord:
    """A switch was executed, or its execution began or failed."""

    record: ClassVar[str] = "flip"
    flip: str
    phase: str  # started | done | unknown | called_off


@frozen
class Rollback:
    """A rollback began, ended, or its trigger fired."""

    record: ClassVar[str] = "rollback"
    flip: str
    phase: str  # fired | started | done | failed
    trigger: str = ""


@frozen
class RepairAttempt:
    """A fix or a deploy was tried."""

    record: ClassVar[str] = "attempt"
    what: str  # fix | deploy
    symptom: str
    result: str  # ok | failed
    diagnostic: bool = False


@frozen
class Helper:
    """A helper started or ended, and its cost."""

    record: ClassVar[str] = "helper"
    id: str
    phase: str  # start | end
    permit: str = ""
    cost_usd: float | None = None


@frozen
class Review:
    """A review of one area of a pull request at its head commit."""

    record: ClassVar[str] = "review"
    pr: int
    area: str
    head: str
    by: str
    worktree_head: str
    worktree_clean: bool
    note: str = ""


@frozen
class Close:
    """You closed the contract."""

    record: ClassVar[str] = "close"
    by: str
    channel: str
    note: str = ""


Record: TypeAlias = (
    Surfaced | AskAnswer | Revoke | Pin | AuthorityDecision | Permit | Consume | GateEvidence | EscalationRecord
    | EscalationAnswer | Reaffirm | Waiver | FlipRecord | Rollback | RepairAttempt | Helper | Review | Close
)  # fmt: skip
_KINDS: tuple[type[Record], ...] = get_args(Record)
# What only a person may state: at a terminal, or in a text that was signed elsewhere.
Statement: TypeAlias = AskAnswer | Revoke | EscalationAnswer | Reaffirm | Waiver
_BY_NAME = {kind.record: kind for kind in _KINDS}
_KEYS = {kind.record: frozenset(f.name for f in fields(kind)) for kind in _KINDS}

# The values of a field that has a closed list of them.
_CHANNEL: dict[str, tuple[str, ...]] = {"channel": ("terminal", "signed")}
_CLOSED: dict[str, dict[str, tuple[str, ...]]] = {
    "answer": {"answer": ("granted", "refused"), **_CHANNEL},
    "decision": {"verdict": ("allow", "deny", "escalate")},
    "evidence": {"result": ("passed", "failed", "partial", "claimed")},
    "flip": {"phase": ("started", "done", "unknown", "called_off")},
    "rollback": {"phase": ("fired", "started", "done", "failed")},
    "attempt": {"what": ("fix", "deploy"), "result": ("ok", "failed")},
    "helper": {"phase": ("start", "end")},
    "close": {"channel": ("terminal",)},
    **dict.fromkeys(("revoke", "settled", "reaffirm", "waiver"), _CHANNEL),
}


@frozen
class LoggedRecord:
    """A record with its number in the ledger and when it was written."""

    seq: int
    at: datetime
    record: Record


def fields_of(record: Record, now: datetime) -> dict[str, Any]:
    """Return the record as a mapping in the order of its line."""
    return {"record": record.record, "at": timestamp(now), **asdict(record)}


def logged(seq: int, values: Mapping[str, Any]) -> LoggedRecord:
    """Return the record of a line; `RecordError` names what is invalid."""
    rest = {key: value for key, value in values.items() if key not in ("at", "seq", "prev")}
    return LoggedRecord(seq, moment(values.get("at")), record_of(rest))


def record_of(values: Mapping[str, Any]) -> Record:
    """Return the record with these fields, its name under `record`; `RecordError` names what is invalid."""
    rest = dict(values)
    name = rest.pop("record", None)
    kind = _BY_NAME.get(name) if isinstance(name, str) else None
    if kind is None:
        raise RecordError(f"an unknown record '{name}'")
    if unknown := rest.keys() - _KEYS[kind.record]:
        raise RecordError(f"an unknown key '{min(unknown)}'")
    for key, allowed in _CLOSED.get(kind.record, {}).items():
        if key in rest and rest[key] not in allowed:
            raise RecordError(f"field '{key}' is none of {', '.join(allowed)}")
    # Checked here, as nothing can refuse a record later, when the value is used.
    if "expires" in rest:
        moment(rest["expires"])
    if isinstance(rest.get("action"), dict):
        Action.of(rest["action"])
    return read(kind, rest)


def moment(text: object) -> datetime:
    """Return a time of a record; `RecordError` when it is invalid or has no zone."""
    try:
        at = datetime.fromisoformat(text) if isinstance(text, str) else None
        if at is not None:
            at.astimezone(UTC)  # the last day of 9999 in a zone to the west is out of range in UTC
    except (ValueError, OverflowError):
        at = None
    if at is None or at.utcoffset() is None:
        raise RecordError(f"'{text}' is not a time with a zone")
    return at
