"""Suppressions of findings in a file; one that suppresses nothing is itself a finding."""

from __future__ import annotations

from correctless.lint import rules
from correctless.lint.check import CheckedFile, is_run
from correctless.lint.rules.linter import suppression
from correctless.lint.settings import Settings
from correctless.syntax.finding import Finding

TYPE_CHECKING = False  # `Rule` is defined for type checkers alone
if TYPE_CHECKING:
    from correctless.lint.rules import Rule


def apply(checked: CheckedFile, settings: Settings, path: str, today: str) -> list[Finding]:
    """Return the findings that are not suppressed, and those about the suppressions on the day `today`."""
    faults = []
    levels, known, silent = dict(settings.levels(path)), _known(), set()
    reported = {each.rule for each in checked.findings}
    for rule, until, at in checked.suppressions:
        if rule not in known:
            faults.append(_fault(at, f"unknown rule '{rule}'. see correctless rules", "error"))
        elif until and until < today:
            faults.append(
                _fault(at, f"this suppression of '{rule}' has expired on {until}. fix it, or renew the date")
            )
        elif rule in reported:
            silent.add(rule)
        elif is_run(known[rule], levels, settings.pedantic):
            faults.append(_fault(at, f"rule '{rule}' finds nothing in this file. delete this suppression"))
    return [each for each in checked.findings if each.rule not in silent] + faults


def _known() -> dict[str, Rule]:
    # Without `suppression` and `unreadable`: to suppress one of them would hide that nothing is checked.
    return {rule.ID: rule for rule in rules.RULES if rule.READS and rule.ID != suppression.ID}


def _fault(at: Finding, message: str, severity: str = suppression.SEVERITY) -> Finding:
    return at._replace(rule=suppression.ID, message=message, severity=severity)
