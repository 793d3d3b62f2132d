"""How often each rule speaks up over a corpus of real files, with examples, so that a reader can judge whether it is right."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from correctless.syntax.finding import SEVERITIES, Finding, with_source

EXAMPLES = 3


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of one severity over the corpus: findings, the files they stand in, and a few of them from all over it."""

    id: str
    severity: str
    findings: int
    files: int
    per_1000: float  # findings in each 1,000 files
    examples: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Precision:
    """All rules over the corpus, the most frequent first within a severity; `silent` found nothing."""

    files: int
    files_with_errors: int
    rules: tuple[Rule, ...]
    silent: tuple[str, ...]

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return asdict(self) | {
            "rules": [
                {**asdict(rule), "examples": [found._asdict() for found in rule.examples]}
                for rule in self.rules
            ]
        }


def measure(folder: str) -> Precision:
    """Lint the files of a folder as on a first run, what is only worth an info included."""
    from correctless.lint import run
    from correctless.lint.cache import Cache
    from correctless.lint.discover import discover
    from correctless.lint.rules import RULES
    from correctless.lint.settings import Settings

    targets = discover([folder]).targets
    workers = os.cpu_count() or 1
    settings = Settings(pedantic=True)
    report = run.files(targets, settings, Cache(None), today="2000-01-01", now_ns=0, workers=workers)
    findings = [each._replace(path=os.path.relpath(each.path, folder)) for each in report.findings]
    rules = {(each.rule, each.severity) for each in findings}
    return Precision(
        report.files,
        len({each.path for each in findings if each.severity == "error"}),
        tuple(
            sorted(
                (_rule(name, severity, findings, report.files) for name, severity in rules),
                key=lambda rule: (SEVERITIES.index(rule.severity), -rule.findings, rule.id),
            )
        ),
        tuple(sorted(rule.ID for rule in RULES if rule.READS and rule.ID not in {name for name, _ in rules})),
    )


def _rule(name: str, severity: str, findings: Iterable[Finding], files: int) -> Rule:
    own = [each for each in findings if (each.rule, each.severity) == (name, severity)]
    count = min(EXAMPLES, len(own))
    examples = tuple(own[number * len(own) // count] for number in range(count))
    return Rule(name, severity, len(own), len({each.path for each in own}), len(own) * 1000 / files, examples)


def text(found: Precision) -> str:
    """For people: a table, and below it the examples of each rule."""
    share = found.files_with_errors * 100 / found.files if found.files else 0
    lines = [
        f"{found.files:,} files, {found.files_with_errors:,} of them ({share:.1f} %) with an error",
        "",
        f"{'rule':<28}{'severity':<10}{'findings':>9}{'files':>7}{'per 1,000':>11}",
    ]
    lines += [
        f"{rule.id:<28}{rule.severity:<10}{rule.findings:>9,}{rule.files:>7,}{rule.per_1000:>11.1f}"
        for rule in found.rules
    ]
    lines += ["", f"silent: {', '.join(found.silent) or 'none'}"]
    for rule in found.rules:
        lines += ["", f"{rule.id}, {rule.severity}", *(with_source(each) for each in rule.examples)]
    return "\n".join(lines)
