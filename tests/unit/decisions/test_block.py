"""The block reader: every accepted form reads back the same, no text raises, and hostile text stays cheap."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from correctless.decisions import block
from correctless.decisions.block import Reading, read
from correctless.decisions.decision import means_deferred
from correctless.decisions.objects import decides
from effort import examples

NONCE = "7f3a91c2"
PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # the machine may be busy
START = f"AUTONOMOUS_DECISIONS_START {NONCE}"
END = "AUTONOMOUS_DECISIONS_END"


def values(reading: Reading) -> list[dict[str, Any] | None]:
    return [piece.value for piece in reading.pieces]


def damaged(reading: Reading) -> list[str]:
    return [piece.text for piece in reading.pieces if piece.value is None]


def inside(*lines: str) -> Reading:
    return read("\n".join([START, *lines, END]), NONCE)


FENCE = re.compile(r"[\s>]*(`{3,}|~{3,})[ \t]*(json|text)?\s*")

# Within an object none that is a decision by its keys: that one is read as well, see test_answer_contexts.
keys_within = st.text().filter(lambda key: not decides({key: 1}))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys_within, inner, max_size=3),
    max_leaves=6,
)
decisions = st.lists(st.dictionaries(st.text(st.characters()), json_values, max_size=4), max_size=6)


def lines_of(said: list[dict[str, Any]], form: str, raw: bool) -> list[str]:
    def spelled(obj: Any, **how: Any) -> str:
        text = json.dumps(obj, ensure_ascii=not raw, **how)
        return text.replace("\x7f", "\\u007f")

    one = [spelled(obj) for obj in said]
    if form == "lines":
        return one
    if form == "commas":
        return [line + "," for line in one]
    if form == "pretty":
        return [line for obj in said for line in spelled(obj, indent=2).split("\n")]
    if form == "one line":
        return [" ".join(one)]
    if form == "array":
        return spelled(said, indent=1).split("\n")
    return [spelled(said)]


@settings(PATIENT, max_examples=examples(300))
@given(
    decisions,
    st.sampled_from(["lines", "commas", "pretty", "one line", "array", "array on one line"]),
    st.booleans(),
    st.booleans(),
    st.sampled_from(["", "> ", ">", " > > ", "   ", "\t", "> \t"]),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from(["", "Done.\n", "\ufeff", f"{START} as I said\n", f'"{START}"\n']),
)
def test_any_decisions_in_any_accepted_form_read_back_the_same(
    said: list[dict[str, Any]], form: str, raw: bool, fenced: bool, prefix: str, newline: str, before: str
) -> None:
    # A raw line separator inside a string is data; splitting on it anywhere would break this.
    lines = [START, *lines_of(said, form, raw), END]
    if fenced:
        lines = ["```json", *lines[:1], "~~~", *lines[1:-1], "~~~", END, "```"]
    reading = read(before + newline.join(prefix + line for line in lines) + newline + "Bye.", NONCE)
    assert values(reading) == said
    assert (reading.authentic, reading.verified) == (1, True)


FORMS = ["lines", "commas", "pretty", "one line", "array", "array on one line"]
BULLETS = st.sampled_from(
    [("", ""), ("- ", "  "), ("1. ", "   "), ("* ", ""), ("12) ", "    "), ("> - ", ">   ")]
)
FENCES = st.sampled_from([(), ("```",), ("```jsonl", "```"), ("~~~", "~~~"), ("~~~~ json", "~~~~")])
PROSE = [
    "",
    "Done.",
    "AUTONOMOUS_DECISIONS_END",
    "{",
    '"',
    "[1",
    "```",
    "> x",
    "a } b",
    "\0",
    "\u2028",
    "// no",
    "---",
]
prose = st.lists(st.sampled_from(PROSE) | st.text(st.characters(exclude_characters="\r\n")), max_size=3)


@st.composite
def blocks(draw: st.DrawFn, said: list[dict[str, Any]], word: str) -> list[str]:
    """The lines of one block that says `said`, in some accepted form."""
    lines = lines_of(said, draw(st.sampled_from(FORMS)), draw(st.booleans()))
    inner, outer = draw(FENCES), draw(FENCES)
    first, rest = draw(BULLETS)
    if len(inner) == 2:
        lines = [inner[0], *lines, inner[1]]
    elif inner:  # opened inside, closed outside
        lines, outer = [inner[0], *lines], ("", inner[0])
    lines = [f"{first}AUTONOMOUS_DECISIONS_START {word}".rstrip(), *(rest + line for line in [*lines, END])]
    lines = [*outer[:1], *lines, *outer[1:]]
    return [draw(st.sampled_from(["", "> ", ">> ", " ", "\t"])) + line for line in lines]


@st.composite
def answers(draw: st.DrawFn) -> tuple[str, list[dict[str, Any]], int]:
    """An answer, what its authentic blocks say in order, and how many those are; decoys and prose stand between them."""
    said = [draw(decisions) for _ in range(draw(st.integers(1, 3)))]
    # What a block repeats of an earlier one is said once.
    said = [[{"part": number, **obj} for obj in part] for number, part in enumerate(said)]
    lines: list[str] = []
    for part in said:
        for word in draw(st.lists(st.sampled_from(["", "00000000", "<nonce>"]), max_size=2)):
            decoy = draw(blocks([{"decision_id": "AD-001", "decoy": True}], word))
            lines += (
                decoy[:-1] if draw(st.booleans()) else decoy
            )  # one that never ends, ends at the next start
        lines += draw(prose)
        lines += draw(blocks(part, NONCE))
        lines += draw(prose)
    text = draw(st.sampled_from(["", "\ufeff"])) + draw(st.sampled_from(["\n", "\r\n", "\r"])).join(lines)
    return text, [obj for part in said for obj in part], len(said)


@settings(PATIENT, max_examples=examples(400))
@given(answers())
def test_all_that_authentic_blocks_say_reads_back_in_order_and_nothing_else(
    written: tuple[str, list[dict[str, Any]], int],
) -> None:
    text, said, count = written
    reading = read(text, NONCE)
    assert values(reading) == said
    assert (reading.authentic, reading.verified) == (count, True)
    assert values(read(text, NONCE, called=True)) == said


WORDS = {"own": f" {NONCE}", "bare": "", "other": " 00000000"}
lines_with_markers = st.lists(
    st.sampled_from(["own", "bare", "other", "end", "object", "object", "damage"]), max_size=25
)


@settings(PATIENT, max_examples=examples(500))
@given(lines_with_markers, st.booleans(), st.sampled_from(["", "> ", "  "]))
def test_what_is_read_stands_in_an_authentic_block_or_in_the_last_one_without_a_nonce(
    kinds: list[str], called: bool, prefix: str
) -> None:
    """A second reader, for lines without any freedom of form, says which objects stand where."""
    lines: list[str] = []
    found: dict[str, list[list[int | None]]] = {"own": [], "bare": [], "other": []}
    inside: list[int | None] | None = None
    for number, kind in enumerate(kinds):
        if kind in WORDS:
            lines.append(f"AUTONOMOUS_DECISIONS_START{WORDS[kind]}")
            if inside is not None and inside[-1:] != [None]:
                inside.append(None)  # the block before never ended
            inside = []
            found[kind].append(inside)
            continue
        lines.append(
            {
                "end": END,
                "object": json.dumps({"n": number}),
                "damage": "so be it",
            }[kind]
        )
        if kind == "end":
            inside = None
        elif inside is not None and (kind == "object" or inside[-1:] != [None]):
            inside.append(number if kind == "object" else None)
    if inside is not None and inside[-1:] != [None]:
        inside.append(None)
    reading = read("\n".join(prefix + line for line in lines), NONCE, called=called)
    chosen = found["own"] if found["own"] or called else found["bare"][-1:]
    assert [value and value["n"] for value in values(reading)] == [n for part in chosen for n in part]
    assert reading.verified == bool(found["own"] or called)
    assert [reading.authentic, reading.nonceless, reading.quoted] == [
        len(found[kind]) for kind in ("own", "bare", "other")
    ]
    assert reading.others == ("00000000",) * len(found["other"])


@PATIENT
@given(decisions, st.sampled_from(FORMS), st.booleans(), st.data())
def test_a_block_cut_off_anywhere_gives_every_object_that_was_whole(
    said: list[dict[str, Any]], form: str, raw: bool, data: st.DataObject
) -> None:
    said = [{"n": number, **obj} for number, obj in enumerate(said)]
    text = "\n".join([START, *lines_of(said, form, raw)])
    cut = data.draw(st.integers(len(START), len(text)))
    reading = read(text[:cut], NONCE)
    found = [value for value in values(reading) if value is not None]
    whole = len(json_prefix(text[len(START) : cut]))
    assert found[:whole] == said[:whole]
    assert damaged(reading)  # a block without its end is never taken for a whole one


def json_prefix(text: str) -> list[Any]:
    """The whole objects a text begins with, as Python's own decoder takes them one after the other."""
    found, text = [], text.lstrip("\n ").removeprefix("[")
    while text := text.lstrip("\n ,"):
        try:
            value, end = json.JSONDecoder().raw_decode(text)
        except ValueError:
            break
        if not isinstance(value, dict):
            break
        found.append(value)
        text = text[end:]
    return found


