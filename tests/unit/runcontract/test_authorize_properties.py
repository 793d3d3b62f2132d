"""What holds of `authorize` for any records: nothing is allowed without an answer that covers it, and no restriction widens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

import contracts as c
from correctless.runcontract.judge.authorize import authorize
from correctless.runcontract.ledger.actions import Action
from correctless.runcontract.ledger.case import ALLOW, CaseFacts
from correctless.runcontract.ledger.records import (
    ALL,
    AskAnswer,
    Close,
    Consume,
    EscalationAnswer,
    EscalationRecord,
    FlipRecord,
    GateEvidence,
    Helper,
    Permit,
    Pin,
    Record,
    RepairAttempt,
    Review,
    Revoke,
    Rollback,
    Surfaced,
    Waiver,
)
from effort import examples

OTHER = c.digest(c.edited(("no deploys", "no deploy")))
DIGESTS = st.sampled_from([c.DIGEST, c.DIGEST, OTHER, "0" * 64])
GRANTS = st.sampled_from(["G1", "G2", "G3", "G4", "G5", "G9"])
ITEMS = st.sampled_from(["*", "411", "412", "415", "900", "F1", "F2", "max_agents=2", "x"])
ACTIONS = st.sampled_from(
    [c.MERGE, Action("merge", "415"), Action("merge", "900"), c.FLIP, Action("flip", "F2"), c.SPAWN, c.ROLLBACK, Action("other", "deploy.prod")]
)  # fmt: skip
SCOPES = st.lists(ITEMS, min_size=1, max_size=3).map(tuple)
ANSWERS = st.builds(
    AskAnswer, DIGESTS, GRANTS, st.sampled_from(["granted", "granted", "refused"]), st.just("Ada"), st.just("terminal"), SCOPES, st.lists(ITEMS, max_size=2).map(tuple)
)  # fmt: skip
FLIPS = st.sampled_from(["F1", "F2"])
RECORDS: st.SearchStrategy[Record] = st.one_of(
    ANSWERS,
    ANSWERS,
    st.builds(Surfaced, DIGESTS),
    st.builds(Pin, DIGESTS, st.just({"F1": ("V1",), "F2": ("V1",)})),
    st.builds(Revoke, GRANTS | st.just(ALL), st.just("Ada"), st.just("terminal")),
    st.builds(Close, st.just("Ada"), st.just("terminal")),
    st.builds(FlipRecord, FLIPS, st.sampled_from(["started", "done", "unknown", "called_off"])),
    st.builds(Rollback, FLIPS, st.sampled_from(["fired", "started", "done", "failed"]), st.just("T1")),
    st.builds(RepairAttempt, st.sampled_from(["fix", "deploy"]), st.just("slow"), st.sampled_from(["ok", "failed"]), st.booleans()),
    st.builds(EscalationRecord, st.sampled_from(["E1-1", "E1-2"]), st.just("E1"), st.just("x"), st.just("b"), st.just(("t",)), st.just("?"), st.just("r"), st.sampled_from([("merge",), ("*",), ()])),
    st.builds(EscalationAnswer, st.sampled_from(["E1-1", "E1-2", "counter-E3"]), st.just("yes"), st.just("Ada"), st.just("terminal")),
    st.builds(Helper, st.sampled_from(["a", "b"]), st.sampled_from(["start", "end"]), st.just("p1"), st.none() | st.just(1.0)),
    st.builds(Permit, st.just("p1"), DIGESTS, ACTIONS.map(Action.fields), GRANTS, st.just(c.NOW.isoformat())),
    st.builds(Consume, st.just("p1")),
    st.builds(Waiver, DIGESTS, st.just("tests"), st.just(c.HEAD), st.just(3), st.just("Ada"), st.just("terminal")),
    st.just(c.EVIDENCE),
    st.just(c.REVIEWED),
    st.builds(replace, st.just(c.REVIEWED), pr=st.just(900)),
    st.builds(lambda action, constraint: c.reaffirm(constraint, action), ACTIONS, st.sampled_from(["C1", "C2"])),
)  # fmt: skip
# Mostly what could be allowed, so that the properties are about something.
LOGS = st.builds(lambda start, more: [*start, *more], st.sampled_from([(), c.GRANTED, c.ACTIVE, (*c.ACTIVE, c.REVIEWED, c.EVIDENCE), (*c.ACTIVE, c.EVIDENCE, *c.FLIPPED, c.FIRED)]), st.lists(RECORDS, max_size=8))  # fmt: skip


def facts(action: Action) -> CaseFacts:
    number = int(action.target) if action.kind == "merge" else 412
    return CaseFacts(c.pull(number=number), c.here())


def verdict(records: Sequence[Record], action: Action, text: str = c.TEXT) -> str:
    return authorize(c.case(records, text=text), action, facts(action), c.NOW).verdict


def moved(record: Record, digest: str) -> Record:
    """The same record for other bytes, where it was one for these."""
    if getattr(record, "digest", "") != c.DIGEST:
        return record
    changed: Any = record
    made: Record = replace(changed, digest=digest)
    return made


def covers(record: Record, action: Action) -> bool:
    """Whether a record is a person's yes that can be one to this action, said as plainly as it can be."""
    asks = {"merge": {"G1", "G5"}, "flip": {"G2"}, "rollback": {"G3"}, "spawn": {"G4"}}
    if action.kind == "other":
        return type(record).__name__ == "Reaffirm"
    return (
        isinstance(record, AskAnswer)
        and record.answer == "granted"
        and record.digest == c.DIGEST
        and record.grant in asks[action.kind]
        and (action.kind == "spawn" or ALL in record.scope or action.target in record.scope)
    )


