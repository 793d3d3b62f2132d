"""The newest check run or status of each source for one commit, and the failing ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import NamedTuple

from correctless.github.facts import Check, Status

_SKIPPABLE = frozenset({"SKIPPED", "NEUTRAL"})
_PENDING = frozenset({"PENDING", "EXPECTED"})  # of a status
_RED = frozenset({"FAILURE", "TIMED_OUT", "STARTUP_FAILURE", "ACTION_REQUIRED"})


class PassRule(NamedTuple):
    """When a check counts as passed, besides SUCCESS."""

    ok: tuple[str, ...]  # conclusions that any check but a required one may have
    skippable: frozenset[str]  # checks that may be skipped, required ones too
    latest: datetime  # a run that began later is a fault

    def fault(self, check: Check, *, required: bool) -> str:
        """Return what is wrong with one run; "" when it passed."""
        if check.status != "COMPLETED":
            return f"'{check.name}' is {check.status}"
        if check.started is not None and (check.started.utcoffset() is None or check.started > self.latest):
            return f"'{check.name}' began at {check.started.isoformat()}, which is not a time in the past"
        if check.conclusion == "SUCCESS":
            return ""
        # A red run never passes, whatever a bar lists.
        listed = check.name in self.skippable or (not required and check.conclusion in self.ok)
        if check.conclusion in _SKIPPABLE and listed:
            return ""
        return f"'{check.name}' is {check.conclusion or 'without conclusion'}"

    def newest_if_red(self, checks: Iterable[Check]) -> tuple[Check, ...]:
        """Return the newest failing runs, when all are red; none when all pass, or one is pending or cancelled."""
        runs = tuple(c for c in newest(checks) if self.fault(c, required=True))
        return runs if all(c.status == "COMPLETED" and c.conclusion in _RED for c in runs) else ()


def newest(checks: Iterable[Check]) -> Iterator[Check]:
    """Yield the newest run of each check by name, app, workflow and event; all candidates where that is unclear."""
    groups: dict[tuple[str, str, str, str], list[Check]] = {}
    for check in checks:
        groups.setdefault((check.name, check.app, check.workflow, check.event), []).append(check)
    for runs in groups.values():
        runs = [run for run in runs if not _is_superseded(run, runs)]
        times = [run.started for run in runs if run.started is not None]
        if any(time.utcoffset() is None for time in times):
            yield from runs
            continue
        last = max(times, default=None)
        # A run that has not begun is newer than all that have, and a pending one is never outdated.
        yield from (r for r in runs if r.started in (None, last) or r.status != "COMPLETED")


def _is_superseded(run: Check, runs: Iterable[Check]) -> bool:
    """Return whether a run was cancelled and a later one took its place: what that one says is judged."""
    return run.conclusion == "CANCELLED" and any(
        other.run > run.run and (run.started is None or other.started is None or other.started == run.started)
        for other in runs
    )


def failing(
    checks: Iterable[Check], statuses: Iterable[Status], rule: PassRule, *, required: bool
) -> Iterator[str]:
    """Yield one text for each that does not pass."""
    for check in newest(checks):
        if fault := rule.fault(check, required=required):
            yield fault
    for status in statuses:
        if status.state != "SUCCESS":
            yield f"'{status.context}' is {status.state}"


class SortedChecks(NamedTuple):
    """The newest runs and statuses of one commit: a text for each that failed or is pending, and how many passed."""

    red: tuple[str, ...]
    pending: tuple[str, ...]
    passed: int


def tally(checks: Iterable[Check], statuses: Iterable[Status], rule: PassRule) -> SortedChecks:
    """Return what failed, what is pending and what passed, none of it required."""
    runs, statuses = tuple(newest(checks)), tuple(statuses)
    ended = tuple(run for run in runs if run.status == "COMPLETED")
    reported = tuple(status for status in statuses if status.state not in _PENDING)
    red = tuple(failing(ended, reported, rule, required=False))
    # One by one: a run that is over says nothing about a pending one of the same check.
    rest = (
        *(
            fault
            for run in runs
            if run.status != "COMPLETED"
            for fault in failing((run,), (), rule, required=False)
        ),
        *failing((), (status for status in statuses if status.state in _PENDING), rule, required=False),
    )
    return SortedChecks(red, rest, len(ended) + len(reported) - len(red))


def sources(checks: Iterable[Check], statuses: Iterable[Status]) -> tuple[str, ...]:
    """Return where checks of one name come from: `app`, `app: workflow`, or a plain status."""
    places = {f"{c.app or 'no app'}: {c.workflow}" if c.workflow else c.app or "no app" for c in checks}
    return tuple(sorted(places | ({"a commit status"} if tuple(statuses) else set())))
