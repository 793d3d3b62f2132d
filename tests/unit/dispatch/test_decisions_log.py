"""The decisions log as its one dispatcher knows it: kept in memory, and never believed over the file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from correctless.base.exits import Stop
from correctless.decisions.correction import synthesized
from correctless.decisions.decision import Attempt, Decision
from correctless.dispatch.core.decisions_log import DecisionsLog
from correctless.ledger.ledger import Ledger
from correctless.ledger.log_file import Damaged

NOW = "2026-01-02T03:04:05.678Z"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log.jsonl"


def decision(name: str, *, step: str = "ctdd", attempt: int = 1) -> Decision:
    return synthesized(step, name, "kept", "a reason", at=Attempt("r1", step, attempt), now=NOW, unlisted=1)


def ours(log: Path) -> DecisionsLog:
    known = DecisionsLog(Ledger(str(log), alone=True))
    known.create()
    return known


def in_file(log: Path) -> tuple[Decision, ...]:
    return tuple(Decision.of(entry.fields) for entry in Ledger(str(log)).read())


def test_what_is_known_is_what_the_file_holds_whoever_began_it(log: Path) -> None:
    Ledger(str(log)).append(decision("before").fields())
    known = ours(log)
    for name in ("one", "two", "one"):
        known.append(decision(name))
        assert known.all() == in_file(log)

    assert [each.key for each in known.all()] == [f"r1/ctdd/1/s{name}" for name in ("before", "one", "two")]
    assert known.head() == Ledger(str(log)).head()


def test_questions_tell_attempts_and_skills_apart(log: Path) -> None:
    known = ours(log)
    known.append(decision("a"))
    known.append(decision("b", attempt=12))
    known.append(replace(decision("answer-1"), escalation_deferred=False))
    known.append(decision("c", step="cdocs"))

    assert [each.key for each in known.of_attempt(Attempt("r1", "ctdd", 1))] == [
        "r1/ctdd/1/sa",
        "r1/ctdd/1/sanswer-1",
    ]
    assert known.unlisted("r1", "ctdd") == 2
    assert known.unlisted("r1", "ctdd", but=["r1/ctdd/1/sa"]) == 1
    assert known.unlisted("r2", "ctdd") == 0


def test_an_entry_of_somebody_else_is_refused_at_the_next_question(log: Path) -> None:
    known = ours(log)
    known.append(decision("a"))
    assert known.unlisted("r1", "ctdd") == 1
    Ledger(str(log)).append(decision("theirs").fields())

    with pytest.raises(Stop, match="another process added this entry"):
        known.unlisted("r1", "ctdd")


def test_an_entry_changed_in_the_file_is_refused_at_the_next_question(log: Path) -> None:
    known = ours(log)
    for name in ("a", "b"):
        known.append(decision(name))
    assert len(known.all()) == 2
    log.write_bytes(log.read_bytes().replace(b'"escalation_deferred":true', b'"escalation_deferred":null', 1))

    with pytest.raises(Damaged):
        known.all()
