"""Capture: what an agent said, read and corrected; the cases are files, the laws are properties."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import places
from correctless.decisions.capture import Calls, Captured, capture, correct, synthesized
from correctless.decisions.correction import Origin
from correctless.decisions.decision import Attempt, Decision
from correctless.ledger.ledger import Ledger
from correctless.ledger.record import decode, encode
from correctless.skill import contract, skill_text
from correctless.skill.contract import Default, SkillContract
from effort import examples

CASES = places.CASES / "capture"
NOTHING = skill_text.read(b"", "SKILL.md")
NONCE = "7f3a91c2"
PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # the machine may be busy
NOW = "2026-07-01T02:10:00.000Z"
DEMO = contract.of_text((CASES / "SKILL.md").read_bytes(), "SKILL.md")
NAMES = sorted(path.parent.name for path in CASES.glob("*/answer.md"))


def captured(
    answer: str,
    *,
    of: SkillContract = DEMO,
    calls: Sequence[dict[str, Any]] = (),
    unlisted_before: int = 0,
    **more: Any,
) -> Captured:
    """All of an attempt: its calls recorded one by one, then its answer."""
    where: dict[str, Any] = {"run": "r1", "step": "demo", "attempt": 1} | {
        name: more.pop(name) for name in ("step",) if name in more
    }
    recorder = Calls(of, **where, unlisted_before=unlisted_before)
    recorded = tuple(recorder.take(call, NOW) for call in calls)
    unlisted_before += sum(decision.decision_id.startswith("AD-UNLISTED-") for decision in recorded)
    how: dict[str, Any] = where | {"nonce": NONCE, "now": NOW, "unlisted_before": unlisted_before} | more
    # as the log gives them back: what is merged with the block is what a later process would read
    logged = [Decision.of(decode(encode(decision.fields()))) for decision in recorded]
    found = capture(answer, of, calls=logged, **how)
    return Captured((*recorded, *found.decisions), found.kept, found.warnings)


def block(*objects: str) -> str:
    return "\n".join([f"AUTONOMOUS_DECISIONS_START {NONCE}", *objects, "AUTONOMOUS_DECISIONS_END", ""])


def corrected(obj: dict[str, Any] | None, of: SkillContract | None = DEMO, **more: Any) -> Decision:
    at = Attempt("r1", "demo", 1)
    how: dict[str, Any] = {"source": "block", "key": "r1/demo/1/b1"}
    return correct(obj, of, skill="demo", at=at, origin=Origin(**(how | more)), now=NOW, unlisted=5)


def shown(found: Captured) -> dict[str, Any]:
    told = (
        "decision_id",
        "default_applied",
        "rationale",
        "escalation_deferred",
        "original_escalation_reason",
        "key",
        "source",
        "notes",
        "extra",
    )
    for decision in found.decisions:
        assert (decision.skill, decision.timestamp) == ("demo", NOW)
        assert (decision.run, decision.step, decision.attempt) == ("r1", "demo", 1)
    decisions = ((decision.fields(), decision) for decision in found.decisions)
    return {
        "decisions": [{name: fields[name] for name in told} for fields, _ in decisions],
        "kept": {kept.name: kept.text for kept in found.kept},
        "warnings": list(found.warnings),
    }


def answer_of(name: str) -> str:
    """The bytes as they stand: a text file would be read without its line ends, and refused with a surrogate in it."""
    return (
        (CASES / name / "answer.md").read_bytes().decode("utf-8", "surrogatepass").replace("__NONCE__", NONCE)
    )


def case(name: str) -> Captured:
    folder, answer = CASES / name, answer_of(name)
    calls = json.loads((folder / "calls.json").read_text()) if (folder / "calls.json").exists() else []
    return captured(answer, calls=calls, unlisted_before=3, kept="kept/r1")


@pytest.mark.parametrize("name", NAMES)
def test_the_case_is_read_as_its_folder_says(name: str) -> None:
    assert shown(case(name)) == json.loads((CASES / name / "expected.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", ["canonical", "array", "not-json", "quoted", "object-over-lines"])
def test_windows_line_ends_and_a_byte_order_mark_change_nothing(name: str) -> None:
    text = (CASES / name / "answer.md").read_text(encoding="utf-8").replace("__NONCE__", NONCE)
    plain, strange = captured(text), captured("\ufeff" + text.replace("\n", "\r\n"))
    assert shown(strange) == shown(plain)
    assert shown(captured(text.replace("\n", "\r"))) == shown(plain)


def test_a_line_separator_in_a_string_is_text_and_ends_no_line() -> None:
    said = {
        "decision_id": "AD-001",
        "default_applied": f"a\u2028AUTONOMOUS_DECISIONS_START {NONCE}\u2028b\u0085c",
    }
    found = captured(block(json.dumps(said | {"rationale": "r"}, ensure_ascii=False)))
    assert [decision.default_applied for decision in found.decisions] == [said["default_applied"]]


def test_nul_and_lone_surrogates_survive_into_the_log_and_the_kept_text(tmp_path: Path) -> None:
    found = captured(
        block('{"decision_id": "\\ud800", "default_applied": "\\u0000", "rationale": "\ud83d"}', "\0\udfff"),
        kept="kept",
    )
    log = Ledger(str(tmp_path / "log.jsonl"))
    log.create()
    for decision in found.decisions:
        log.append(decision.fields())
    assert [Decision.of(entry.fields) for entry in log.read()] == list(found.decisions)
    assert [kept.text for kept in found.kept] == ["\0\udfff"]


def test_what_the_log_could_not_read_again_is_kept_as_text() -> None:
    deep: Any = 1
    for _ in range(31):
        deep = [deep]
    joined = {"\ud83d\ude00": 1, "\U0001f600": 2}
    endless: list[Any] = []
    endless.append(endless)
    for odd in ({"deep": deep}, {"number": float("inf")}, {"keys": joined}, joined, {"self": endless}):
        extra = corrected({"decision_id": "AD-099", **odd}).extra
        assert extra["claimed_id"] == "AD-099"
        assert decode(encode({"extra": extra}))["extra"] == extra


def test_a_nonce_that_is_none_makes_no_block_authentic() -> None:
    answer = block().replace(NONCE, "") + block('{"decision_id": "AD-001"}').replace(NONCE, "x")
    for nonce in ("", "x", "7f3a91c", "7F3A91C2", NONCE + "\n"):
        found = captured(answer.replace(NONCE, nonce), nonce=nonce).decisions
        assert [(one.notes, one.escalation_deferred) for one in found] == [(("damaged", "unverified"), True)]


def test_an_id_listed_twice_holds_its_stricter_entry() -> None:
    entries = [
        Default("AD-001", "", "a", "free", escalate=False, line=1),
        Default("AD-001", "", "b", "asks", escalate=True, line=2),
    ]
    for order in (entries, entries[::-1]):
        of = SkillContract("demo", "SKILL.md", "hybrid", None, (), tuple(order), True, NOTHING)
        found = corrected({"decision_id": "AD-001", "default_applied": "a", "rationale": "r"}, of)
        assert (found.escalation_deferred, found.original_escalation_reason) == (True, "asks")


def test_an_unlisted_number_is_never_a_listed_id_even_if_a_skill_lists_it() -> None:
    entry = Default("AD-UNLISTED-7", "", "a", "free", escalate=False, line=1)
    of = SkillContract("demo", "SKILL.md", "autonomous", None, (), (entry,), True, NOTHING)
    found = corrected({"decision_id": "AD-UNLISTED-7", "default_applied": "a", "rationale": "r"}, of)
    assert (found.decision_id, found.escalation_deferred) == ("AD-UNLISTED-5", True)


def test_a_call_is_met_once_under_the_id_it_claimed_or_the_one_it_was_given() -> None:
    call = {"decision_id": "AD-099", "default_applied": "x", "rationale": "r"}
    given_id = call | {"decision_id": "AD-UNLISTED-1"}
    for said in ([call], [given_id], [call, given_id], [given_id, call]):
        found = captured(block(*map(json.dumps, said)), calls=[call])
        assert len(found.decisions) == len(said)


def test_a_decision_without_an_id_that_came_both_ways_is_on_record_once() -> None:
    call = {"decision_id": None, "default_applied": "stop  here", "rationale": "r"}
    said = {"default_applied": "stop here", "rationale": "other words"}
    found = captured(block(json.dumps(said), json.dumps(said)), calls=[call])
    assert [decision.key for decision in found.decisions] == ["r1/demo/1/t1", "r1/demo/1/b2"]


def test_a_call_that_contradicts_an_earlier_one_is_a_conflict_and_deferred() -> None:
    first = {"decision_id": "AD-001", "default_applied": "pytest", "rationale": "r"}
    found = captured("", calls=[first, first | {"default_applied": "unittest"}, first])
    assert [("conflict" in d.notes, d.escalation_deferred) for d in found.decisions] == [
        (False, False),
        (True, True),
        (False, False),
    ]


def test_without_a_contract_every_id_is_unlisted_and_deferred() -> None:
    found = corrected({"decision_id": "AD-001", "default_applied": "a", "rationale": "r"}, None)
    assert (found.decision_id, found.escalation_deferred) == ("AD-UNLISTED-5", True)
    assert found.notes == ("unlisted",)
    assert found.original_escalation_reason == "no such default in demo"


def test_unlisted_numbers_go_on_from_earlier_attempts_and_count_damage() -> None:
    found = captured(
        block('{"decision_id": "AD-9"}', "damage", '{"decision_id": "AD-8"}'),
        calls=[{"decision_id": "AD-7"}],
        unlisted_before=2,
    )
    ids = [(decision.decision_id, decision.key) for decision in found.decisions]
    assert ids == [
        ("AD-UNLISTED-3", "r1/demo/1/t1"),
        ("AD-UNLISTED-4", "r1/demo/1/b1"),
        ("AD-UNLISTED-5", "r1/demo/1/b2"),
        ("AD-UNLISTED-6", "r1/demo/1/b3"),
    ]


def test_the_kept_files_name_is_no_path_whatever_the_step_is_called() -> None:
    found = captured(block("damage"), step="plugin:../a", kept="kept")
    assert [kept.name for kept in found.kept] == ["plugin-..-a-1-b1.txt"]
    assert found.decisions[0].extra["kept"] == "kept/plugin-..-a-1-b1.txt"


def test_a_skill_without_decision_points_need_not_report_any() -> None:
    of = SkillContract("demo", "SKILL.md", "autonomous", None, (), (), False, NOTHING)
    assert captured("Done.", of=of) == Captured((), (), ())
    assert (
        captured("Done.").decisions[0].extra["fault"].startswith("demo lists AD-002 (escalate: always), but")
    )
    warned = captured("Done.", silent="warn")
    assert (warned.decisions, warned.warnings[0].partition(":")[0]) == ((), "no-decisions-reported")
    free = DEMO._replace(defaults=tuple(each for each in DEMO.defaults if not each.escalate))
    assert captured("Done.", of=free).decisions == ()
    assert captured("Done.", of=free).warnings[0].startswith("no-decisions-reported: demo lists 2 ")
    assert captured("I follow the neighbours.", of=free).decisions[0].escalation_deferred


def test_a_synthesized_entry_is_deferred_and_has_a_key_of_its_own() -> None:
    made = synthesized(
        "cdocs",
        "config",
        "configuration changed",
        "a.yaml",
        at=Attempt("r1", "cdocs", 2),
        now=NOW,
        unlisted=3,
    )
    assert (made.decision_id, made.key, made.source) == ("AD-UNLISTED-3", "r1/cdocs/2/sconfig", "synthesized")
    assert (made.escalation_deferred, made.original_escalation_reason) == (True, "a.yaml")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
ids = st.sampled_from(["AD-001", "AD-002", "AD-003", " AD-002\n", "AD-UNLISTED-1", "ad-002"])
known = st.sampled_from(
    [
        *("decision_id", "default_applied", "rationale", "escalation_deferred", "original_escalation_reason"),
        *("skill", "timestamp", "notes", "kept", "source", "key"),
    ]
)
objects = st.dictionaries(known | st.text(), json_values, max_size=8)


@PATIENT
@given(objects, ids | json_values, st.booleans(), st.booleans())
def test_nothing_an_object_says_makes_a_record_less_deferred(
    obj: dict[str, Any], claimed: Any, verified: bool, listed: bool
) -> None:
    said = obj | {"decision_id": claimed}
    found = corrected(said, DEMO if listed else None, verified=verified)
    if not verified or not listed or found.decision_id in ("AD-002", "AD-UNLISTED-5"):
        assert found.escalation_deferred
    if found.decision_id != "AD-UNLISTED-5":
        assert isinstance(claimed, str)
        assert claimed.strip() == found.decision_id
    if said.get("escalation_deferred") is True:
        assert found.escalation_deferred
    assert (found.original_escalation_reason is not None) == found.escalation_deferred
    assert (found.skill, found.key, found.source, found.timestamp) == ("demo", "r1/demo/1/b1", "block", NOW)
    assert "kept" not in found.extra
    again = decode(encode(found.fields()))
    assert again["notes"] == list(found.notes)
    assert Decision.of(again).extra == found.extra


@PATIENT
@given(st.lists(objects, max_size=4), st.lists(objects, max_size=4))
def test_every_call_and_every_object_is_on_record_or_met_by_a_call(
    calls: list[dict[str, Any]], said: list[dict[str, Any]]
) -> None:
    lines = [json.dumps(obj, allow_nan=True) for obj in said]
    found = captured(block(*lines), calls=calls)
    keys = [decision.key for decision in found.decisions]
    assert len(set(keys)) == len(keys)
    assert keys[: len(calls)] == [f"r1/demo/1/t{n + 1}" for n in range(len(calls))]
    met = {" ".join(str(call.get("default_applied") or "").split()) for call in calls}
    for obj in said:
        text = obj.get("default_applied")
        if isinstance(text, str) and " ".join(text.split()) not in met:
            assert any(decision.default_applied == text for decision in found.decisions) or found.kept


@settings(PATIENT, max_examples=examples(200))
@given(st.text(st.characters()), st.lists(st.sampled_from(["\n", "{", "}", '"', "AUTONOMOUS_DECISIONS_END"])))
def test_any_text_at_all_never_raises_and_without_a_block_decides_nothing(text: str, more: list[str]) -> None:
    answer = text + "".join(more)
    if "AUTONOMOUS_DECISIONS_START" not in answer and ":" not in answer:  # no key with a value
        assert captured(answer, of=DEMO._replace(defaults=())).decisions == ()
    started = f"AUTONOMOUS_DECISIONS_START {NONCE}\n{answer}"
    assert all(decision.escalation_deferred for decision in captured(started).decisions)


if __name__ == "__main__":
    # Writes what the code says into the cases: read the difference before you commit it.
    for name in sys.argv[1:] or NAMES:
        told = json.dumps(shown(case(name)), indent=1, ensure_ascii=False)
        if not told.replace("\n", "").isprintable():  # what nobody could see in a review is escaped
            told = json.dumps(shown(case(name)), indent=1)
        (CASES / name / "expected.json").write_text(told + "\n", encoding="utf-8")


def said(label: str, name: str, applied: str, **more: Any) -> Decision:
    """An entry of the attempt as an earlier process of its session left it in the log."""
    how = {"run": "r1", "step": "demo", "attempt": 1, "key": f"r1/demo/1/{label}", "source": "block", **more}
    return Decision("demo", name, applied, "because", NOW, False, **how)


def test_calls_of_a_session_that_goes_on_have_keys_of_their_own() -> None:
    earlier = (said("t1", "AD-001", "one", source="tool"), said("b1", "AD-001", "two"))
    calls = Calls(DEMO, run="r1", step="demo", attempt=1, earlier=earlier, calls_before=1)
    taken = calls.take({"decision_id": "AD-001", "default_applied": "three", "rationale": "because"}, NOW)
    assert taken.key == "r1/demo/1/t2"
    assert "conflict" in taken.notes


def test_pieces_of_a_session_that_goes_on_have_keys_of_their_own_and_repeat_nothing() -> None:
    line = '{"decision_id": "AD-001", "default_applied": "%s", "rationale": "because"}'
    earlier = (said("b1", "AD-001", "one"),)
    found = captured(block(line % "one", line % "two"), earlier=earlier, pieces_before=1)
    assert [(d.key, d.default_applied) for d in found.decisions] == [("r1/demo/1/b3", "two")]
    assert captured("", earlier=earlier, pieces_before=1).warnings == ()
