"""Your exceptions for one version of the contract: waivers and re-affirmations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from correctless.base.values import frozen
from correctless.runcontract.ledger.records import (
    ALL,
    Close,
    LoggedRecord,
    Permit,
    Reaffirm,
    Revoke,
    Surfaced,
    Waiver,
    moment,
)

LONGEST = timedelta(minutes=1440)  # from the record of a re-affirmation to its end


@frozen
class Exceptions:
    """The exceptions that apply: for these bytes, not expired, not used, not ended since."""

    waivers: tuple[Waiver, ...]
    reaffirmed: Mapping[str, Reaffirm]  # by id


def exceptions(log: Sequence[LoggedRecord], digest: str, now: datetime) -> Exceptions:
    """Return the exceptions that apply; like answers, they end with another version, a close or a full revocation."""
    waivers: list[Waiver] = []
    reaffirmed: dict[str, Reaffirm] = {}
    spent: set[str] = set()  # an id is valid for one record: a used one must not return by a second
    for item in log:
        match item.record:
            case Waiver() as record if record.digest == digest:
                waivers.append(record)
            case Reaffirm() as record if record.id not in spent:
                spent.add(record.id)
                if record.digest == digest and now < moment(record.expires) <= item.at + LONGEST:
                    reaffirmed[record.id] = record
            case Permit() as record:
                spent.update(record.reaffirmed)
                for used in record.reaffirmed:
                    reaffirmed.pop(used, None)
            case Surfaced() | Close() | Revoke() as record if _ends(record, digest):
                waivers.clear()
                reaffirmed.clear()
            case _:
                pass
    return Exceptions(tuple(waivers), reaffirmed)


def _ends(record: Surfaced | Close | Revoke, digest: str) -> bool:
    if isinstance(record, Surfaced):
        return record.digest != digest
    return isinstance(record, Close) or record.grant == ALL
