"""Decoding of a contract's bytes, and everything in them that is refused; nothing is normalised."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

from correctless.base.text import hidden
from correctless.syntax.finding import Finding

LARGEST = 256 * 1024  # bytes
LONGEST = 4000  # characters of a line
RULE = "contract-text"
_MOST = 50  # findings about characters: a file of another kind is one problem


def text_of(data: bytes, path: str) -> tuple[str, tuple[Finding, ...]]:
    """The text, and what is wrong with it. Where it is no text at all, "" and why."""
    if len(data) > LARGEST:
        return "", (Finding(path, 1, 1, RULE, f"{len(data)} bytes. write at most {LARGEST}"),)
    if data.startswith(b"\xef\xbb\xbf"):
        found = Finding(path, 1, 1, RULE, "a byte order mark. save the file without one")
        return "", (found,)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8")
        line, column = place(before, len(before))
        return "", (Finding(path, line, column, RULE, "not UTF-8. save the file as UTF-8"),)
    findings = tuple(_faults(text, path))
    return text, findings[:_MOST]


def place(text: str, offset: int) -> tuple[int, int]:
    """Line and column of a character, from 1."""
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


def _faults(text: str, path: str) -> Iterator[Finding]:
    if not text.endswith("\n"):
        yield Finding(path, *place(text, len(text)), RULE, "the last line has no newline. end it with one")
    for number, line in enumerate(text.split("\n"), 1):
        if len(line) > LONGEST:
            yield Finding(
                path,
                number,
                LONGEST + 1,
                RULE,
                f"a line of {len(line)} characters. write at most {LONGEST}",
            )
        if line.isascii() and line.isprintable():
            continue
        for column, char in enumerate(line, 1):
            if char != "\t" and hidden(char) is not None:
                yield Finding(path, number, column, RULE, f"{_named(char)}. remove it")
        if not unicodedata.is_normalized("NFC", line):
            yield Finding(
                path,
                number,
                _denormal(line),
                RULE,
                "not in Unicode's form NFC. write the composed characters",
            )


def _named(char: str) -> str:
    if char == "\r":
        return "a carriage return"
    if char == "\0":
        return "a NUL"
    return f"a hidden character U+{ord(char):04X}"


def _denormal(line: str) -> int:
    """The column behind which the line is no longer what NFC makes of it."""
    for column, (char, other) in enumerate(zip(line, unicodedata.normalize("NFC", line), strict=False), 1):
        if char != other:
            return column
    return 1
