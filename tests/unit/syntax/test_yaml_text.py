"""YAML read with places: what is kept, what is refused, and what is saved of a text that YAML refuses."""

from __future__ import annotations

import time
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from correctless.syntax import yaml_text
from correctless.syntax.yaml_nodes import MAX_DEPTH, MAX_NODES, Document, LineOffsets, Node, ambiguity
from correctless.syntax.yaml_text import read


def plain(node: Node | None) -> Any:
    """A node as plain values: pairs stay pairs, so that duplicates show."""
    if node is None or node.kind == yaml_text.SCALAR:
        return node and node.text
    if node.kind == yaml_text.ALIAS:
        return f"*{node.text}"
    if node.kind == yaml_text.LIST:
        return [plain(item) for item in node.items]
    return [(plain(key), plain(value)) for key, value in node.pairs]


def places(document: Document) -> list[tuple[int, int, str]]:
    return [(problem.line, problem.column, problem.rule) for problem in document.problems]


def healed(text: str) -> str:
    for edit in reversed(read(text, "f").edits):
        text = text[: edit.start] + edit.new + text[edit.end :]
    return text


def test_values_carry_their_place_and_span() -> None:
    text = "name: 'a b'\nlist:\n  - one\n  - {k: \"v\"}\n"
    root = read(text, "f").root
    assert root is not None
    name = root.get("name")
    assert name is not None
    assert (name.line, name.column, name.style, text[name.start : name.end]) == (1, 7, "'", "'a b'")
    items = root.get("list")
    assert items is not None
    inner = items.items[1].get("k")
    assert inner is not None
    assert (inner.line, inner.column, inner.text) == (4, 9, "v")


def test_places_count_from_the_start_of_the_file() -> None:
    text = "---\nname: a\n---\nbody"
    root = read(text, "f", start=4, end=12).root
    assert root is not None
    assert [(key.line, key.column, key.start) for key, _ in root.pairs] == [(2, 1, 4)]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_line_end_counts_once(end: str) -> None:
    root = read(f"a: 1{end}b: |{end}  x{end}  y{end}c: 3{end}", "f").root
    assert root is not None
    assert [(key.text, key.line, key.column) for key, _ in root.pairs] == [
        ("a", 1, 1),
        ("b", 2, 1),
        ("c", 5, 1),
    ]


@pytest.mark.parametrize("odd", ["\x85", "\u2028", "\u2029"])
def test_line_ends_that_only_yaml_1_1_knows_do_not_shift_places(odd: str) -> None:
    root = read(f"a: x{odd}y\nb: 2\n", "f").root
    assert root is not None
    assert [(key.text, key.line) for key, _ in root.pairs] == [("a", 1), ("b", 2)]


@settings(deadline=None)
@given(st.text(alphabet="ab\n\r", max_size=60), st.lists(st.integers(0, 60), max_size=8))
def test_an_offset_and_its_place_are_one(text: str, offsets: list[int]) -> None:
    lines = LineOffsets(text)
    for offset in offsets:
        if (
            offset <= len(text) and text[offset - 1 : offset + 1] != "\r\n"
        ):  # nothing starts inside of a line end
            before = text[:offset].replace("\r\n", "\r").replace("\n", "\r").split("\r")
            assert lines.place(offset) == (len(before), len(before[-1]) + 1)


def test_a_duplicate_key_is_seen_and_the_last_one_counts() -> None:
    document = read("a: 1\nb: {c: 1, c: 2}\na: 3\n", "f")
    assert places(document) == [(2, 11, "duplicate-key"), (3, 1, "duplicate-key")]
    assert document.root is not None
    assert plain(document.root.get("a")) == "3"


@pytest.mark.parametrize(
    "text", ["on", "Yes", "off", "012", "-017", "10:30", "1:2:3.5", "0b1", "0o14", "1_000", "1e3", "08", "<<"]
)
def test_a_plain_scalar_that_two_yamls_read_differently_is_flagged(text: str) -> None:
    assert places(read(f"a: {text}\n", "f")) == [(1, 4, "yaml-scalar")]
    assert places(read(f"a: '{text}'\n", "f")) == []


@pytest.mark.parametrize(
    "text",
    [
        "true",
        "no one",
        "1",
        "0",
        "-5",
        "+5",
        "1.10",
        "007",
        "00",
        "2026-01-01",
        "0x1F",
        "~",
        "",
        ".5",
        "-",
        ".",
        "y",
        "1.5.2",
        "v012",
    ],
)
def test_a_plain_scalar_that_both_read_alike_is_not(text: str) -> None:
    assert ambiguity(text) is None


