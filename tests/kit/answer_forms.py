"""Two decisions of an answer, the marks around them, and the contracts they are held against."""

from __future__ import annotations

import json
from typing import Any

from correctless.skill import contract
from places import CASES

NONCE = "7f3a91c2"
START = f"AUTONOMOUS_DECISIONS_START {NONCE}"
END = "AUTONOMOUS_DECISIONS_END"
ONE, TWO = "mangosteen", "rambutan"  # the words of the two decisions, which stand nowhere else
DEMO = contract.of_text((CASES / "capture" / "SKILL.md").read_bytes(), "SKILL.md")
# Without a point that is a person's: nothing closes the gate but what the answer says.
FREE = DEMO._replace(defaults=tuple(each for each in DEMO.defaults if not each.escalate))


def obj(name: str | None, applied: str, **more: Any) -> str:
    named = {"decision_id": name} if name else {}
    return json.dumps(
        {**named, "default_applied": applied, "rationale": "because", **more}, ensure_ascii=False
    )


A, B = obj("AD-001", ONE), obj("AD-003", TWO)