@PATIENT
@example(":{}", [{}])
@given(st.text(st.characters()), decisions)
def test_readable_objects_count_whatever_line_stands_between_them(
    junk: str, said: list[dict[str, Any]]
) -> None:
    junk = " ".join(junk.split()).translate(
        dict.fromkeys(map(ord, "{["))
    )  # a line of prose that opens no bracket
    junk = junk.lstrip("`~>- +*0123456789")
    lines = [line for obj in said for line in (json.dumps(obj), junk)]
    if "AUTONOMOUS" in junk:
        return
    assert [value for value in values(inside(*lines)) if value is not None] == said


@settings(PATIENT, max_examples=examples(300))
@example(["```", "null"])
@given(
    st.lists(
        st.sampled_from(
            [
                "{",
                "}",
                "[",
                "]",
                '"',
                "\\",
                ",",
                ":",
                "\n",
                "\r",
                "> ",
                "```",
                START,
                END,
                "1",
                "null",
                "\0",
                "é",
                " ",
            ]
        )
        | st.text(st.characters(), max_size=3),
        max_size=60,
    )
)
def test_no_text_raises_and_nothing_of_a_block_is_dropped(parts: list[str]) -> None:
    text = "".join(parts)
    read(text, NONCE)
    if "AUTONOMOUS" in text:
        return
    reading = inside(text)
    again = "".join(json.dumps(v) if v is not None else "" for v in values(reading)) + "".join(
        damaged(reading)
    )
    for line in text.replace("\r", "\n").split("\n"):
        if FENCE.fullmatch(line):  # layout, its language with it
            continue
        for char in line:
            if char.isalpha() and char.isascii():
                assert char in again


