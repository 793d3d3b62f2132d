"""One problem at one place in a file: a finding in, its line of text or its JSON object out."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

SEVERITIES = ("error", "warning", "info")


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem: `line` and `column` count from 1, in characters; the message is one line, "what is wrong. what to write"."""

    path: str
    line: int
    column: int
    rule: str
    message: str
    severity: str = "error"


def as_text(finding: Finding) -> str:
    """`path:line:column: message [rule]` on one line, with a word before the message when it is no error.

    Paths and messages quote what a repository supplied, so whatever could steer a terminal is escaped here.
    """
    word = "" if finding.severity == "error" else f"{finding.severity}: "
    place = f"{printable(finding.path)}:{finding.line}:{finding.column}"
    return f"{place}: {word}{printable(finding.message)} [{finding.rule}]"


def as_json(finding: Finding) -> dict[str, Any]:
    """The finding as a JSON object, keys in the order of its fields."""
    return asdict(finding)


def printable(text: str) -> str:
    """`text` with line ends, control, bidirectional, invisible and lone surrogate characters written as escapes."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else _escape(ord(c)) for c in text)


def _escape(code: int) -> str:
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
