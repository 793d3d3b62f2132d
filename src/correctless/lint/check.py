"""Findings of all rules in one file, as plain values that a cache and a pipe can hold."""

from __future__ import annotations

import os
from functools import cache
from typing import NamedTuple

from correctless.lint.subject.subject import CLASSES, MarkdownSubject, NeighbourFacts
from correctless.syntax.finding import Edit, Finding

TYPE_CHECKING = False  # typing costs 2 ms to import
if TYPE_CHECKING:
    from typing import Any

    from correctless.lint.rules import Rule
    from correctless.lint.settings import Levels, Settings

IGNORE = "ignore"
_SHOWN = 400  # characters of a source line that are kept


class CheckedFile(NamedTuple):
    """What was found in one file: `asked` are the questions about its neighbours that it depends on.

    `suppressions` are rule, last day and where it stands.
    """

    findings: tuple[Finding, ...] = ()
    suppressions: tuple[tuple[str, str, Finding], ...] = ()
    asked: tuple[tuple[tuple[str, str], str], ...] = ()


def check(path: str, kind: str, data: bytes, settings: Settings, levels: Levels) -> CheckedFile:
    """Run the rules over the bytes of one file; what is only worth an info is left out where nobody asks for it.

    A suppression asks: whether it still has something to suppress does not depend on what is shown.
    """
    from correctless.lint import rules  # here: a run that knows each file already needs none of them

    folder, name = os.path.split(path)
    facts = NeighbourFacts(folder)
    parent = os.path.basename(os.path.abspath(folder))
    subject = CLASSES[kind](kind, name, parent, data, facts, settings.dialect, settings.adopted(path))
    found = rules.run(subject, _chosen(kind, levels, settings.pedantic))
    if levels and found:
        given = dict(levels)
        found = [each._replace(severity=given.get(each.rule, each.severity)) for each in found]
    suppressed: tuple[tuple[str, str, Finding], ...] = ()
    if isinstance(subject, MarkdownSubject):
        read = rules.suppression.suppressions(subject)
        suppressed = tuple((each.rule, each.until, each.finding) for each in read)
    if not settings.pedantic and not suppressed:
        found = [each for each in found if each.severity != "info"]
    sourced = tuple(each._replace(source=subject.text_of(each.line)[:_SHOWN]) for each in found)
    return CheckedFile(sourced, suppressed, tuple(facts.asked.items()))


@cache  # most files of a run share one answer, and there are dozens of rules
def _chosen(kind: str, levels: Levels, pedantic: bool) -> tuple[Rule, ...]:
    """The rules that are run over a file of a kind."""
    from correctless.lint import rules

    given = dict(levels)

    def runs(level: str) -> bool:
        return level != IGNORE and (pedantic or level != "info")

    return tuple(r for r in rules.reading(kind, rules.RULES) if runs(given.get(r.ID, r.SEVERITY)))


def plain(checked: CheckedFile) -> tuple[Any, ...]:
    """As tuples, texts and numbers."""
    return (
        tuple(_plain(each) for each in checked.findings),
        tuple((rule, until, _plain(at)) for rule, until, at in checked.suppressions),
        checked.asked,
    )


def of_plain(values: tuple[Any, ...]) -> CheckedFile:
    """What `plain` was made of; `ValueError` or `TypeError` when it is none."""
    findings, suppressions, asked = values
    if not findings and not suppressions:
        return CheckedFile(asked=asked)
    return CheckedFile(
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