@PATIENT
@given(st.text(st.characters()))
def test_without_a_marker_alone_on_its_line_there_is_no_piece(text: str) -> None:
    assert read(text, NONCE).pieces == ()
    assert read(f"x {START} {text}".replace("\n", " ").replace("\r", " "), "00000000").pieces == ()


@pytest.mark.parametrize("word", ["7f3a91c3", "7f3a91c", "x", "<nonce>", "2c19a3f7"])
def test_another_nonce_is_quoted_and_not_read(word: str) -> None:
    reading = read(f'AUTONOMOUS_DECISIONS_START {word}\n{{"decision_id": "AD-001"}}\n{END}', NONCE)
    assert (reading.pieces, reading.quoted, reading.authentic) == ((), 1, 0)


def test_only_the_last_block_without_a_nonce_is_read_and_only_when_nothing_else_is_there() -> None:
    bare = "AUTONOMOUS_DECISIONS_START\n%s\nAUTONOMOUS_DECISIONS_END\n"
    text = bare % '{"n": 1}' + bare % '{"n": 2}'
    assert (values(read(text, NONCE)), read(text, NONCE).verified) == ([{"n": 2}], False)
    assert values(read(text, NONCE, called=True)) == []
    assert values(read(text + f"{START}\n{END}", NONCE)) == []


