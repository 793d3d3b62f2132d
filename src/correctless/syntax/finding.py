"""One problem at one position in a file, as a line of text, a JSON object or an annotation."""

from __future__ import annotations

from correctless.base.named import NamedTuple
from correctless.base.text import printable

TYPE_CHECKING = False  # typing costs 7 ms to import
if TYPE_CHECKING:
    from typing import Any

SEVERITIES = ("error", "warning", "info")
_WIDEST = 120  # characters of a source line that are shown


class Edit(NamedTuple):
    """Replace `text[start:end]` of the whole text by `new`."""

    start: int
    end: int
    new: str


class Finding(NamedTuple):
    """A problem: `line` and `column` count from 1, in characters; the message is one line, "what is wrong. what to write".

    `end_line` and `end_column` are behind its last character, 0 when only the start is known. `fix` are edits that
    repair it, to be applied all or none. `source` is the text of the line, "" when unknown.
    """

    path: str
    line: int
    column: int
    rule: str
    message: str
    severity: str = "error"
    end_line: int = 0
    end_column: int = 0
    fix: tuple[Edit, ...] = ()
    source: str = ""


def as_text(finding: Finding) -> str:
    """Return `path:line:column: message [rule]`; the severity is before the message unless it is an error.

    Paths and messages quote what a repository supplied, so what could control a terminal is escaped here.
    """
    severity = "" if finding.severity == "error" else f"{finding.severity}: "
    place = f"{printable(finding.path)}:{finding.line}:{finding.column}"
    return f"{place}: {severity}{printable(finding.message)} [{finding.rule}]"


def with_source(finding: Finding) -> str:
    """Return the line of `as_text`, and below it the source line with a caret under the place."""
    if not finding.source:
        return as_text(finding)
    at = finding.column - 1
    start = max(0, at - _WIDEST // 2) if len(finding.source) > _WIDEST else 0
    excerpt = finding.source[start : start + _WIDEST]
    end = finding.end_column - 1 if finding.end_line == finding.line else len(finding.source)
    span = excerpt[at - start : max(end, at + 1) - start] if finding.end_line else ""
    width = len if excerpt.isascii() and excerpt.isprintable() else _columns
    mark = " " * width(excerpt[: at - start]) + "^" + "~" * (width(span) - 1)
    number = str(finding.line)
    return f"{as_text(finding)}\n  {number} | {printable(excerpt)}\n  {' ' * len(number)} | {mark}"


def as_json(finding: Finding) -> dict[str, Any]:
    """Return the finding as a JSON object; the offsets of `fix` count characters of the text without its BOM."""
    values = finding._asdict() | {"fix": [edit._asdict() for edit in finding.fix]}
    del values["source"]
    return values


def as_github(finding: Finding) -> str:
    """Return the finding as a workflow command that GitHub shows beside the line."""
    level = {"error": "error", "warning": "warning"}.get(finding.severity, "notice")
    place = f"file={_property(finding.path)},line={finding.line},col={finding.column}"
    if finding.end_line:
        place += f",endLine={finding.end_line}"
        if finding.end_line == finding.line:  # GitHub drops columns of more than one line
            place += f",endColumn={finding.end_column}"
    return f"::{level} {place},title={_property(finding.rule)}::{_data(printable(finding.message))}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _columns(text: str) -> int:
    """Return how many columns of a terminal the printable text takes."""
    text = printable(text)
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width

    return sum(0 if combining(c) else 2 if east_asian_width(c) in "WF" else 1 for c in text)
