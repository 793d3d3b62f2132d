"""What is known of a run's pull request: whether its branch merges, and its checks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from correctless.base.text import counted, one_line
from correctless.runlog.state import State

_NAMED = 20  # files, and checks
_PATH = 120  # characters


def merge_line(state: State) -> str:
    """Return what the trial merge showed, as one printable line; "" without one."""
    trial, plan = state.trial, state.plan
    if trial is None or plan is None:
        return ""
    into = one_line(f"{plan.target} of {plan.base_remote}")
    if trial.outcome == "clean":
        return f"merges with {into} at {trial.base[:12]}"
    if trial.outcome == "conflict":
        count = len(trial.conflicts) + trial.more
        files = f" in {counted(count, 'file')}: {_listed(trial.conflicts, count)}" if count else ""
        return f"conflicts with {into} at {one_line(trial.base[:12])}{files}"
    return f"the merge with {into} was not tried: {one_line(trial.why)}"


def checks_line(state: State) -> str:
    """Return what is known of the checks, as one printable line; "" where they are not watched."""
    checks, plan = state.checks, state.plan
    if checks is None or plan is None:
        return f"watched until {one_line(state.watched_until)}" if state.watched_until else ""
    after = f"after {plan.ci_wait_minutes:g} minutes"
    match checks.outcome:
        case "green":
            return f"{counted(checks.passed, 'check')} passed"
        case "red":
            pending = f"; {len(checks.pending)} pending {after}" if checks.pending else ""
            failed = _listed(checks.red, len(checks.red))
            return f"{counted(len(checks.red), 'check')} failed: {failed}{pending}"
        case "pending":
            pending = _listed(checks.pending, len(checks.pending))
            return f"{counted(len(checks.pending), 'check')} pending {after}: {pending}"
        case "none":
            return f"no check reported {after}"
        case _:
            return f"unknown: {one_line(checks.why)}"


def problems(state: State) -> tuple[str, ...]:
    """Return a line for each of both that is not known to be good."""
    return tuple(f"{label}: {line}" for label, line, good in _lines(state) if not good)


def good(state: State) -> tuple[str, ...]:
    """Return a line for each of both that is good."""
    return tuple(f"{label}: {line}" for label, line, good in _lines(state) if good)


def completion(state: State) -> str:
    """Return the line for a complete run."""
    checks = [f"checks: {checks_line(state)}"] if state.checks else []
    merge = [line for line in problems(state) if line.startswith("merge: ")]
    return "; ".join([f"run {state.run} is complete{f': {state.url}' if state.url else ''}", *merge, *checks])


def _lines(state: State) -> Iterator[tuple[str, str, bool]]:
    if state.trial is not None:
        yield "merge", merge_line(state), state.trial.outcome == "clean"
    if state.checks is not None:
        yield "checks", checks_line(state), state.checks.outcome == "green"


def _listed(names: Iterable[str], count: int) -> str:
    listed = [one_line(name, _PATH) for name in names][:_NAMED]
    more = count - len(listed)
    return ", ".join(listed) + (f" and {more} more" if more else "")
