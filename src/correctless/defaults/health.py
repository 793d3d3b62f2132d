"""How each default of a skill fared in past runs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from correctless.decisions.decision import UNLISTED
from correctless.defaults.evidence import PastDecision
from correctless.defaults.suggestions import unlisted_groups
from correctless.skill.contract import SkillContract

_MOST_ENTRIES = 1000  # of one skill that get a row: ids are of the log, which may have any


@dataclass(frozen=True, slots=True)
class DefaultHealth:
    """Counts of one decision point; `listed`: in the current contract."""

    id: str
    subject: str
    listed: bool
    escalate: bool
    runs: int
    used: int
    differed: int
    rejected: int  # also those that you answered otherwise during the run
    rerun: int
    last_confirmed: str  # "" for never


@dataclass(frozen=True, slots=True)
class SkillHealth:
    """The decision points of one skill, and its unlisted decisions in groups of what is alike."""

    skill: str
    defaults: tuple[DefaultHealth, ...]
    unlisted: tuple[tuple[PastDecision, ...], ...]


def of_skill(skill: str, contract: SkillContract | None, cases: Iterable[PastDecision]) -> SkillHealth:
    """Return the health of a skill; without a contract only the log's ids are known."""
    mine = [each for each in cases if each.decision.skill == skill]
    by_id: dict[str, list[PastDecision]] = {each.id: [] for each in contract.defaults} if contract else {}
    for each in mine:
        if not each.decision.decision_id.startswith(UNLISTED) and len(by_id) < _MOST_ENTRIES:
            by_id.setdefault(each.decision.decision_id, []).append(each)
    rows = tuple(_row(name, contract, entries) for name, entries in sorted(by_id.items()))
    groups = unlisted_groups(contract, [each for each in mine if each.counts])
    return SkillHealth(skill, rows, tuple(groups))


def _row(name: str, contract: SkillContract | None, cases: list[PastDecision]) -> DefaultHealth:
    entry = contract.default(name) if contract else None
    return DefaultHealth(
        id=name,
        subject=entry.subject if entry else "",
        listed=entry is not None,
        escalate=entry is not None and entry.escalate,
        runs=len({each.run for each in cases}),
        used=len(cases),
        differed=sum("differs-from-default" in each.decision.notes for each in cases),
        rejected=sum(each.rejected or each.changed for each in cases),
        rerun=sum(each.rerun for each in cases),
        last_confirmed=max((each.confirmed for each in cases), default=""),
    )


def as_json(health: SkillHealth) -> dict[str, Any]:
    """Return the health as a JSON object."""
    return {
        "skill": health.skill,
        "defaults": [asdict(each) for each in health.defaults],
        "unlisted": [group_json(group) for group in health.unlisted],
    }


def group_json(group: tuple[PastDecision, ...]) -> dict[str, Any]:
    """Return a group of like decisions as a JSON object."""
    return {
        "text": group[0].text,
        "runs": len({each.run for each in group}),
        "entries": [entry_json(each) for each in group],
    }


def entry_json(case: PastDecision) -> dict[str, Any]:
    """Return the place of a decision in the logs as a JSON object."""
    return {"branch": case.branch, "run": case.run, "seq": case.seq}
