"""Coverage by what was confirmed ahead: each condition by itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from correctless.decisions.decision import AheadConfirmation, Decision
from correctless.ledger.chain import GENESIS, Head
from correctless.ledger.record import encode
from correctless.review.gate import GateState, evaluate
from correctless.runlog.branch import Branch, RecordedDecision
from correctless.runlog.events import LoggedEvent, RunStarted
from runs import plan

BEFORE, BEGAN, TAKEN, LATER = (f"2026-11-30T0{hour}:00:00.000Z" for hour in (6, 7, 8, 9))
PLAN = plan("ctdd")
SKILL = PLAN.steps[0].files["SKILL.md"]
GIVEN = AheadConfirmation("ctdd", SKILL, "AD-003", "keep it", "Ada", "terminal", BEFORE, LATER)


def found(*given: AheadConfirmation, **changed: Any) -> GateState:
    """The gate of a run with one deferred decision, and what was confirmed ahead."""
    values = {
        "run": "r1",
        "step": "ctdd",
        "attempt": 1,
        "key": "r1/ctdd/1/b1",
        "source": "block",
        **changed,
    }
    decision = replace(Decision("ctdd", "AD-003", "keep it", "y", TAKEN, True, "why"), **values)
    line = encode(decision.fields()).rstrip()
    head = Head(0, GENESIS)
    events = (LoggedEvent("r1", BEGAN, RunStarted(PLAN, "Ada", "terminal", "1", 0, GENESIS)),)
    return evaluate(Branch((RecordedDecision(decision, 1, line),), events, (), head, head, given))


def test_what_was_shown_is_covered() -> None:
    state = found(GIVEN)
    assert state.open
    [answer] = state.covered.values()
    assert (answer.kind, answer.by, answer.channel) == ("ahead", "Ada", "terminal")
    assert found(GIVEN, notes=("corrected",), source="tool").open


@pytest.mark.parametrize(
    "note",
    ["conflict", "damaged", "differs-from-default", "duplicate-key", "incomplete", "unlisted", "unverified"],
)
def test_a_remark_always_closes_the_gate(note: str) -> None:
    assert not found(GIVEN, notes=(note,)).open


@pytest.mark.parametrize(
    "changed",
    [
        {"source": "synthesized"},
        {"source": "cli"},
        {"decision_id": "AD-UNLISTED-1"},
        {"decision_id": "AD-004"},
        {"skill": "other"},
        {"run": "r2"},
        {"run": None, "step": None, "attempt": None},
        {"timestamp": LATER},
        {"source": "tool", "extra": {"details": {"decision_id": "AD-009", "default_applied": "dropped it"}}},
    ],
    ids=str,
)
def test_another_decision_is_not_covered(changed: dict[str, Any]) -> None:
    assert not found(GIVEN, **changed).open


@pytest.mark.parametrize(
    "given",
    [
        replace(GIVEN, skill_sha256="1" * 64),
        replace(GIVEN, timestamp=BEGAN),
        replace(GIVEN, until=TAKEN),
        replace(GIVEN, channel="flag"),
    ],
    ids=["another text", "not before the run", "expired", "a channel that is not trusted"],
)
def test_another_answer_does_not_cover_it(given: AheadConfirmation) -> None:
    assert not found(given).open


def test_the_last_answer_before_the_run_counts_and_a_later_one_can_only_end_it() -> None:
    assert not found(GIVEN, replace(GIVEN, skill_sha256="1" * 64)).open
    assert not found(GIVEN, replace(GIVEN, timestamp=BEGAN, until=BEGAN)).open
    assert found(GIVEN, replace(GIVEN, timestamp=LATER, until=LATER)).open
    assert found(replace(GIVEN, until=BEFORE), replace(GIVEN, timestamp=BEFORE)).open
    assert not found(replace(GIVEN, until=TAKEN), replace(GIVEN, timestamp=BEGAN)).open
