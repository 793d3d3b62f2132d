"""How a finding is spelled."""

from __future__ import annotations

import pytest

from correctless.finding import Finding, as_json, as_text, printable


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
