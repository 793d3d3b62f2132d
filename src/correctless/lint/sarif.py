"""SARIF 2.1.0 log of findings and the rules behind them."""

from __future__ import annotations

from collections.abc import Sequence

from correctless.base.text import printable
from correctless.syntax.finding import Edit, Finding

TYPE_CHECKING = False  # typing costs 2 ms to import
if TYPE_CHECKING:
    from typing import Any

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {"error": "error", "warning": "warning", "info": "note"}


def log(
    findings: Sequence[Finding], rules: Sequence[tuple[str, str, str, str]], version: str
) -> dict[str, Any]:
    """The log of one run; `rules` are id, severity, the first line of the page, and the whole page in Markdown."""
    used = {each.rule for each in findings}
    shown = [rule for rule in rules if rule[0] in used]
    index = {rule[0]: number for number, rule in enumerate(shown)}
    driver = {
        "name": "correctless",
        "semanticVersion": version,
        "rules": [
            {
                "id": name,
                "shortDescription": {"text": short},
                "help": {"text": page, "markdown": page},
                "defaultConfiguration": {"level": _LEVELS[severity]},
            }
            for name, severity, short, page in shown
        ],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(each, index) for each in findings],
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _result(found: Finding, index: dict[str, int]) -> dict[str, Any]:
    from urllib.parse import quote

    uri = quote(found.path.encode(errors="surrogateescape"))
    region: dict[str, Any] = {"startLine": found.line, "startColumn": found.column}
    if found.end_line:
        region |= {"endLine": found.end_line, "endColumn": found.end_column}
    if found.source:
        region["snippet"] = {"text": printable(found.source)}
    return {
        "ruleId": found.rule,
        "ruleIndex": index[found.rule],
        "level": _LEVELS[found.severity],
        "message": {"text": printable(found.message)},
        "locations": [{"physicalLocation": {"artifactLocation": {"uri": uri}, "region": region}}],
        **({"fixes": [_fix(found, uri)]} if found.fix else {}),
    }


def _fix(found: Finding, uri: str) -> dict[str, Any]:
    return {
        "description": {"text": printable(found.message.rpartition(". ")[2])},
        "artifactChanges": [
            {"artifactLocation": {"uri": uri}, "replacements": [_replacement(edit) for edit in found.fix]}
        ],
    }


def _replacement(edit: Edit) -> dict[str, Any]:
    # Offsets and not lines: an edit may span several, and may insert at the end of the file.
    return {
        "deletedRegion": {"charOffset": edit.start, "charLength": edit.end - edit.start},
        "insertedContent": {"text": edit.new},
    }