def test_no_nonce_of_ours_means_no_authentic_block() -> None:
    assert read(f"{START}\n{{}}\n{END}", "").authentic == 0
    assert not read(f"AUTONOMOUS_DECISIONS_START\n{{}}\n{END}", "").verified


def test_a_start_inside_an_open_block_ends_it_and_a_foreign_end_does_not() -> None:
    reading = read(
        f'{START}\n{{"n": 1}}\nAUTONOMOUS_DECISIONS_START bad\n{{"n": 2}}\n{END}\n{{"n": 3}}', NONCE
    )
    assert values(reading) == [{"n": 1}, None]
    assert reading.quoted == 1
    assert values(inside('{"n": 1}', f"{END} deadbeef", '{"n": 2}')) == [{"n": 1}, None, {"n": 2}]


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("{'a': 1}", "not JSON"),
        ("{“a”: 1}", "not JSON"),
        ('{"a": 1,}', "not JSON"),
        ('{"a": 1 /* why */}', "not JSON"),
        ("{a: 1}", "not JSON"),
        ('{"a": NaN}', "NaN"),
        ('{"a": -Infinity}', "Infinity"),
        ('{"a": 1e999}', "out of range"),
        ('{"a": "\t"}', "not JSON"),
        ('{"a": ' + "9" * 4301 + "}", "over 4300 digits"),
        ('{"a":' + "[" * 32 + "]" * 32 + "}", "deeper than 32"),
        ('{"a":"' + "x" * (1 << 20) + '"}', "over 1048576"),
        ("null", "not a JSON object"),
        ('"AD-001"', "not a JSON object"),
        ("[[{}]]", "array in an array"),
        ("so I chose the default", "not a JSON object"),
        ("{", "never closes"),
    ],
)
def test_what_is_no_object_is_kept_as_it_stands_and_named(line: str, fault: str) -> None:
    reading = inside('{"n": 1}', line, '{"n": 2}')
    assert values(reading) == [{"n": 1}, None, {"n": 2}]
    assert reading.pieces[1].text in line
    assert fault in reading.pieces[1].fault


def test_an_object_of_exactly_the_limits_is_read() -> None:
    deep = '{"a":' + "[" * 31 + "]" * 31 + "}"
    wide = '{"a":"' + "x" * ((1 << 20) - 8) + '"}'
    assert damaged(inside(deep, wide, f"[{deep}]")) == []


@pytest.mark.parametrize("quoted", ['"', "'", "it's \"odd", "{", "[", "see [1", "a } b ] c"])
def test_odd_quotes_and_brackets_in_prose_swallow_no_line(quoted: str) -> None:
    assert [v for v in values(inside(quoted, '{"n": 1}', quoted, '{"n": 2}')) if v] == [{"n": 1}, {"n": 2}]


def test_a_line_that_is_a_whole_decision_counts_inside_of_mismatched_brackets() -> None:
    reading = inside('{"a": {"x": 1}', '{"decision_id": "AD-001"}', '{"just": "data"}', "}", '{"n": 2}')
    assert values(reading) == [None, {"decision_id": "AD-001"}, None, {"n": 2}]


def test_a_string_that_is_not_closed_on_its_line_breaks_only_its_own_object() -> None:
    assert values(inside('{"a": "x', '{"n": 1}', "}")) == [None, {"n": 1}, None]


def test_of_two_values_for_escalation_deferred_true_wins_and_for_others_the_last() -> None:
    for first, last in (("true", "false"), ("false", "true"), ("0", "1"), ('"maybe"', "false")):
        said = f'"escalation_deferred": {first}, "a": 1, "a": 2, "escalation_deferred": {last}'
        piece = inside("{" + said + "}").pieces[0]
        assert piece.value == {"a": 2, "escalation_deferred": True}
        assert piece.duplicate
    assert not inside('{"escalation_deferred": false}').pieces[0].duplicate


def test_a_value_nobody_can_read_means_deferred() -> None:
    assert not any(map(means_deferred, (None, False, 0, "false", " FALSE ", "no", "No")))
    assert all(map(means_deferred, (True, 1, "true", "yes", "", "0", "null", 2, -1, 0.0, [], {}, "nö")))