@settings(deadline=None)
@given(st.from_regex(r"[-+]?[0-9a-fox_.:]{1,7}", fullmatch=True))
def test_no_flag_means_that_pyyaml_and_the_core_schema_agree_on_numbers(text: str) -> None:
    try:
        old = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError):
        return
    if ambiguity(text) is None and isinstance(old, int) and not isinstance(old, bool):
        assert int(text, 16 if "x" in text else 10) == old


def test_an_alias_is_named_and_never_expanded() -> None:
    text = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    )
    document = read(text, "f")
    assert [rule for _, _, rule in places(document)] == ["yaml-alias"] * 8
    assert document.root is not None
    assert plain(document.root.get("i")) == ["*h"] * 9


def test_an_alias_to_itself_ends() -> None:
    assert plain(read("a: &a [*a]\n", "f").root) == [("a", ["*a"])]


@pytest.mark.parametrize("nest", ["[", "{", "- ", "? ", "[a, "])
def test_nesting_that_would_take_the_process_down_is_refused(nest: str) -> None:
    document = read(nest * 100_000, "f")
    assert document.problems[0].message.startswith(f"nested deeper than {MAX_DEPTH}")
    assert not document.edits


def test_the_deepest_allowed_nesting_is_read() -> None:
    assert not read("[" * MAX_DEPTH + "]" * MAX_DEPTH, "f").problems


def test_more_values_than_allowed_are_refused() -> None:
    assert "values" in read("a: [" + "x," * (MAX_NODES + 1) + "]\n", "f").problems[0].message


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("description: Use: when x\n  - b\n", "Use: when x - b"),
        ("description: Use: when x\n  and more: of it\n", "Use: when x and more: of it"),
        ("description: a: b\n  # a comment\nother: 1\n", "a: b"),
        ("description: a: b\nmetadata:\n  x: c: d\n  y: 1\n", "a: b"),
    ],
)
def test_quotes_go_round_a_whole_value_and_change_none_of_its_words(text: str, means: str) -> None:
    edits = [edit for problem in read(text, "f").problems for edit in problem.fix]
    for edit in sorted(edits, key=lambda edit: edit.start, reverse=True):
        text = text[: edit.start] + edit.new + text[edit.end :]
    assert yaml.safe_load(text)["description"] == means
    assert not read(text, "f").problems


@pytest.mark.parametrize(
    ("text", "place", "saved", "edited"),
    [
        ("d: Audit. Presets: QA, UX\nn: x", (1, 18), [("d", "Audit. Presets: QA, UX"), ("n", "x")], 'd: "Audit. Presets: QA, UX"\nn: x'),
        ("d: a \"b\": c\nn: x", (1, 9), [("d", 'a "b": c'), ("n", "x")], "d: 'a \"b\": c'\nn: x"),
        ("d: first\n  second: third\nn: x", (2, 9), [("d", "first second: third"), ("n", "x")], 'd: "first\n  second: third"\nn: x'),
        ("d: x: y # note\nn: x", (1, 5), [("d", "x: y"), ("n", "x")], 'd: "x: y" # note\nn: x'),
        ("d: @x\nn: x", (1, 4), [("d", "@x"), ("n", "x")], 'd: "@x"\nn: x'),
        ("d: `x`: y\nn: x", (1, 4), [("d", "`x`: y"), ("n", "x")], 'd: "`x`: y"\nn: x'),
        ("d: *.py\nn: x", (1, 5), [("d", "*.py"), ("n", "x")], 'd: "*.py"\nn: x'),
        ("d: *nothing\nn: x", (1, 4), [("d", "*nothing"), ("n", "x")], 'd: "*nothing"\nn: x'),
        ("d: 'it's'\nn: x", (1, 8), [("d", "it's"), ("n", "x")], 'd: "it\'s"\nn: x'),
        ("d: \"a\" and \"b\"\nn: x", (1, 8), [("d", '"a" and "b"'), ("n", "x")], "d: '\"a\" and \"b\"'\nn: x"),
        ("d: \"\\d+\"\nn: x", (1, 5), [("d", "\\d+"), ("n", "x")], "d: '\\d+'\nn: x"),
        ("d: \"open\nn: x", (1, 4), [("d", "open"), ("n", "x")], 'd: "open"\nn: x'),
        ("d: [a] [b]\nn: x", (1, 8), [("d", "[a] [b]"), ("n", "x")], 'd: "[a] [b]"\nn: x'),
        ("d: [a\nn: x", (1, 4), [("d", "[a"), ("n", "x")], 'd: "[a"\nn: x'),
        ("m:\n  a: b: c\n  d: e\nn: x", (2, 7), [("m", [("a", "b: c"), ("d", "e")]), ("n", "x")], 'm:\n  a: "b: c"\n  d: e\nn: x'),
        ("m:\n  - a: b: c\nn: x", (2, 9), [("m", [[("a", "b: c")]]), ("n", "x")], 'm:\n  - a: "b: c"\nn: x'),
        ("k: >\n  f: t\n\n  m\nd: x: y\n", (5, 5), [("k", "f: t\nm\n"), ("d", "x: y")], 'k: >\n  f: t\n\n  m\nd: "x: y"\n'),
    ],
)  # fmt: skip
def test_a_value_without_its_quotes_is_placed_saved_and_healed(
    text: str, place: tuple[int, int], saved: list[Any], edited: str
) -> None:
    document = read(text, "f")
    assert places(document) == [(*place, "yaml-syntax")]
    assert document.recovered
    assert plain(document.root) == saved
    assert healed(text) == edited
    assert not read(edited, "f").problems
    again = plain(read(edited, "f").root)
    assert str(again).split() == str(saved).split()  # a folded text keeps its words


