"""Performing an allowed merge and reporting its outcome: merged, refused, or unknown, never a guess."""

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
_NEVER = (
    "--admin",
    "--auto",
)  # past the host's own rules, and at a time nobody asked about; whatever a bar says
_LOOKS = (0.0, 1.0, 3.0)  # seconds before each look at what became of it

# What gh says when the host (in Debian's build: "Message:") or gh itself has refused and nothing was done. A fault of the
# host's own machinery comes in the same way, and may come after the work.
_REFUSED = ("GraphQL: ", "Message: ", "X Pull request ")
_PERHAPS = ("something went wrong", "timeout", "timed out", "try again later")


@frozen
class MergedAt:
    """Read back: the pull request is merged at exactly this head, into this base, as this commit."""

    head: str
    base: str
    commit: str


@frozen
class MergeRefused:
    """Nothing was merged by this try, and why."""

    clauses: tuple[Clause, ...]


@frozen
class Unsure:
    """It may have been merged, or was, but not as asked: a person must look."""

    why: str


Outcome: TypeAlias = MergedAt | MergeRefused | Unsure


def merge(
    github: GitHub,
    target: MergeTarget,
    bar: Bar,
    *,
    sleep: Callable[[float], None] = time.sleep,
    looks: Sequence[float] = _LOOKS,
) -> Outcome:
    """Merge `target.number` at exactly `target.head`, then read it again: gh's own word for success is not believed."""
    wrong = _wrong(bar, target)
    if wrong:
        return MergeRefused(wrong)
    # Once more before the step that can't be taken back: gh holds the merge to the head, but nothing holds it to the base.
    try:
        moved = _moved(look(github, target.number), target)
    except Stop as stop:
        return MergeRefused((of_merge("read", stop.message, "the pull request read right before the merge"),))
    if moved:
        return MergeRefused(moved)
    try:
        done = github.gh(*argv(github.repo, target, bar.method))
    except Stop as stop:
        return MergeRefused((of_merge("gh", stop.message, "a gh that can be started"),))
    said = first_line(done.err) if done.err.strip() else f"exit {done.code}"
    if done.timed_out:
        said = f"no answer in {github.seconds:.0f} s"
    why = f"gh: {said}"
    for pause in looks:
        sleep(pause)
        try:
            pull = look(github, target.number)
            if pull.merged:
                return _as_asked(pull, target)
        except Stop as stop:
            why = f"gh: {said}; asked again: {stop.message}"
            continue
        if pull.head != target.head:  # and the host takes no other for it
            return MergeRefused(_moved(pull, target))
        if done.code != 0 and not done.timed_out and _refused(said):
            return MergeRefused((of_merge("refused", said, "a merge the host accepts"),))
        why = f"gh: {said}; the pull request is still {pull.state}"
    return Unsure(one_line(why))


def argv(repo: str, target: MergeTarget, method: str) -> tuple[str, ...]:
    """The words after gh."""
    return (
        "pr",
        "merge",
        str(target.number),
        "--repo",
        repo,
        "--match-head-commit",
        target.head,
        f"--{method}",
    )


@frozen
class Look:
    """What became of a pull request."""

    state: str
    merged: bool
    head: str
    base: str
    commit: str  # "" until it is merged


def _wrong(bar: Bar, target: MergeTarget) -> tuple[Clause, ...]:
    found = []
    if bar.method not in METHODS:
        found.append(of_merge("method", bar.method, f"one of {', '.join(METHODS)}"))
    if not OID.match(target.head):
        found.append(of_merge("head", target.head or "no head", "the whole name of one commit"))
    forbidden = {*bar.forbid_flags, *_NEVER}
    found += [
        of_merge("flag", word, "a merge without this flag")
        for word in argv("", target, bar.method)
        if word.split("=")[0] in forbidden
    ]
    return tuple(found)


def look(github: GitHub, number: int) -> Look:
    """A pull request as it stands now; `Stop(3)` when it can't be read."""
    _, owner, name = github.repo.split("/")
    given: dict[str, str | int] = {"owner": owner, "name": name, "number": number}
    answer = github.ask("read the pull request", queries.MERGED, given)
    pull: dict[str, Any] = take(take(answer, "repository", dict), "pullRequest", dict)
    commit = nodes.maybe(pull, "mergeCommit", dict)
    return Look(
        state=nodes.one_of(pull, "state", nodes.STATES),
        merged=take(pull, "merged", bool),
        head=nodes.sha(pull, "headRefOid"),
        base=nodes.text(pull, "baseRefName"),
        commit="" if commit is None else nodes.sha(commit, "oid"),
    )


def _moved(pull: Look, target: MergeTarget) -> tuple[Clause, ...]:
    return tuple(
        of_merge(code, found, needed)
        for code, found, needed in (
            ("state", pull.state, "OPEN"),
            ("head", pull.head, target.head),
            ("base", pull.base, target.base),
        )
        if found != needed
    )


def _as_asked(pull: Look, target: MergeTarget) -> Outcome:
    if pull.state == "MERGED" and (pull.head, pull.base) == (target.head, target.base) and pull.commit:
        return MergedAt(pull.head, pull.base, pull.commit)
    return Unsure(
        one_line(
            f"merged, but not as asked: {pull.head} into '{pull.base}' as {pull.commit or 'no commit'},"
            f" asked for {target.head} into '{target.base}'"
        )
    )


def _refused(said: str) -> bool:
    return said.startswith(_REFUSED) and not any(word in said.lower() for word in _PERHAPS)
