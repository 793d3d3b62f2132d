"""SARIF 2.1.0 log of findings and the rules behind them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from correctless.base.text import printable
from correctless.syntax.finding import Edit, Finding

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {"error": "error", "warning": "warning", "info": "note"}


def log(
    findings: Sequence[Finding], rules: Sequence[tuple[str, str, str, str]], version: str
) -> dict[str, Any]:
    """Return the log of one run; `rules` are id, severity, first line and Markdown text of each page."""
    used = {each.rule for each in findings}
    used_rules = [rule for rule in rules if rule[0] in used]
    index = {rule[0]: number for number, rule in enumerate(used_rules)}
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
            for name, severity, short, page in used_rules
        ],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(each, index) for each in findings],
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _result(finding: Finding, index: dict[str, int]) -> dict[str, Any]:
    from urllib.parse import quote

    uri = quote(finding.path.encode(errors="surrogateescape"))
    region: dict[str, Any] = {"startLine": finding.line, "startColumn": finding.column}
    if finding.end_line:
        region |= {"endLine": finding.end_line, "endColumn": finding.end_column}
    if finding.source:
        region["snippet"] = {"text": printable(finding.source)}
    return {
        "ruleId": finding.rule,
        "ruleIndex": index[finding.rule],
        "level": _LEVELS[finding.severity],
        "message": {"text": printable(finding.message)},
        "locations": [{"physicalLocation": {"artifactLocation": {"uri": uri}, "region": region}}],
        **({"fixes": [_fix(finding, uri)]} if finding.fix else {}),
    }


def _fix(finding: Finding, uri: str) -> dict[str, Any]:
    return {
        "description": {"text": printable(finding.message.rpartition(". ")[2])},
        "artifactChanges": [
            {"artifactLocation": {"uri": uri}, "replacements": [_replacement(edit) for edit in finding.fix]}
        ],
    }


def _replacement(edit: Edit) -> dict[str, Any]:
    # Offsets and not lines: an edit may span several, and may insert at the end of the file.
    return {
        "deletedRegion": {"charOffset": edit.start, "charLength": edit.end - edit.start},
        "insertedContent": {"text": edit.new},
    }
