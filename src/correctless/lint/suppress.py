"""Suppressions of findings in a file; one that suppresses nothing is itself a finding."""

from __future__ import annotations

from correctless.lint import rules
from correctless.lint.check import IGNORE, CheckedFile
from correctless.lint.rules.linter import suppression
from correctless.lint.settings import Settings
from correctless.syntax.finding import Finding


def apply(found: CheckedFile, settings: Settings, path: str, today: str) -> list[Finding]:
    """The findings that are not suppressed, and what is wrong with the suppressions on the day `today`."""
    faults = []
    known, met, silent = _known(), {each.rule for each in found.findings}, set()
    for rule, until, at in found.suppressions:
        if rule not in known:
            faults.append(_fault(at, f"unknown rule '{rule}'. see correctless rules", "error"))
        elif until and until < today:
            faults.append(
                _fault(at, f"this suppression of '{rule}' has expired on {until}. fix it, or renew the date")
            )
        elif rule in met:
            silent.add(rule)
        elif _was_run(rule, settings, path):
            faults.append(
                _fault(at, f"nothing in this file is a finding of '{rule}'. delete this suppression")
            )
    return [each for each in found.findings if each.rule not in silent] + faults


def _known() -> set[str]:
    # Whoever suppresses the rule about suppressions, or says that a file was read, hides that nothing is checked.
    return {rule.ID for rule in rules.RULES if rule.READS} - {suppression.ID}


def _was_run(rule: str, settings: Settings, path: str) -> bool:
    given = dict(settings.levels(path))
    usual = next(each.SEVERITY for each in rules.RULES if rule == each.ID)
    level = given.get(rule, usual)
    return level != IGNORE and (settings.pedantic or level != "info")


def _fault(at: Finding, message: str, severity: str = suppression.SEVERITY) -> Finding:
    return at._replace(rule=suppression.ID, message=message, severity=severity)
