"""The records: what is written is what is read, and one record is one line for every reader."""

from __future__ import annotations

import json
from dataclasses import fields
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from correctless.base.clock import timestamp
from correctless.decisions.decision import Confirmation, Decision
from correctless.ledger.record import decode, encode
from correctless.syntax.strict_json import MAX_DEPTH, MAX_OBJECT, RecordError, strict_json

ANY_TEXT = st.text(alphabet=st.characters(exclude_categories=()))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ANY_TEXT, inner, max_size=4),
    max_leaves=12,
)


def joined(value: Any) -> Any:
    """What JSON itself makes of a value: two surrogates that stand side by side are one character."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
    if isinstance(value, list):
        return [joined(item) for item in value]
    return {joined(key): joined(item) for key, item in value.items()} if isinstance(value, dict) else value


@given(st.dictionaries(ANY_TEXT, JSON, max_size=6))
@example(
    {"text": "\ud800 lone \udfff", "\x00": "\x1b[31m\x85\x9b", "sep": "\u2028\u2029\x0b\x0c\x1c\x1d\x1e"}
)
def test_what_is_encoded_decodes_to_the_same(values: dict[str, Any]) -> None:
    expected = joined(values)
    if len(expected) == len(values):
        assert decode(encode(values)[:-1]) == expected


@given(ANY_TEXT)
@example("a\r\nb\x0bc\x0cd\x1ce\x85f\u2028g\u2029h")
def test_a_record_is_one_line_for_every_reader(text: str) -> None:
    line = encode({"text": text})
    assert line.endswith(b"\n")
    assert len(line.splitlines()) == 1
    assert len(line.decode().splitlines()) == 1


@pytest.mark.parametrize(
    "character", ["\x00", "\x1b", "\x7f", "\x9b", "\u061c", "\u200b", "\u202e", "\u2066", "\ufeff", "\ud800"]
)
def test_what_could_hide_or_reverse_text_stands_escaped(character: str) -> None:
    assert f"\\u{ord(character):04x}".encode() in encode({"text": f"before{character}after"})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), {1, 2}, b"bytes"])
def test_a_value_json_does_not_know_is_not_written(value: object) -> None:
    with pytest.raises((ValueError, TypeError)):
        encode({"value": value})


@pytest.mark.parametrize(
    "text",
    [
        "NaN",
        "[Infinity]",
        '{"a": -Infinity}',
        "1e999",
        "[-1e999]",
        "{'a': 1}",
        '{"a": 1,}',
        "// comment\n{}",
        "{} {}",
        "",
        "9" * 5000,
    ],
)
def test_what_is_not_strict_json_is_refused(text: str) -> None:
    with pytest.raises(RecordError):
        strict_json(text)


def test_nesting_stops_at_the_limit_and_brackets_in_text_do_not_count() -> None:
    assert strict_json("[" * MAX_DEPTH + "]" * MAX_DEPTH)
    with pytest.raises(RecordError, match="nested deeper"):
        strict_json("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1))
    with pytest.raises(RecordError, match="nested deeper"):
        strict_json('{"a":' * 100_000)
    brackets = "[{" * 100 + '\\"'
    assert strict_json(f'["{brackets}"]') == ["[{" * 100 + '"']
    assert strict_json("[" + "{}," * 100 + "[]]")


def test_text_over_the_limit_is_refused_unless_there_is_none() -> None:
    text = '"' + "x" * MAX_OBJECT + '"'
    with pytest.raises(RecordError, match="over"):
        strict_json(text)
    assert len(strict_json(text, max_size=None)) == MAX_OBJECT


@pytest.mark.parametrize(
    "line", [b"[1]", b"null", b'"text"', b"\xff", b'{"a":1,"a":2}', b'{"b":{"a":1,"a":1}}']
)
def test_a_line_that_is_no_single_meaning_object_is_refused(line: bytes) -> None:
    with pytest.raises(RecordError):
        decode(line)


DECISION = Decision(
    skill="cverify",
    decision_id="AD-001",
    default_applied="report only",
    rationale="nothing is changed",
    timestamp="2026-01-02T03:04:05.006Z",
    escalation_deferred=False,
)


def test_the_keys_of_a_decision_stand_in_the_order_of_the_log() -> None:
    assert list(DECISION.fields()) == [
        "skill",
        "decision_id",
        "default_applied",
        "rationale",
        "timestamp",
        "escalation_deferred",
        "original_escalation_reason",
        "run",
        "step",
        "attempt",
        "key",
        "source",
        "notes",
        "extra",
    ]


def test_notes_are_written_sorted_and_once() -> None:
    noted = Decision(**{**_values(DECISION), "notes": ("unlisted", "conflict", "unlisted")})
    assert noted.fields()["notes"] == ["conflict", "unlisted"]


def test_a_decision_is_read_back_from_its_line() -> None:
    full = Decision(
        **{**_values(DECISION), "attempt": 2, "run": "r1", "notes": ("corrected",), "extra": {"a": [1]}}
    )
    assert Decision.of(decode(encode({**full.fields(), "seq": 1, "prev": "x"})[:-1])) == full


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("skill", None),
        ("attempt", True),
        ("attempt", "1"),
        ("escalation_deferred", 0),
        ("escalation_deferred", "false"),
        ("notes", "unlisted"),
        ("notes", [1]),
        ("extra", []),
        ("original_escalation_reason", 1),
    ],
)
def test_a_field_of_the_wrong_type_is_named(name: str, value: object) -> None:
    with pytest.raises(RecordError, match=name):
        Decision.of({**DECISION.fields(), name: value})


def test_a_missing_field_is_named() -> None:
    values = DECISION.fields()
    del values["rationale"]
    with pytest.raises(RecordError, match="rationale"):
        Decision.of(values)


def test_a_confirmation_is_read_back_from_its_line() -> None:
    said = Confirmation("escalations", "ab" * 32, "Ada", "terminal", "2026-01-02T03:04:05.006Z", "fine")
    assert Confirmation.of(json.loads(encode(said.fields()))) == said


def test_timestamps_are_utc_with_milliseconds() -> None:
    there = datetime(2026, 1, 2, 4, 4, 5, 6789, tzinfo=timezone(timedelta(hours=1)))
    assert timestamp(there) == "2026-01-02T03:04:05.006Z"
    assert timestamp(datetime(2026, 1, 2, tzinfo=UTC)) == "2026-01-02T00:00:00.000Z"


def _values(decision: Decision) -> dict[str, Any]:
    return {f.name: getattr(decision, f.name) for f in fields(decision)}
