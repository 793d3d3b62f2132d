"""Records of decisions and of your answers to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, field
from typing import Any

from correctless.base.values import frozen
from correctless.ledger.record import read

NOTES = frozenset((
    "conflict", "corrected", "damaged", "differs-from-default", "duplicate-key", "incomplete", "unlisted",
    "unverified",
))  # fmt: skip


@frozen
class Attempt:
    """One attempt of a step of a run; None each for an entry written outside of a run."""

    run: str | None = None
    step: str | None = None
    attempt: int | None = None

    def key(self, label: str) -> str:
        """Return the key of one entry of this attempt; entries with one key are the same."""
        return f"{self.run}/{self.step}/{self.attempt}/{label}"


UNLISTED = "AD-UNLISTED-"  # prefix of the id of a decision whose point the contract does not list


@frozen
class Decision:
    """One decision of the decisions log, in the order of its keys (spec: decisions)."""

    skill: str
    decision_id: str
    default_applied: str
    rationale: str
    timestamp: str
    escalation_deferred: bool
    original_escalation_reason: str | None = None
    run: str | None = None
    step: str | None = None
    attempt: int | None = None
    key: str | None = None
    source: str = "cli"
    notes: tuple[str, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)

    def fields(self) -> dict[str, Any]:
        """Return the record as a mapping in log order, ready for `Ledger.append`.

        `seq` and `prev` are added by the ledger.
        """
        values = asdict(self)
        values["notes"] = sorted(set(self.notes))
        values["extra"] = dict(self.extra)
        return values

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Decision:
        """Return the decision of a log line's mapping.

        Raises: RecordError, which names the first field with a wrong type.
        """
        return read(cls, values)


@frozen
class Confirmation:
    """Your answer or approval, one line of the confirmations log."""

    kind: str  # "escalations" | "answer" (to one decision, during the run) | "rejected" | "spec"
    digest: str  # of the open set or the decision as it was shown, or of the spec's bytes
    by: str
    channel: str  # terminal | prompt | github | signed | flag
    timestamp: str
    note: str = ""  # with an answer: what to do instead of the default, "" to accept it
    head: str = ""  # the commit that was confirmed or rejected; "" where it is about one decision, a spec, or no run's commit

    def fields(self) -> dict[str, Any]:
        """Return the record as a mapping in log order."""
        return asdict(self)

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Confirmation:
        """Return the confirmation of a log line's mapping.

        Raises: RecordError, which names the first field with a wrong type.
        """
        return read(cls, values)


@frozen
class AheadConfirmation:
    """Your confirmation of one default before a run applies it, or its withdrawal: one line of the log of these."""

    skill: str
    skill_sha256: str  # of the bytes of its SKILL.md
    decision_id: str
    default: str  # as the skill stated it
    by: str
    channel: str
    timestamp: str
    until: str  # it covers decisions that are recorded before; of a withdrawal the same as `timestamp`

    def fields(self) -> dict[str, Any]:
        """Return the record as a mapping in log order."""
        return asdict(self)

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> AheadConfirmation:
        """Return the confirmation of a log line's mapping.

        Raises: RecordError, which names the first field with a wrong type.
        """
        return read(cls, values)


def means_deferred(value: Any) -> bool:
    """Return whether a value of `escalation_deferred` means deferred; unknown ones do."""
    if value is None or isinstance(value, bool):
        return bool(value)
    if isinstance(value, str):
        return value.strip().lower() not in ("false", "no")
    return not (isinstance(value, int) and value == 0)
