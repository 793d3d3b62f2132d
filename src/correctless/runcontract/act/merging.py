"""Merge of an allowed pull request, with its outcome: merged, refused, or unknown, never a guess."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from correctless.base.exits import Stop
from correctless.base.text import one_line
from correctless.base.values import frozen
from correctless.github import nodes, queries
from correctless.github.client import GitHub, first_line, take
from correctless.project.git.objectid import OID
from correctless.runcontract.document.sections import Bar
from correctless.runcontract.judge.terms import MergeTarget
from correctless.runcontract.ledger.clause import Clause, of_merge

METHODS = ("merge", "squash", "rebase")
_NEVER = ("--admin", "--auto")  # whatever a bar allows: past the host's rules, or at a later time
_LOOKS = (0.0, 1.0, 3.0)  # seconds before each read of the outcome

# How gh begins a refusal of the host (in Debian's build: "Message:") or of gh itself, where nothing was done. An internal
# fault of the host begins in the same way, and may come after the merge.
_REFUSED = ("GraphQL: ", "Message: ", "X Pull request ")
_PERHAPS = ("something went wrong", "timeout", "timed out", "try again later")


@frozen
class MergedAt:
    """The pull request is merged at exactly this head, into this base, as this commit."""

    head: str
    base: str
    commit: str


@frozen
class MergeRefused:
    """This try merged nothing, and why."""

    clauses: tuple[Clause, ...]


@frozen
class MergeUnknown:
    """It may have been merged, or was merged otherwise than asked: check it on the host."""

    why: str


Outcome: TypeAlias = MergedAt | MergeRefused | MergeUnknown


def merge(
    github: GitHub,
    target: MergeTarget,
    bar: Bar,
    *,
    sleep: Callable[[float], None] = time.sleep,
    looks: Sequence[float] = _LOOKS,
) -> Outcome:
    """Merge `target.number` at exactly `target.head`, then read it again: success that gh reports is not proof."""
    if faults := _faults(bar, target):
        return MergeRefused(faults)
    # Right before the step that can't be undone: gh binds the merge to the head, but nothing binds it to the base.
    try:
        moved = _moved(pull_state(github, target.number), target)
    except Stop as stop:
        return MergeRefused((of_merge("read", stop.message, "the pull request read right before the merge"),))
    if moved:
        return MergeRefused(moved)
    try:
        done = github.gh(*argv(github.repo, target, bar.method))
    except Stop as stop:
        return MergeRefused((of_merge("gh", stop.message, "a gh that can be started"),))
    answer = first_line(done.err) if done.err.strip() else f"exit {done.code}"
    if done.timed_out:
        answer = f"no answer in {github.seconds:.0f} s"
    why = f"gh: {answer}"
    for pause in looks:
        sleep(pause)
        try:
            pull = pull_state(github, target.number)
            if pull.merged:
                return _merged(pull, target)
        except Stop as stop:
            why = f"gh: {answer}; asked again: {stop.message}"
            continue
        if pull.head != target.head:  # the host merges no other head
            return MergeRefused(_moved(pull, target))
        if done.code != 0 and not done.timed_out and _refused(answer):
            return MergeRefused((of_merge("refused", answer, "a merge the host accepts"),))
        why = f"gh: {answer}; the pull request is still {pull.state}"
    return MergeUnknown(one_line(why))


def argv(repo: str, target: MergeTarget, method: str) -> tuple[str, ...]:
    """Return the arguments of gh."""
    where = ("--repo", repo, "--match-head-commit", target.head)
    return ("pr", "merge", str(target.number), *where, f"--{method}")


@frozen
class PullState:
    """State of a pull request."""

    state: str
    merged: bool
    head: str
    base: str
    commit: str  # "" until it is merged


def _faults(bar: Bar, target: MergeTarget) -> tuple[Clause, ...]:
    clauses = []
    if bar.method not in METHODS:
        clauses.append(of_merge("method", bar.method, f"one of {', '.join(METHODS)}"))
    if not OID.match(target.head):
        clauses.append(of_merge("head", target.head or "no head", "the whole name of one commit"))
    forbidden = {*bar.forbid_flags, *_NEVER}
    flags = [each for each in argv("", target, bar.method) if each.split("=")[0] in forbidden]
    return (*clauses, *(of_merge("flag", flag, "a merge without this flag") for flag in flags))


def pull_state(github: GitHub, number: int) -> PullState:
    """Read the state of a pull request; `Stop(3)` when it can't be read."""
    _, owner, name = github.repo.split("/")
    variables: dict[str, str | int] = {"owner": owner, "name": name, "number": number}
    answer = github.ask("read the pull request", queries.MERGED, variables)
    pull: dict[str, Any] = take(take(answer, "repository", dict), "pullRequest", dict)
    commit = nodes.maybe(pull, "mergeCommit", dict)
    return PullState(
        state=nodes.one_of(pull, "state", nodes.STATES),
        merged=take(pull, "merged", bool),
        head=nodes.sha(pull, "headRefOid"),
        base=nodes.text(pull, "baseRefName"),
        commit="" if commit is None else nodes.sha(commit, "oid"),
    )


def _moved(pull: PullState, target: MergeTarget) -> tuple[Clause, ...]:
    terms = (
        ("state", pull.state, "OPEN"),
        ("head", pull.head, target.head),
        ("base", pull.base, target.base),
    )
    return tuple(of_merge(code, value, needed) for code, value, needed in terms if value != needed)


def _merged(pull: PullState, target: MergeTarget) -> Outcome:
    if pull.state == "MERGED" and (pull.head, pull.base) == (target.head, target.base) and pull.commit:
        return MergedAt(pull.head, pull.base, pull.commit)
    return MergeUnknown(
        one_line(
            f"merged, but not as asked: {pull.head} into '{pull.base}' as {pull.commit or 'no commit'},"
            f" asked for {target.head} into '{target.base}'"
        )
    )


def _refused(answer: str) -> bool:
    return answer.startswith(_REFUSED) and not any(text in answer.lower() for text in _PERHAPS)