@pytest.mark.parametrize(
    ("text", "place", "saved"),
    [
        ("a: b\nstray\nn: x", (2, 1), [("a", "b\nstray"), ("n", "x")]),
        ("stray line\nn: x", (1, 1), [("n", "x")]),
        ("a: |\n  x\n y\nn: x", (3, 2), [("a", "x\ny"), ("n", "x")]),
        ("m:\n\tk: v\nn: x", (2, 1), [("m", ""), ("n", "x")]),
        ("a: b\n---\nn: x", (2, 1), [("a", "b\n---"), ("n", "x")]),
    ],
)
def test_what_quotes_do_not_heal_is_placed_and_the_other_keys_are_read(
    text: str, place: tuple[int, int], saved: list[Any]
) -> None:
    document = read(text, "f")
    assert places(document) == [(*place, "yaml-syntax")]
    assert plain(document.root) == saved
    assert not document.edits


def test_every_faulty_value_is_reported_together() -> None:
    document = read("a: b: c\nd: e\nf: @g\nh: on\n", "f")
    assert places(document) == [(1, 5, "yaml-syntax"), (3, 4, "yaml-syntax"), (4, 4, "yaml-scalar")]
    assert healed("a: b: c\nd: e\nf: @g\n") == 'a: "b: c"\nd: e\nf: "@g"\n'


def test_a_text_with_endless_faults_ends_soon() -> None:
    start = time.monotonic()
    document = read("a: b: c\n" * 5_000, "f")
    assert len(document.problems) <= 2 * 20
    assert time.monotonic() - start < 20


def test_no_text_and_only_comments_have_no_root() -> None:
    assert read("", "f") == Document(None)
    assert read("# words\n", "f") == Document(None)


PIECES = st.sampled_from(
    [*"ab:- \n\t'\"[]{}|>&*!%@`#?,\r\x85\0", "key: ", "\n  ", "---\n", "...\n", "!!x ", "&a ", "*a"]
)


@settings(deadline=None)
@given(st.one_of(st.text(), st.lists(PIECES, max_size=30).map("".join)))
def test_any_text_is_read_and_every_place_lies_inside_it(text: str) -> None:
    document = read(text, "f")
    lines = text.replace("\r\n", "\n").replace("\r", "\n").count("\n") + 1
    assert all(1 <= problem.line <= lines for problem in document.problems)
    assert all(0 <= edit.start <= edit.end <= len(text) for edit in document.edits)


@settings(deadline=None)
@given(st.lists(PIECES, max_size=30).map("".join))
def test_what_pyyaml_loads_has_the_same_keys_here(text: str) -> None:
    try:
        theirs = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, TypeError):
        return
    document = read(text, "f")
    if isinstance(theirs, dict) and not document.problems and "\x85" not in text:
        assert document.root is not None
        assert len(theirs) == len(document.root.pairs)
