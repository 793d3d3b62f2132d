"""When a branch may be published, from what is on record of it."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from correctless.decisions.decision import Confirmation, Decision
from correctless.ledger.chain import GENESIS, Head
from correctless.ledger.record import encode
from correctless.review.gate import DEFAULT_CHANNELS, close, digest, evaluate
from correctless.runlog.branch import Branch, RecordedDecision
from correctless.runlog.events import Asking, AttemptFailed, Consolidated, Event, GateClosed, LoggedEvent
from runs import WHEN


def recorded(seq: int, *, deferred: bool = True, attempt: int | None = 1, **other: Any) -> RecordedDecision:
    values = {
        "run": "r1",
        "step": "ctdd",
        "attempt": attempt,
        "key": f"r1/ctdd/{attempt}/b{seq}",
        "source": "block",
        **other,
    }
    decision = Decision(
        "ctdd", f"AD-00{seq}", "x", "y", WHEN, deferred, "why" if deferred else None, **values
    )
    return RecordedDecision(decision, seq, encode(decision.fields()).rstrip())


def branch(
    *decisions: RecordedDecision, events: tuple[Event, ...] = (), said: tuple[Confirmation, ...] = ()
) -> Branch:
    head = Head(0, GENESIS)
    return Branch(tuple(decisions), tuple(LoggedEvent("r1", WHEN, e) for e in events), said, head, head)


def yes(of: str, *, kind: str = "escalations", channel: str = "terminal", by: str = "Ada") -> Confirmation:
    return Confirmation(kind, of, by, channel, WHEN)


def test_no_deferred_decision_means_open() -> None:
    assert evaluate(branch(recorded(1, deferred=False))).open
    assert evaluate(branch()).open


def test_one_deferred_decision_closes_it() -> None:
    found = evaluate(branch(recorded(1, deferred=False), recorded(2)))
    assert not found.open
    assert [r.seq for r in found.waiting] == [2]


def test_a_confirmation_of_exactly_this_set_opens_it() -> None:
    a, b = recorded(1), recorded(2)
    closing = close((a, b), "challenge")
    assert evaluate(branch(a, b, events=(closing,), said=(yes(closing.digest),))).open


def test_a_decision_deferred_after_the_confirmation_closes_it_again_and_only_that_one_waits() -> None:
    a, b = recorded(1), recorded(2)
    closing = close((a,), "challenge")
    found = evaluate(branch(a, b, events=(closing,), said=(yes(closing.digest),)))
    assert [r.seq for r in found.waiting] == [2]
    assert found.closing is None


def test_a_confirmation_without_the_gate_event_it_answers_is_worth_nothing() -> None:
    a = recorded(1)
    assert not evaluate(branch(a, said=(yes(digest("", [a.line])),))).open


@pytest.mark.parametrize("kind", ["spec", "rejected"])
def test_only_a_confirmation_of_escalations_opens(kind: str) -> None:
    a = recorded(1)
    closing = close((a,), "challenge")
    assert not evaluate(branch(a, events=(closing,), said=(yes(closing.digest, kind=kind),))).open


def test_an_event_that_names_other_lines_than_its_digest_was_made_of_covers_nothing() -> None:
    a, b = recorded(1), recorded(2)
    closing = close((a,), "challenge")
    forged = GateClosed(closing.challenge, closing.digest, (1, 2))
    assert [r.seq for r in evaluate(branch(a, b, events=(forged,), said=(yes(closing.digest),))).waiting] == [
        1,
        2,
    ]
    beyond = GateClosed(closing.challenge, closing.digest, (1, 9))
    assert not evaluate(branch(a, events=(beyond,), said=(yes(closing.digest),))).open


def test_the_flag_channel_opens_nothing_unless_it_is_configured() -> None:
    a = recorded(1)
    closing = close((a,), "challenge")
    there = branch(a, events=(closing,), said=(yes(closing.digest, channel="flag"),))
    assert "flag" not in DEFAULT_CHANNELS
    assert not evaluate(there).open
    assert evaluate(there, channels=["flag"]).open


def test_only_the_named_confirmers_open_it() -> None:
    a = recorded(1)
    closing = close((a,), "challenge")
    there = branch(a, events=(closing,), said=(yes(closing.digest),))
    assert not evaluate(there, confirmers=["Grace"]).open
    assert evaluate(there, confirmers=["Grace", "Ada"]).open


def test_a_later_answer_that_is_not_trusted_takes_nothing_back_and_a_rejection_does() -> None:
    a = recorded(1)
    closing = close((a,), "challenge")
    flag, no = yes(closing.digest, channel="flag"), yes(closing.digest, kind="rejected", channel="flag")
    assert evaluate(branch(a, events=(closing,), said=(yes(closing.digest), flag))).open
    found = evaluate(branch(a, events=(closing,), said=(yes(closing.digest), no)))
    assert not found.open
    assert found.rejected == no


def test_a_superseded_entry_is_not_asked_for() -> None:
    a, b = recorded(1), recorded(2, attempt=2)
    found = evaluate(branch(a, b, events=(AttemptFailed("ctdd", 1, "", True, None),)))
    assert [r.seq for r in found.waiting] == [2]
    assert found.superseded == {1}


def test_the_digest_depends_on_the_challenge_and_on_every_byte() -> None:
    assert (
        len({digest("a", [b"x"]), digest("b", [b"x"]), digest("a", [b"y"]), digest("a", [b"x", b"x"])}) == 4
    )


def test_the_digest_is_the_sha_256_of_the_challenge_and_the_exact_lines() -> None:
    assert digest("challenge", [b"a", b"b"]) == hashlib.sha256(b"challenge\na\nb\n").hexdigest()


def asking(*asked: RecordedDecision, challenge: str = "challenge") -> Asking:
    shown = tuple(digest(challenge, [r.line]) for r in asked)
    return Asking("ctdd", 1, challenge, tuple(r.seq for r in asked), shown)


def test_an_answer_during_the_run_covers_its_own_entry_and_no_other() -> None:
    a, b = recorded(1), recorded(2)
    asked = asking(a, b)
    found = evaluate(branch(a, b, events=(asked,), said=(yes(asked.digests[1], kind="answer"),)))
    assert [r.seq for r in found.waiting] == [1]
    assert found.covered[hashlib.sha256(b.line).hexdigest()].kind == "answer"


def test_an_answer_is_held_to_the_line_that_was_shown() -> None:
    shown, other = recorded(1), recorded(1, step="simplify")
    asked = asking(shown)
    assert not evaluate(branch(other, events=(asked,), said=(yes(asked.digests[0], kind="answer"),))).open


def test_an_answer_to_an_entry_that_is_not_there_covers_nothing() -> None:
    a, b = recorded(1), recorded(2)
    asked = asking(b)
    assert not evaluate(branch(a, events=(asked,), said=(yes(asked.digests[0], kind="answer"),))).open


@pytest.mark.parametrize("kind", ["escalations", "spec", "rejected"])
def test_only_an_answer_answers_a_question(kind: str) -> None:
    a = recorded(1)
    asked = asking(a)
    assert not evaluate(branch(a, events=(asked,), said=(yes(asked.digests[0], kind=kind),))).open


def test_an_answer_to_a_question_does_not_confirm_the_set_of_a_closed_gate() -> None:
    a = recorded(1)
    closing = close((a,), "challenge")
    assert not evaluate(branch(a, events=(closing,), said=(yes(closing.digest, kind="answer"),))).open


def test_an_answer_counts_only_through_a_trusted_channel_and_person() -> None:
    a = recorded(1)
    asked = asking(a)
    said = branch(a, events=(asked,), said=(yes(asked.digests[0], kind="answer"),))
    assert evaluate(said).open
    assert not evaluate(said, channels=("signed",)).open
    assert not evaluate(said, confirmers=("Grace",)).open


def test_an_answer_counts_for_the_commit_it_was_given_about() -> None:
    a = recorded(1)
    first, second = Consolidated("1" * 40, ()), Consolidated("2" * 40, ())
    closing = close((a,), "challenge", first.commit)
    assert closing.digest != close((a,), "challenge").digest
    said = (yes(closing.digest),)
    assert evaluate(branch(a, events=(first, closing), said=said)).open
    found = evaluate(branch(a, events=(first, closing, second), said=said))
    assert (found.open, found.closing) == (False, None)
    other = GateClosed("challenge", closing.digest, closing.entries, head=second.commit)
    assert not evaluate(branch(a, events=(second, other), said=said)).open
