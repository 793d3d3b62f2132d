"""Correction of an agent's object into a record that its skill's contract allows.

Nothing that an agent reports makes a record less deferred than its contract requires.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from correctless.base.values import frozen
from correctless.decisions.decision import UNLISTED, Attempt, Decision, means_deferred
from correctless.ledger.record import decode, encode
from correctless.syntax.strict_json import RecordError

if TYPE_CHECKING:
    from correctless.skill.contract import SkillContract
    from correctless.skill.defaults import Default, Points

_DEFERRING = frozenset({"conflict", "corrected", "incomplete", "unlisted", "unverified"})

_READ = frozenset((
    "decision_id", "default_applied", "rationale", "escalation_deferred", "original_escalation_reason",
    "skill", "timestamp",
))  # fmt: skip
# Keys of `extra` that the corrections write themselves: an agent's key of that name is renamed.
_OURS = frozenset({"claimed_id", "claimed_reason", "claimed_skill", "fault", "kept", "reported_at"})

_NO = frozenset(
    {"", "false", "no", "none", "null", "n/a", "n.a", "na", "never", "not applicable", "not deferred"}
)

_TYPOGRAPHY = str.maketrans({"`": "", "*": "", "–": "-", "—": "-", "’": "'", "“": '"', "”": '"'})


@frozen
class Origin:
    """Source of one object, and what is known of it besides its content."""

    source: str  # as of `Decision`
    key: str | None
    duplicate: bool = False  # it has a duplicate key
    verified: bool = True  # the agent's own, by the nonce of its block
    conflict: bool = False  # the same id was reported with another default, or not deferred
    holds_another: bool = False  # it contains another decision, so it needs your review
    text_file: str | None = None  # the file with the unreadable text
    fault: str = ""  # why the text is unreadable
    reason: str | None = None  # why unreadable text needs your review


def correct(
    obj: Mapping[str, Any] | None,
    contract: SkillContract | Points | None,
    *,
    skill: str,
    at: Attempt,
    origin: Origin,
    now: str,
    unlisted: int,
) -> Decision:
    """Return the corrected record of one object, with a note for each fault."""
    if obj is None:
        ours = {"fault": origin.fault, "kept": origin.text_file}
        return Decision(
            skill=skill,
            decision_id=f"{UNLISTED}{unlisted}",
            default_applied="",
            rationale="",
            timestamp=now,
            escalation_deferred=True,
            original_escalation_reason=origin.reason or "what the agent recorded here could not be read",
            run=at.run,
            step=at.step,
            attempt=at.attempt,
            key=origin.key,
            source=origin.source,
            notes=("damaged",) if origin.verified else ("damaged", "unverified"),
            extra={name: value for name, value in ours.items() if value},
        )

    claimed = claimed_id(obj)
    listed = _listed(contract, claimed)
    applied, applied_whole = _text(obj.get("default_applied"))
    rationale, rationale_whole = _text(obj.get("rationale"))
    reason, _ = _text(obj.get("original_escalation_reason"))
    corrected = listed is not None and listed.escalate and not means_deferred(obj.get("escalation_deferred"))
    asks = asks_to_defer(obj) or origin.holds_another
    applies = {
        "conflict": origin.conflict,
        "corrected": corrected,
        "differs-from-default": listed is not None and applied_whole and differs(applied, listed),
        "duplicate-key": origin.duplicate,
        "incomplete": not (applied_whole and rationale_whole),
        "unlisted": listed is None,
        "unverified": not origin.verified,
    }
    notes = tuple(sorted(note for note, on in applies.items() if on))
    deferred = asks or not _DEFERRING.isdisjoint(notes)
    escalation_reason = reason if asks and not corrected and reason.strip() else ""

    extra = {_aside(name, obj): value for name, value in obj.items() if name not in _READ}
    if listed is None:
        extra["claimed_id"] = claimed
    if reason.strip() and not escalation_reason:  # an agent gives a reason only when it deferred
        extra["claimed_reason"] = reason
    if obj.get("skill") not in (None, skill):
        extra["claimed_skill"] = obj["skill"]
    if obj.get("timestamp") is not None:
        extra["reported_at"] = obj["timestamp"]
    if origin.text_file:
        extra["kept"] = origin.text_file
    return Decision(
        skill=skill,
        decision_id=listed.id if listed else f"{UNLISTED}{unlisted}",
        default_applied=applied,
        rationale=rationale,
        timestamp=now,
        escalation_deferred=deferred,
        original_escalation_reason=(escalation_reason or _reason(listed, skill)) if deferred else None,
        run=at.run,
        step=at.step,
        attempt=at.attempt,
        key=origin.key,
        source=origin.source,
        notes=notes,
        extra=_readable(extra),
    )


def synthesized(
    skill: str,
    name: str,
    default_applied: str,
    rationale: str,
    *,
    at: Attempt,
    now: str,
    unlisted: int,
    reason: str | None = None,
    extra: Mapping[str, Any] | None = None,
) -> Decision:
    """Return a deferred entry that the dispatcher makes itself, keyed by `name`.

    Examples are a changed configuration and a log set aside. `reason` is what you have to look at; it is the
    rationale unless `rationale` is given.
    """
    return Decision(
        skill=skill,
        decision_id=f"{UNLISTED}{unlisted}",
        default_applied=default_applied,
        rationale=rationale,
        timestamp=now,
        escalation_deferred=True,
        original_escalation_reason=reason or rationale,
        run=at.run,
        step=at.step,
        attempt=at.attempt,
        key=Attempt(at.run, at.step or "-", at.attempt or 0).key(f"s{name}") if at.run else None,
        source="synthesized",
        extra=_readable(extra or {}),
    )


def asks_to_defer(obj: Mapping[str, Any]) -> bool:
    """Return whether any key about deferring or escalating says yes or gives a reason.

    Keys about a human who has to look count as well.
    """
    return means_deferred(obj.get("escalation_deferred")) or any(
        _affirms(value)
        for key, value in obj.items()
        if key != "escalation_deferred"
        and re.search(
            "defer|escalat|human|person|review|confirm|approv|pending",
            re.sub(r"[\W_]", "", str(key)),
            re.IGNORECASE,
        )
    )


def _affirms(value: Any) -> bool:
    return (
        bool(value.strip() and plain(value).strip("- ") not in _NO) if isinstance(value, str) else bool(value)
    )


def claimed_id(obj: Mapping[str, Any]) -> str | None:
    """Return the id an object claims, None without one.

    Text is stripped; other JSON is returned as its text.
    """
    value = obj.get("decision_id")
    return None if value is None else value.strip() if isinstance(value, str) else _json(value)


def folded(obj: Mapping[str, Any]) -> str:
    """Return the default an object says was applied, with white space folded.

    Two reports with the same result are the same decision.
    """
    return " ".join(_text(obj.get("default_applied"))[0].split())


def _listed(contract: SkillContract | Points | None, claimed: str | None) -> Default | None:
    if contract is None or not claimed or claimed.upper().startswith(UNLISTED):
        return None
    entries = [entry for entry in contract.defaults if entry.id == claimed]
    # An id listed twice is a lint error; until it is fixed the stricter entry counts.
    return max(entries, key=lambda entry: entry.escalate, default=None)


def _text(value: Any) -> tuple[str, bool]:
    """Return a value as the text to record, and whether it was a text with content."""
    if isinstance(value, str):
        return value, bool(value.strip())
    return ("" if value is None else _json(value)), False


def _json(value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):  # only in a mapping that a caller made itself
        return f"a {type(value).__name__} that is no JSON"


def _reason(listed: Default | None, skill: str) -> str:
    if listed is None:
        return f"no such default in {skill}"
    return listed.rationale or f"{skill} gives no rationale for {listed.id}"


def differs(applied: str, listed: Default) -> bool:
    """Tell whether what was applied is not the listed default; a copy may differ in case, emphasis and dashes."""
    applied_text, choice, subject = plain(applied), plain(listed.choice), plain(listed.subject)
    if not choice or applied_text == choice:  # nothing differs from an entry without a default
        return False
    return not (
        subject and applied_text.startswith(subject) and applied_text[len(subject) :].lstrip(" :-→") == choice
    )


def plain(text: str) -> str:
    """Return text without what a copy may change: case, white space, emphasis, dashes, (default), the final stop."""
    folded = re.sub(r"\(default\)", " ", text, flags=re.IGNORECASE).translate(_TYPOGRAPHY).casefold()
    return " ".join(folded.split()).rstrip(" .")


def _aside(key: object, obj: Mapping[str, Any]) -> str:
    name = str(key)
    if name in _OURS:
        while name in _OURS or name in obj:
            name = f"said_{name}"
    return name


def _readable(extra: Mapping[str, Any]) -> dict[str, Any]:
    # The log's strict reader must read it again: a value nested too deep, or one that JSON does not have, becomes its
    # text; so does everything when two keys turn into one as their surrogates are joined in UTF-8.
    if (again := _again(extra)) is not None:
        return again
    single = {str(key): value if _again({key: value}) else _json(value) for key, value in extra.items()}
    if (again := _again(single)) is not None:
        return again
    ours = {key: value for key, value in single.items() if key in _OURS}
    rest = {key: value for key, value in single.items() if key not in _OURS}
    return _again(ours | {"said": _json(rest)}) or {}


def _again(extra: Mapping[str, Any]) -> dict[str, Any] | None:
    try:
        again: dict[str, Any] = decode(encode({"extra": extra}))["extra"]
    except (RecordError, TypeError, ValueError, RecursionError):
        return None
    return again