@settings(max_examples=examples(300), deadline=None)
@given(LOGS, ACTIONS)
def test_nothing_is_allowed_without_an_answer_that_covers_it(records: list[Record], action: Action) -> None:
    without = [record for record in records if not covers(record, action)]
    assert verdict(without, action) != ALLOW


@settings(max_examples=examples(300), deadline=None)
@given(LOGS, ACTIONS, st.data())
def test_an_exclusion_more_never_widens(records: list[Record], action: Action, data: st.DataObject) -> None:
    places = [i for i, record in enumerate(records) if isinstance(record, AskAnswer)]
    if not places:
        return
    at = data.draw(st.sampled_from(places))
    before = records[at]
    assert isinstance(before, AskAnswer)
    after = list(records)
    after[at] = replace(before, excluded=(*before.excluded, data.draw(ITEMS)))
    assert not (verdict(after, action) == ALLOW and verdict(records, action) != ALLOW)


@settings(max_examples=examples(300), deadline=None)
@given(LOGS, ACTIONS, st.sampled_from([("*",), ("merge",), ("flip:F1", "spawn"), ()]))
def test_a_freeze_more_never_widens(records: list[Record], action: Action, freezes: tuple[str, ...]) -> None:
    more = EscalationRecord("E1-9", "E1", "y", "b", ("t",), "?", "r", freezes)
    assert not (verdict([*records, more], action) == ALLOW and verdict(records, action) != ALLOW)


@settings(max_examples=examples(300), deadline=None)
@given(LOGS, ACTIONS, st.sampled_from(["merge", "merge:412", "flip.*", "spawn", "deploy.*", "*"]))
def test_a_constraint_more_never_widens(records: list[Record], action: Action, pattern: str) -> None:
    narrower = c.edited(
        (
            "```toml contract.constraints\n",
            f'```toml contract.constraints\n[[constraint]]\nid = "C9"\ntext = "t"\ndeny = ["{pattern}"]\n\n',
        )
    )
    of = c.digest(narrower)
    # The same history, but had with the narrower contract.
    same = [moved(record, of) for record in records]
    found = authorize(c.case(same, text=narrower, pinned=narrower), action, facts(action), c.NOW).verdict
    assert not (found == ALLOW and verdict(records, action) != ALLOW)


@settings(max_examples=examples(200), deadline=None)
@given(LOGS, ACTIONS, st.integers(0, len(c.TEXT) - 1), st.characters(max_codepoint=127))
def test_a_changed_contract_never_widens(records: list[Record], action: Action, at: int, char: str) -> None:
    changed = c.TEXT[:at] + char + c.TEXT[at + 1 :]
    if changed == c.TEXT:
        return
    assert not (verdict(records, action, changed) == ALLOW and verdict(records, action) != ALLOW)
    if action.kind != "rollback":
        assert verdict(records, action, changed) != ALLOW


@settings(deadline=None)
@given(LOGS, ACTIONS)
def test_what_was_allowed_is_not_after_a_close_or_when_everything_is_revoked(
    records: list[Record], action: Action
) -> None:
    for end in (Close("Ada", "terminal"), Revoke(ALL, "Ada", "terminal")):
        if action.kind != "rollback":
            assert verdict([*records, end], action) != ALLOW


@settings(deadline=None)
@given(LOGS, ACTIONS)
def test_after_its_end_nothing_but_a_way_back_is_allowed(records: list[Record], action: Action) -> None:
    late = c.NOW + timedelta(days=30)
    found = authorize(c.case(records, now=late), action, CaseFacts(c.pull(late), c.here(late)), late)
    assert found.verdict != ALLOW or action.kind == "rollback"


def test_the_properties_are_about_something() -> None:
    ready = [*c.ACTIVE, c.REVIEWED, c.EVIDENCE]
    assert [verdict(ready, action) for action in (c.MERGE, c.FLIP, c.SPAWN)] == [ALLOW] * 3
    assert covers(c.yes("G1"), c.MERGE)
    assert not covers(c.yes("G2"), c.MERGE)
    assert isinstance(c.REVIEWED, Review)
    assert isinstance(c.EVIDENCE, GateEvidence)
