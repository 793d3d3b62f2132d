"""One file in, what the rules find in it out, as plain values that a cache and a pipe can hold."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

from correctless.finding import Edit, Finding
from correctless.subject import CLASSES, Facts, MarkdownSubject

TYPE_CHECKING = False  # typing costs 2 ms to import
if TYPE_CHECKING:
    from typing import Any

    from correctless.lint.settings import Levels, Settings

IGNORE = "ignore"
_SHOWN = 400  # characters of a source line that are kept


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found in one file: `asked` are the questions about its neighbours that it depends on.

    `suppressions` are rule, last day and where it stands.
    """

    findings: tuple[Finding, ...] = ()
    suppressions: tuple[tuple[str, str, Finding], ...] = ()
    asked: tuple[tuple[tuple[str, str], str], ...] = ()


def check(path: str, kind: str, data: bytes, settings: Settings, levels: Levels) -> Checked:
    """Run the rules over the bytes of one file; findings of severity info are among them, where their rules were run."""
    from correctless import rules  # here: a run that knows each file already needs none of them

    folder, name = os.path.split(path)
    facts = Facts(folder)
    parent = os.path.basename(os.path.abspath(folder))
    subject = CLASSES[kind](kind, name, parent, data, facts, settings.dialect, settings.adopted)
    given = dict(levels)
    chosen = (r for r in rules.RULES if _runs(given.get(r.ID, r.SEVERITY), pedantic=settings.pedantic))
    findings = rules.run(subject, chosen)
    found = tuple(_sourced(each, given.get(each.rule), subject.text_of(each.line)) for each in findings)
    suppressed: tuple[tuple[str, str, Finding], ...] = ()
    if isinstance(subject, MarkdownSubject):
        read = rules.suppression.suppressions(subject)
        suppressed = tuple((each.rule, each.until, each.finding) for each in read)
    return Checked(found, suppressed, tuple(facts.asked.items()))


def _runs(level: str, *, pedantic: bool) -> bool:
    return level != IGNORE and (pedantic or level != "info")


def _sourced(found: Finding, level: str | None, line: str) -> Finding:
    return replace(found, severity=level or found.severity, source=line[:_SHOWN])


def plain(checked: Checked) -> tuple[Any, ...]:
    """As tuples, texts and numbers."""
    return (
        tuple(_plain(each) for each in checked.findings),
        tuple((rule, until, _plain(at)) for rule, until, at in checked.suppressions),
        checked.asked,
    )


def of_plain(values: tuple[Any, ...]) -> Checked:
    """What `plain` was made of; `ValueError` or `TypeError` when it is none."""
    findings, suppressions, asked = values
    if not findings and not suppressions:
        return Checked(asked=asked)
    return Checked(
        tuple(_finding(each) for each in findings),
        tuple((rule, until, _finding(at)) for rule, until, at in suppressions),
        asked,
    )


def _plain(f: Finding) -> tuple[Any, ...]:
    fix = tuple((edit.start, edit.end, edit.new) for edit in f.fix)
    return f.line, f.column, f.rule, f.message, f.severity, f.end_line, f.end_column, fix, f.source


def _finding(values: tuple[Any, ...]) -> Finding:
    line, column, rule, message, severity, end_line, end_column, fix, source = values
    edits = tuple(Edit(*each) for each in fix)
    return Finding("", line, column, rule, message, severity, end_line, end_column, edits, source)