def test_a_quote_sign_inside_of_a_line_stays() -> None:
    assert values(inside('{"a": "<b>bold</b> > 1"}', '> {"a": "> x"}')) == [
        {"a": "<b>bold</b> > 1"},
        {"a": "> x"},
    ]


def test_more_pieces_than_a_person_can_read_become_one_damaged_piece() -> None:
    reading = inside(*['{"n": 1}'] * (block.MAX_PIECES + 5))
    assert len(reading.pieces) == block.MAX_PIECES + 1
    assert damaged(reading) == ["\n".join(['{"n": 1}'] * 5)]
    assert damaged(inside(*["{'n': 1}"] * (2 * block.MAX_PIECES), '{"n": 1}'))[-1].endswith('{"n": 1}')
    many = read(f'{START}\n{{"n": 1}}\nx\n{END}\n' * block.MAX_PIECES, NONCE)
    assert len(many.pieces) <= block.MAX_PIECES + 2
    assert many.pieces[-1].value is None


@pytest.mark.parametrize("cut", ['{"a": "x', "{", '{"a": [', "", ", "])
def test_an_array_that_is_cut_off_gives_the_objects_that_were_whole(cut: str) -> None:
    text = f'{START}\n[{{"n": 1}}, {{"n": 2}}, {cut}'
    assert values(read(text, NONCE))[:3] == [None, {"n": 1}, {"n": 2}]
    assert {"n": 3} in values(read(f'{text}\n{{"n": 3}}\n{END}', NONCE))


def test_an_object_over_a_megabyte_is_damage_and_its_neighbours_count() -> None:
    for more in (1, 1 << 16):
        wide = json.dumps({"decision_id": "AD-001", "rationale": "x" * ((1 << 20) + more)})
        reading = inside('{"n": 1}', wide, '{"n": 2}', f"[{wide}]", '{"n": 3}')
        assert values(reading) == [{"n": 1}, None, {"n": 2}, None, {"n": 3}]
        assert damaged(reading) == [wide, wide]


def test_what_stood_for_a_nonce_at_each_other_start_is_told() -> None:
    text = f"AUTONOMOUS_DECISIONS_START <nonce>\n{END}\nAUTONOMOUS_DECISIONS_START\n{END}\n{START}:\n{END}"
    assert read(text, NONCE).others == ("<nonce>",)  # the last one is our own word, if badly written
    assert read(text, "").others == ("<nonce>", f"{NONCE}:")


MARKERS = [
    *(f"**{START}**", f"## {START}", f"{START}:", f"AUTONOMOUS_DECISIONS_START: {NONCE}", f"`{START}`"),
    *(f"AUTONOMOUS_DECISIONS_START {NONCE.upper()}", f"AUTONOMOUS_DECISIONS_START 0x{NONCE}"),
    *("AUTONOMOUS_DECISIONS_START ７f3a91c2", f"AUTONOMOUS_DECISIONS_START {NONCE}0"),
    *(f"autonomous_decisions_start {NONCE}", f"AUTONOMOUS\\_DECISIONS\\_START {NONCE}"),
    *(f"AUTONOMOUS DECISIONS START '{NONCE}'", f"AUTONOMUS_DECISIONS_START ({NONCE})"),
    *("AUTONO\u200bMOUS_DECISIONS_START 7f3a\u200b91c2", f"ＡUTONOMOUS_DECISIONS_START {NONCE}"),
    *(f"{NONCE} AUTONOMOUS_DECISIONS_START", f"AUTONOMOUS_DECISIONS_START{NONCE}", f"| {START} |"),
]


