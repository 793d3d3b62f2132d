"""How a finding is spelled."""

from __future__ import annotations

import pytest

from correctless.base.text import printable
from correctless.syntax.finding import Edit, Finding, as_github, as_json, as_text, with_source


def test_text_is_place_message_and_rule_on_one_line() -> None:
    found = Finding("skills/a/SKILL.md", 3, 7, "default-entry", "AD-001 names no default. write one")
    assert as_text(found) == "skills/a/SKILL.md:3:7: AD-001 names no default. write one [default-entry]"


def test_what_is_no_error_says_so() -> None:
    assert as_text(Finding("a", 1, 1, "encoding", "CRLF", "info")) == "a:1:1: info: CRLF [encoding]"


def test_json_keeps_the_order_of_the_fields() -> None:
    found = as_json(Finding("a", 1, 2, "r", "m"))
    assert list(found.items()) == [
        ("path", "a"),
        ("line", 1),
        ("column", 2),
        ("rule", "r"),
        ("message", "m"),
        ("severity", "error"),
        ("end_line", 0),
        ("end_column", 0),
        ("fix", []),
    ]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J", "\\x1b[2J"),
        ("a\nb\r\0", "a\\x0ab\\x0d\\x00"),
        ("\x9b31m", "\\x9b31m"),
        ("\u202egpj.exe", "\\u202egpj.exe"),
        ("\u2028\ufeff\udc80", "\\u2028\\ufeff\\udc80"),
        ("\U000e0041", "\\U000e0041"),
        ("plain — é 漢 😀", "plain — é 漢 😀"),
    ],
)
def test_what_could_steer_a_terminal_is_written_as_an_escape(text: str, shown: str) -> None:
    assert printable(text) == shown
    assert as_text(Finding(text, 1, 1, "r", text)) == f"{shown}:1:1: {shown} [r]"


@pytest.mark.parametrize(
    ("source", "column", "end", "marked"),
    [
        ("name: b: c", 8, 9, "  3 | name: b: c\n    |        ^"),
        ("name: b: c", 7, 11, "  3 | name: b: c\n    |       ^~~~"),
        ("\tname: x", 2, 6, "  3 | \\x09name: x\n    |     ^~~~"),  # the escape is as wide as it is shown
        ("漢字: x", 5, 6, "  3 | 漢字: x\n    |       ^"),
        ("x" * 500, 400, 402, f"  3 | {'x' * 120}\n    | {' ' * 60}^~"),
    ],
)
def test_a_caret_stands_below_the_place(source: str, column: int, end: int, marked: str) -> None:
    found = Finding("a", 3, column, "r", "m", end_line=3, end_column=end, source=source)
    assert with_source(found) == f"a:3:{column}: m [r]\n{marked}"


def test_a_place_whose_end_is_not_known_is_marked_by_a_caret_alone() -> None:
    assert with_source(Finding("a", 1, 2, "r", "m", source="abc")).endswith("| abc\n    |  ^")


def test_an_annotation_keeps_what_would_end_it_early() -> None:
    found = Finding("a,b:c%.md", 3, 7, "r", "50 %: x::y", "info", 3, 9)
    assert (
        as_github(found)
        == "::notice file=a%2Cb%3Ac%25.md,line=3,col=7,endLine=3,endColumn=9,title=r::50 %25: x::y"
    )


def test_json_holds_the_edits_of_a_fix() -> None:
    assert as_json(Finding("a", 1, 2, "r", "m", fix=(Edit(3, 4, "x"),)))["fix"] == [
        {"start": 3, "end": 4, "new": "x"}
    ]
