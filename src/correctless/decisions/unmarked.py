"""Find the decisions an answer reports outside of every block.

Nothing of it is recorded as a decision: who wrote it, and whether it was meant, only a person can say. It is kept, and it
closes the gate.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from correctless import block
from correctless.correction import claimed_id, folded, plain
from correctless.record import Decision

if TYPE_CHECKING:
    from correctless.contract import SkillContract

_SHOWN = 5  # names in one fault
_SHORT = 4  # characters: a shorter default is in any text
_PHRASE = 12  # characters from which on a default is no word of everyday prose
# `"decision_id": "AD-003"` in JSON, YAML, a dictionary or a sentence; what is no id is shown as it stands.
_CLAIM = re.compile(
    r"decision[^0-9a-z\n]?id[\"'`*]{0,3}\s{0,9}[:=|]\s{0,9}[\"'`*“]{0,3}([\w-]{1,40})", re.IGNORECASE
)
# What makes a mention a report: something follows the id as its value, or the id is a value itself.
_VALUE = re.compile(r"[^\w\n:=|→(]{0,4}(?:[:=|→–—(]|->|- )")
_KEY = re.compile(r"[:=|] {0,3}[\"'`*]{0,2}\Z")
_KEY_SIZE = 8
_LINE = 400  # characters behind an id that are looked at
_NOT_MET = re.compile(
    r"(?:not|never|n't) (?:been |be )?(?:reached|needed|applicable|relevant|met|triggered|hit|encountered|required|come up|arise|apply)"
    r"|\bn/a\b|[:(|] ?(?:none|unreached)\b",
    re.IGNORECASE,
)


def named(text: str, contract: SkillContract) -> str:
    """The ids and defaults of the contract that stand in `text`, or the ids its objects claim; "" for none of them."""
    found = [default.id for default in contract.defaults if _spelled(default.id).search(text)]
    lowered = plain(text)
    found += [
        default.id
        for default in contract.defaults
        if len(choice := plain(default.choice)) >= _SHORT and choice in lowered
    ]
    if block.REPORT.search(text):
        found += [match[1] for match in _CLAIM.finditer(text)] or ["a decision"]
    return _listed(found)


def unrecorded(text: str, contract: SkillContract, recorded: Collection[Decision]) -> str:
    """The decisions that `text`, which no block holds, reports and that are not `recorded`; "" for none."""
    return _listed(_unrecorded(text, contract, recorded))


def _unrecorded(text: str, contract: SkillContract, recorded: Collection[Decision]) -> Iterator[str]:
    names = {name for each in recorded for name in (each.decision_id, each.extra.get("claimed_id"))}
    known = {_folded(name) for name in names if isinstance(name, str)}
    if block.REPORT.search(text):
        said = {folded({"default_applied": each.default_applied}) for each in recorded}
        for obj in block.objects(text):
            name = claimed_id(obj)
            if ("decision_id" in obj or "default_applied" in obj) and (
                _folded(name or "") not in known or folded(obj) not in said
            ):
                yield name or "a decision without an id"
        yield from (match[1] for match in _CLAIM.finditer(text) if _folded(match[1]) not in known)
    lowered = plain(text) if not recorded else ""
    for default in contract.defaults:
        if _folded(default.id) in known:
            continue
        choice = plain(default.choice)
        reported = any(_is_report(text, *match.span()) for match in _spelled(default.id).finditer(text))
        if reported or (len(choice) >= _PHRASE and choice in lowered):
            yield default.id


def _is_report(text: str, start: int, end: int) -> bool:
    """Whether an id stands there as a key with a value, or as a value, and not to say that it was not met."""
    stop = text.find("\n", end)
    rest = text[end : min(len(text) if stop < 0 else stop, end + _LINE)]
    given = _VALUE.match(rest) or _KEY.search(text[max(0, start - _KEY_SIZE) : start])
    return bool(given) and not _NOT_MET.search(rest)


def _spelled(name: str) -> re.Pattern[str]:
    """An id in any case, with whatever a text puts between its parts, such as AD 001 or ad_001."""
    parts = r"[\W_]{0,2}".join(re.findall(r"[0-9A-Za-z]+", name) or [re.escape(name)])
    return re.compile(rf"(?<![0-9A-Za-z]){parts}(?![0-9A-Za-z])", re.IGNORECASE)


def _folded(name: str) -> str:
    return re.sub(r"[\W_]", "", name).casefold()


def _listed(found: Collection[str] | Iterator[str]) -> str:
    names = [*dict.fromkeys(found)]
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