@pytest.mark.parametrize("marker", MARKERS)
def test_a_badly_written_start_with_our_nonce_is_read_and_kept_as_well(marker: str) -> None:
    text = f'{marker}\n{{"n": 2}}\n{END}\n'
    for around, found in (("", []), (f'{START}\n{{"n": 1}}\n{END}\n', [{"n": 1}])):
        reading = read(around + text, NONCE)
        assert values(reading) == [*found, {"n": 2}, None]
        assert all(piece.verified for piece in reading.pieces)
        assert damaged(reading) == [f'{marker}\n{{"n": 2}}']
        assert reading.authentic == len(found)
    for rest in ("", "- Naming: rambutan\n", "Naming | rambutan\n", "naming,rambutan\n"):
        for called, around in ((False, ""), (True, ""), (False, f"\n{START}\n{END}\n")):
            kept = damaged(read(f"{marker}\n{rest}{around}", NONCE, called=called))
            assert any(rest.strip() in text for text in kept) or (around and not rest)
    assert None in values(inside(marker, '{"n": 2}'))


MEGABYTES = {
    "prose": 'the block comes { later [ and "so" on\n',
    "objects": '{"decision_id": "AD-001", "default_applied": "x", "rationale": "y"}\n',
    "quotes": '> > "it\'s" {\n',
    "other blocks": f"AUTONOMOUS_DECISIONS_START 00000000\n{{}}\n{END}\n",
    "near markers": f"**{START}**\n",
    "nonces": f"{NONCE} and so on\n",
    "halves of a nonce": "7--f--3--a--9--1--c--\n",
    "no fences": "```" + " " * 5000 + "!\n",
    "quote marks": "> " * 3000 + "\n",
    "ends": "the autonomous decisions end\n",
}


@pytest.mark.parametrize("longest", [1_000_000, pytest.param(10_000_000, marks=pytest.mark.campaign)])
@pytest.mark.parametrize("kind", MEGABYTES)
def test_megabytes_are_read_in_seconds_and_half_of_them_in_half_the_time(kind: str, longest: int) -> None:
    line, took = MEGABYTES[kind], []
    for size in (longest // 2, longest):
        text = line * (size // len(line))
        began = time.process_time()
        read(f"{text}{START}\n{text}{END}\n{text[: size // 10]}", NONCE)
        took.append(time.process_time() - began)
    assert took[1] < 20
    assert took[1] < 3 * took[0] + 1  # quadratic would be 4 and more; the rest is a busy machine


SIZE = 400_000
HOSTILE = {
    "braces": "{" * SIZE,
    "brace lines": "{\n" * (SIZE // 2),
    "pairs": "{}" * (SIZE // 2),
    "arrays": "[" * SIZE,
    "open array": "[" + "{}," * (SIZE // 3),
    "arrays around": "[{}" * (SIZE // 3),
    "array lines": "[{}\n" * (SIZE // 4),
    "nested and closed": ("{\n" * 31 + "[]" * 20_000 + "}\n" * 31) * 10,
    "nested and open": ("{\n" * 31 + "[]" * 20_000 + "\n") * 10,
    "quotes": "{" + '"' * SIZE,
    "backslashes": '{"' + "\\" * SIZE,
    "bad lines": "{'a': 1}\n" * (SIZE // 9),
    "broken around good": "{ x\n" + '{"decision_id": 1}\n' * (SIZE // 19) + "}",
    "spaces": " " * SIZE,
    "quote marks": "> " * (SIZE // 2),
    "fences": "`" * SIZE,
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_text_takes_time_in_proportion_to_its_length(kind: str) -> None:
    began = time.process_time()
    for end in (END, ""):
        assert read(f"{START}\n{HOSTILE[kind]}\n{end}", NONCE).authentic == 1
    assert time.process_time() - began < 15  # a quadratic reader takes minutes


@pytest.mark.parametrize(
    "line",
    [
        " " * SIZE + "AUTONOMOUS_DECISIONS_STAR",
        "> " * SIZE + "AUTONOMOUS_DECISIONS_STARTx",
        "1." * SIZE + START[:-1],
        "AUTONOMOUS_DECISIONS_START " * (SIZE // 20),
        START + " " * SIZE + "x",
        "AUTONOMOUS_DECISIONS_START\n" * (SIZE // 20),
        NONCE * SIZE,
        f"{START} x " * (SIZE // 20),
        f"{START[:-1]}-" * (SIZE // 20),
    ],
)
def test_hostile_marker_lines_are_cheap_too(line: str) -> None:
    began = time.process_time()
    assert read(line, NONCE).authentic == 0
    assert time.process_time() - began < 15
