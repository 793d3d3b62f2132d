"""New entries and changes of a skill's contract that past runs give reason for. Pure: logs and a contract to suggestions.

A suggestion takes nothing from you: an entry without `escalate: always` is proposed only for what you have confirmed each time, and
no entry loses `escalate: always`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import count

from correctless.base.text import counted
from correctless.decisions.correction import differs, plain
from correctless.decisions.decision import UNLISTED
from correctless.defaults import likeness, wording
from correctless.defaults.evidence import PastDecision
from correctless.skill.contract import SkillContract
from correctless.skill.defaults import Default

RUNS = 3  # in which a decision recurs


@dataclass(frozen=True, slots=True)
class Suggestion:
    """An entry to add, or one whose default is to be changed (`before`), with the log entries it rests on."""

    entry: Default
    evidence: tuple[PastDecision, ...]
    before: Default | None = None


@dataclass(frozen=True, slots=True)
class Unsuggested:
    """Decisions that recur, and why they make no suggestion."""

    evidence: tuple[PastDecision, ...]
    why: str


@dataclass(frozen=True, slots=True)
class Suggestions:
    """All that the logs give reason for."""

    found: tuple[Suggestion, ...]
    others: tuple[Unsuggested, ...] = ()


def suggest(contract: SkillContract, cases: Iterable[PastDecision], *, runs: int = RUNS) -> Suggestions:
    """Return the suggestions for one skill, changes before new entries; `runs`: in how many a decision must recur."""
    name = name_of(contract.path)
    mine = [each for each in cases if each.counts and each.decision.skill == name]
    found: list[Suggestion] = []
    others: list[Unsuggested] = []
    for each in (*_changes(contract, mine, runs), *_additions(contract, mine, runs)):
        if isinstance(each, Suggestion):
            found.append(each)
        else:
            others.append(each)
    return Suggestions(tuple(found), tuple(others))


def name_of(path: str) -> str:
    """Return the name under which the skill of a SKILL.md runs: that of its folder, whatever name it states."""
    return os.path.basename(os.path.dirname(path))


def entry_for(contract: SkillContract, case: PastDecision) -> Default | None:
    """Return the entry that covers a decision: by the agent's id, else the one whose default it is."""
    if listed := contract.default(case.claimed or ""):
        return listed
    for each in contract.defaults:
        if each.choice and (plain(each.choice) == plain(case.text) or _alike(case.text, each.choice)):
            return each
    return None


def unlisted_groups(
    contract: SkillContract | None, cases: Iterable[PastDecision]
) -> list[tuple[PastDecision, ...]]:
    """Return the decisions that no entry covers, in groups of what is alike, those of most runs first."""
    open_cases = [
        each
        for each in cases
        if each.decision.decision_id.startswith(UNLISTED)
        and (contract is None or entry_for(contract, each) is None)
    ]
    by_text: dict[str, list[PastDecision]] = {}
    for each in open_cases:
        by_text.setdefault(each.text, []).append(each)
    # The most frequent texts first: of very many different ones the rare ones are left out.
    texts = sorted(by_text, key=lambda text: (-len(by_text[text]), text))
    found = [tuple(case for text in group for case in by_text[text]) for group in likeness.groups(texts)]
    return sorted(found, key=lambda group: (-_runs(group), group[0].text))


def _changes(
    contract: SkillContract, cases: Sequence[PastDecision], runs: int
) -> Iterable[Suggestion | Unsuggested]:
    """Yield each entry whose agents applied another default each time, always the same one."""
    for entry in dict.fromkeys(contract.defaults):
        mine = [each for each in cases if each.decision.decision_id == entry.id]
        texts = [each.text for each in mine]
        other = [text for text in texts if differs(text, entry) and not _alike(text, entry.choice)]
        if _runs(mine) < runs or len(other) < len(texts) or len(likeness.groups(texts)) != 1:
            continue
        yield _suggestion(mine, texts, entry, contract)


def _additions(
    contract: SkillContract, cases: Sequence[PastDecision], runs: int
) -> Iterable[Suggestion | Unsuggested]:
    used = _used_numbers(contract, cases)
    for group in unlisted_groups(contract, cases):
        if _runs(group) < runs:
            continue
        number = next(n for n in count(max(_listed(contract), default=0) + 1) if n not in used)
        result = _suggestion(group, [each.text for each in group], None, contract, f"AD-{number:03d}")
        if isinstance(result, Suggestion):
            used.add(number)
        yield result


def _suggestion(
    cases: Sequence[PastDecision],
    texts: Sequence[str],
    before: Default | None,
    contract: SkillContract,
    new: str = "",
) -> Suggestion | Unsuggested:
    evidence = tuple(cases)
    choice = wording.default_of(texts)
    if not choice:
        return Unsuggested(evidence, "no wording of it is one plain line that a SKILL.md may have")
    if all(each.refused for each in cases):
        return Unsuggested(evidence, "you wanted it otherwise each time")
    if before is not None and any(each.refused for each in cases):
        return Unsuggested(evidence, "you did not always want it so")
    if before is not None:
        return Suggestion(before._replace(choice=choice), evidence, before)
    reason = _why_you(cases)
    if reason and contract.interaction_mode == "autonomous":
        return Unsuggested(
            evidence, f"{reason}, and an autonomous skill has no decision of yours. make it hybrid"
        )
    rationale = (
        reason or f"the same decision in {counted(_runs(cases), 'run')}, and you confirmed it each time"
    )
    entry = Default(new, wording.subject_of(choice, texts), choice, rationale, bool(reason), 0)
    return Suggestion(entry, evidence)


def _why_you(cases: Sequence[PastDecision]) -> str:
    """Return why a decision is to stay yours; "" if you have confirmed it each time and no agent asked."""
    runs = counted(_runs(cases), "run")
    if any(each.refused for each in cases):
        return f"the same decision in {runs}, and you did not always want it so"
    if any(each.asked for each in cases):
        return f"the same decision in {runs}, and agents asked for yours"
    if not all(each.confirmed for each in cases):
        return f"the same decision in {runs}, and you have not confirmed it each time"
    return ""


def _alike(one: str, other: str) -> bool:
    return likeness.likeness(one, other) >= likeness.ALIKE


def _runs(cases: Iterable[PastDecision]) -> int:
    return len({each.run for each in cases})


def _listed(contract: SkillContract) -> set[int]:
    return {int(each.id[3:]) for each in contract.defaults if re.fullmatch(r"AD-[0-9]{3}", each.id)}


def _used_numbers(contract: SkillContract, cases: Iterable[PastDecision]) -> set[int]:
    """Return the numbers that the contract lists, or that an agent once claimed: those decisions were others."""
    claimed = {int(c[3:]) for each in cases if (c := each.claimed) and re.fullmatch(r"AD-[0-9]{3}", c)}
    return _listed(contract) | claimed
