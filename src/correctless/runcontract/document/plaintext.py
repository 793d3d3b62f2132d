"""Text of a contract's bytes, with the faults of its characters; nothing is normalised."""

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
    """Return the text and its faults; "" and the reason where it is not text."""
    if len(data) > LARGEST:
        return "", (Finding(path, 1, 1, RULE, f"{len(data)} bytes. write at most {LARGEST}"),)
    if data.startswith(b"\xef\xbb\xbf"):
        return "", (Finding(path, 1, 1, RULE, "a byte order mark. save the file without one"),)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8")
        line, column = position(before, len(before))
        return "", (Finding(path, line, column, RULE, "not UTF-8. save the file as UTF-8"),)
    findings = tuple(_faults(text, path))
    return text, findings[:_MOST]


def position(text: str, offset: int) -> tuple[int, int]:
    """Return line and column of a character, from 1."""
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


def _faults(text: str, path: str) -> Iterator[Finding]:
    if not text.endswith("\n"):
        yield Finding(path, *position(text, len(text)), RULE, "the last line has no newline. end it with one")
    for number, line in enumerate(text.split("\n"), 1):
        if len(line) > LONGEST:
            message = f"a line of {len(line)} characters. write at most {LONGEST}"
            yield Finding(path, number, LONGEST + 1, RULE, message)
        if line.isascii() and line.isprintable():
            continue
        for column, char in enumerate(line, 1):
            if char != "\t" and hidden(char) is not None:
                yield Finding(path, number, column, RULE, f"{_named(char)}. remove it")
        if not unicodedata.is_normalized("NFC", line):
            message = "not in Unicode's form NFC. write the composed characters"
            yield Finding(path, number, _denormal(line), RULE, message)


def _named(char: str) -> str:
    if char == "\r":
        return "a carriage return"
    if char == "\0":
        return "a NUL"
    return f"a hidden character U+{ord(char):04X}"


def _denormal(line: str) -> int:
    """Return the first column at which the line differs from its form NFC."""
    for column, (char, other) in enumerate(zip(line, unicodedata.normalize("NFC", line), strict=False), 1):
        if char != other:
            return column
    return 1
