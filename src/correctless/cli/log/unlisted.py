"""Why a decision that was written by hand is unlisted, and which name may have been meant."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

from correctless.base import install
from correctless.ledger.chain import Entry

TYPE_CHECKING = False  # typing costs 4 ms to import
if TYPE_CHECKING:
    from correctless.skill.defaults import Points


def remark(entry: Entry, points: Points | None, top: str) -> str:
    """Return one sentence about an unlisted entry, "" for a listed one; `points` are those of its skill."""
    notes, extra, skill = (entry.fields.get(name) for name in ("notes", "extra", "skill"))
    if not isinstance(notes, list) or "unlisted" not in notes or not isinstance(extra, dict):
        return ""
    claimed = extra.get("claimed_id")
    if points is None:
        why = f"no skill '{skill}' found{_meant(str(skill), _skills(top))}"
    else:
        known = list(dict.fromkeys(each.id for each in points.defaults))
        lists = f"{skill} lists {', '.join(known) or 'no decision'}"
        why = f"{lists}, not '{claimed}'" if claimed else f"it has no decision_id; {lists}"
    return f"recorded as {entry.fields.get('decision_id')}, deferred: {why}"


def _meant(name: str, known: Iterable[str]) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name, sorted(known), n=1)
    return f". did you mean {near[0]}?" if near else ""


def _skills(top: str) -> Iterator[str]:
    """Yield the names of the skills that are found here."""
    for folder in install.skill_folders("x", top):
        parent = os.path.dirname(folder)
        for name in os.listdir(parent) if os.path.isdir(parent) else ():
            if os.path.isfile(os.path.join(parent, name, "SKILL.md")):
                yield name
