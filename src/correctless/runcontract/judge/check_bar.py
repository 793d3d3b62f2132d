"""Clauses about failing checks, of a head commit and its base."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from correctless.github.facts import Check, Fact, Known, PullFacts, Status, Unknown
from correctless.runcontract.document.sections import Bar
from correctless.runcontract.judge.newest_checks import PassRule, failing, sources
from correctless.runcontract.ledger.clause import Clause, of_merge
from correctless.runcontract.ledger.records import Waiver

_SKEW = timedelta(seconds=30)  # the host's clock against ours


def required(bar: Bar, facts: PullFacts, waivers: Sequence[Waiver], now: datetime) -> Iterator[Clause]:
    """Yield a clause for each required check that is missing, not passed, or ambiguous."""
    rule = _rule(bar, now)
    for name in bar.required_checks:
        needed = f"check '{name}' with SUCCESS, from one place"
        if isinstance(facts.checks, Unknown) or isinstance(facts.statuses, Unknown):
            yield of_merge("check", _unknown(facts.checks, facts.statuses), needed)
            continue
        checks = tuple(c for c in facts.checks.value if _means(name, c))
        statuses = tuple(s for s in facts.statuses.value if _means(name, s))
        if not checks and not statuses:
            yield of_merge("check", "no such check", needed)
        elif len(named := sources(checks, statuses)) > 1:
            # Any workflow of the pull request may use this name for a job: it is unclear which one is meant.
            yield of_merge("check", f"from several places: {', '.join(named)}", needed)
        else:
            bad = "; ".join(failing(checks, statuses, rule, required=True))
            if bad and not _waived(name, facts, waivers, now):
                yield of_merge("check", bad, needed)


def others(bar: Bar, facts: PullFacts, now: datetime) -> Iterator[Clause]:
    """Yield a clause for each other check that fails or is pending."""
    needed = "no other check failing or pending"
    if isinstance(facts.checks, Unknown) or isinstance(facts.statuses, Unknown):
        yield of_merge("other_check", _unknown(facts.checks, facts.statuses), needed)
        return
    names = bar.required_checks
    checks = tuple(c for c in facts.checks.value if not any(_means(name, c) for name in names))
    statuses = tuple(s for s in facts.statuses.value if not any(_means(name, s) for name in names))
    for fault in failing(checks, statuses, _rule(bar, now), required=False):
        yield of_merge("other_check", fault, needed)


def base(bar: Bar, facts: PullFacts, now: datetime) -> Iterator[Clause]:
    """Yield a clause for each check of the base branch that is not green."""
    needed = "the base branch's own checks green"
    if isinstance(facts.base_checks, Unknown) or isinstance(facts.base_statuses, Unknown):
        yield of_merge("base_green", _unknown(facts.base_checks, facts.base_statuses), needed)
    elif bar.serialize_on_green_base:
        checks, statuses = facts.base_checks.value, facts.base_statuses.value
        # Right after a merge no check has begun: that is not green either.
        if "SUCCESS" not in (*(c.conclusion for c in checks), *(s.state for s in statuses)):
            yield of_merge("base_green", "no check of it has passed", needed)
        for fault in failing(checks, statuses, _rule(bar, now), required=False):
            yield of_merge("base_green", fault, needed)


def _rule(bar: Bar, now: datetime) -> PassRule:
    return PassRule(tuple(bar.check_ok), frozenset(bar.optional_skippable), now + _SKEW)


def _means(name: str, check: Check | Status) -> bool:
    """Whether a bar's `name` is this one: its own name, or `workflow / check`."""
    if isinstance(check, Status):
        return name == check.context
    return name in (check.name, f"{check.workflow} / {check.name}")


def _waived(name: str, facts: PullFacts, waivers: Sequence[Waiver], now: datetime) -> bool:
    """Whether all red runs of check `name` are red on the base as well, and a waiver names exactly these."""
    if not (
        isinstance(facts.checks, Known)
        and isinstance(facts.base_checks, Known)
        and isinstance(facts.head, Known)
        and isinstance(facts.base_sha, Known)
    ):
        return False
    rule = PassRule((), frozenset(), now + _SKEW)
    own = tuple(c for c in facts.checks.value if _means(name, c))
    of_base = tuple(c for c in facts.base_checks.value if _means(name, c))
    red, base_red = rule.newest_if_red(own), rule.newest_if_red(of_base)
    if not red or not base_red or sources(own, ()) != sources(of_base, ()):
        return False
    runs = {check.run for check in base_red}
    return any((w.check, w.head, {w.base_run}) == (name, facts.head.value, runs) for w in waivers)


def _unknown(*facts: Fact[tuple[Check, ...]] | Fact[tuple[Status, ...]]) -> str:
    return "unknown: " + "; ".join(dict.fromkeys(fact.why for fact in facts if isinstance(fact, Unknown)))
