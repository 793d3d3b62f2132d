"""Findings of all rules in one file, as plain values that a cache and a pipe can hold."""

from __future__ import annotations

import os

from correctless.base.named import NamedTuple
from correctless.lint.subject.neighbours import NeighbourFacts
from correctless.syntax.finding import Edit, Finding

TYPE_CHECKING = False  # typing costs 7 ms to import
if TYPE_CHECKING:
    from typing import Any

    from correctless.lint.rules import Rule
    from correctless.lint.settings import Levels, Settings
    from correctless.lint.subject.neighbours import NeighbourTree

_IGNORE = "ignore"
# Most files of a run have the same rules, and there are dozens.
_RULES_RUN: dict[tuple[str, Levels, bool], tuple[Rule, ...]] = {}
_MAX_SOURCE = 400  # characters of a source line that are stored


class CheckedFile(NamedTuple):
    """Result of one file; `lookups` are the facts about its neighbours that it depends on.

    `suppressions` are rule, last day and a finding at its place.
    """

    findings: tuple[Finding, ...] = ()
    suppressions: tuple[tuple[str, str, Finding], ...] = ()
    lookups: tuple[tuple[tuple[str, ...], str], ...] = ()


def check(
    path: str, kind: str, data: bytes, settings: Settings, levels: Levels, tree: NeighbourTree | None = None
) -> CheckedFile:
    """Run the rules over the bytes of one file; findings of severity info are left out unless they are needed.

    A suppression needs them: whether it suppresses something does not depend on what is reported.
    """
    # Here: a run with only cached results needs none of them.
    from correctless.lint import rules
    from correctless.lint.subject.subject import CLASSES, MarkdownSubject

    folder, name = os.path.split(path)
    facts = NeighbourFacts(folder, tree)
    adopted = settings.adopted(path)
    subject = CLASSES[kind](kind, name, folder_name(folder), data, facts, settings.dialect, adopted)
    findings = rules.run(subject, _rules_run(kind, levels, settings.pedantic))
    if levels and findings:
        by_rule = dict(levels)
        findings = [each._replace(severity=by_rule.get(each.rule, each.severity)) for each in findings]
    suppressed: tuple[tuple[str, str, Finding], ...] = ()
    if isinstance(subject, MarkdownSubject):
        read = rules.suppression.suppressions(subject)
        suppressed = tuple((each.rule, each.until, each.finding) for each in read)
    if not settings.pedantic and not suppressed:
        findings = [each for each in findings if each.severity != "info"]
    sourced = tuple(
        [Finding(*each[:-1], (each.source or subject.text_of(each.line))[:_MAX_SOURCE]) for each in findings]
    )
    return CheckedFile(sourced, suppressed, tuple(facts.lookups.items()))


def folder_name(folder: str) -> str:
    """Return the name of a folder, which may be written as `..` or as nothing."""
    name = folder.rpartition("/")[2]
    return name if name not in ("", ".", "..") else os.path.basename(os.path.abspath(folder))


def _rules_run(kind: str, levels: Levels, pedantic: bool) -> tuple[Rule, ...]:
    """Return the rules that are run over a file of a kind."""
    chosen = _RULES_RUN.get((kind, levels, pedantic))
    if chosen is None:
        from correctless.lint import rules

        chosen = tuple(r for r in rules.reading(kind, rules.RULES) if is_run(r, dict(levels), pedantic))
        _RULES_RUN[kind, levels, pedantic] = chosen
    return chosen


def is_run(rule: Rule, levels: dict[str, str], pedantic: bool) -> bool:
    """Return whether a rule is run with the levels of a file."""
    level = levels.get(rule.ID, rule.SEVERITY)
    return level != _IGNORE and (pedantic or level != "info")


def plain(checked: CheckedFile) -> tuple[Any, ...]:
    """Return a result as tuples, texts and numbers."""
    return (
        tuple(_plain(each) for each in checked.findings),
        tuple((rule, until, _plain(at)) for rule, until, at in checked.suppressions),
        checked.lookups,
    )


def of_plain(values: tuple[Any, ...], path: str) -> CheckedFile:
    """Return the result that `plain` was called with, its findings in the file `path`.

    Raises: ValueError or TypeError for other values.
    """
    findings, suppressions, lookups = values
    if not findings and not suppressions:
        return CheckedFile(lookups=lookups)
    return CheckedFile(
        tuple([_finding(each, path) for each in findings]),
        tuple([(rule, until, _finding(at, path)) for rule, until, at in suppressions]),
        lookups,
    )


def _plain(finding: Finding) -> tuple[Any, ...]:
    _, *values, fix, source = finding
    return (*values, tuple(map(tuple, fix)), source)


def _finding(values: tuple[Any, ...], path: str) -> Finding:
    finding = Finding(path, *values)
    return finding._replace(fix=tuple(Edit(*each) for each in finding.fix)) if finding.fix else finding
