"""Decisions a branch inherits from the runs whose work it carries.

A run's work is recognized by the trailers of its commits, anywhere in a message, and where a message was
rewritten by what the run logs of this clone know of its commits. Where the logs of such a run are missing,
its open decisions are unknown.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from correctless.base import exits
from correctless.base.exits import Stop
from correctless.base.text import one_line
from correctless.decisions.decision import UNLISTED, Confirmation, Decision
from correctless.ledger import workspaces
from correctless.ledger.chain import digest as sha256
from correctless.ledger.record import encode
from correctless.project.git import Repo, find
from correctless.project.paths import Logs, slug
from correctless.review import coverage
from correctless.review.coverage import Policy
from correctless.review.inheritance.content import unsigned
from correctless.review.inheritance.marks import Mark, marks, refuse_shallow
from correctless.review.inheritance.others import Others, Source, attempt_of, carried, holds, runs_of
from correctless.runlog.branch import Branch, RecordedDecision
from correctless.runlog.events import discarded

_DETACHED = re.compile(r"detached-([0-9a-f]{4,64})")  # as `repo.branch_slug` has it


@dataclass(frozen=True, slots=True)
class Inheritance:
    """Entries that a branch inherits with the work it carries."""

    # The policy an entry was taken under -> the entries that no other branch's answer covers.
    entries: Mapping[Policy, tuple[RecordedDecision, ...]] = field(default_factory=dict)
    # Of this branch's own entries: those of discarded attempts whose work it carries all the same.
    revived: frozenset[int] = frozenset()


NOTHING = Inheritance()


def of(
    logs: Logs,
    own: Branch,
    policy: Policy,
    *,
    repo: Repo | None = None,
    at: str | None = None,
    base: str | None = None,
) -> Inheritance:
    """Return what the branch of `logs` inherits from the runs of `base..at`.

    Without `repo` it is the repository that contains the logs; outside of one nothing is inherited. Without
    `at` it is the branch's commit; without `base` the branch a pull request would be against.

    Raises: Stop(3) when that cannot be determined.
    """
    repo = repo or repo_of(logs)
    if repo is None or not repo.has_commit():
        return NOTHING
    branch = _branch_of(repo, logs, own)
    detached = _DETACHED.fullmatch(logs.branch_slug)
    tip = at or (f"refs/heads/{branch}" if branch is not None else detached[1] if detached else "HEAD")
    past = base or _base(repo, own, branch)
    span = (tip, "--not", past) if past is not None else (tip,)
    refuse_shallow(repo, span, tip)
    others = Others(repo, logs, os.environ)
    known, gone = runs_of(own), discarded(own.events)
    revived: set[int] = set()
    carried_sources: dict[str, tuple[Source, list[Mark]]] = {}
    lost: dict[str, RecordedDecision] = {}
    new = tuple(workspaces.declarations(logs.decisions, os.environ))
    for mark in tuple(marks(repo, span)):
        if mark.run in known or (not mark.run and holds(own, mark)):
            revived.update(each.seq for each in carried(own, mark) if attempt_of(each) in gone)
            continue
        sources = others.of(mark)
        if not sources and new and mark.run:
            lost[mark.run] = _lost(mark, new[-1].timestamp)
            continue
        if not sources:
            raise _missing(repo, mark, branch or tip)
        for source in sources:
            carried_sources.setdefault(source.logs.run, (source, []))[1].append(mark)
    for source, mark in unsigned(repo, span, past, own, others):
        carried_sources.setdefault(source.logs.run, (source, []))[1].append(mark)
    entries = dict(_open(carried_sources, policy))
    if lost:
        entries[policy] = (*entries.get(policy, ()), *lost.values())
    return Inheritance(entries, frozenset(revived))


def repo_of(logs: Logs) -> Repo | None:
    """Return the repository that contains a branch's logs; None outside of one."""
    if logs.root is not None:
        return find(logs.root)
    folder = os.path.realpath(logs.artifacts)
    while not os.path.lexists(os.path.join(folder, ".git")):
        parent = os.path.dirname(folder)
        if parent == folder:
            return None
        folder = parent
    return find(folder)


def tip(repo: Repo, logs: Logs, own: Branch) -> str:
    """Return the commit of the branch of these logs; "" without one."""
    branch = _branch_of(repo, logs, own)
    detached = _DETACHED.fullmatch(logs.branch_slug)
    return (
        repo.commit(f"refs/heads/{branch}" if branch is not None else detached[1] if detached else "HEAD")
        or ""
    )


def _branch_of(repo: Repo, logs: Logs, own: Branch) -> str | None:
    """Return the branch of these logs, if it still exists."""
    refs = repo.git("for-each-ref", "--format=%(refname)", "refs/heads").splitlines()
    names = [ref.removeprefix("refs/heads/") for ref in refs]
    matching = [name for name in names if slug(name) == logs.branch_slug]
    planned = own.plan.branch if own.plan else None
    return matching[0] if matching else planned if planned in names else None


def _base(repo: Repo, own: Branch, branch: str | None) -> str | None:
    """Return the base of the branch's pull request, as last fetched; None if unknown: all of history counts."""
    plan = own.plan
    remote = plan.base_remote if plan else "origin"
    names = [plan.target] if plan else [repo.default_branch(remote) or "main", "main", "master"]
    return base_ref(repo, remote, names, branch)


def base_ref(repo: Repo, remote: str, names: Sequence[str], branch: str | None) -> str | None:
    """Return the first of these branches that exists, as a full ref.

    The remote's branch as last fetched comes before the local one; `branch` itself never counts.
    """
    refs = [f"refs/remotes/{remote}/{name}" for name in names]
    refs += [f"refs/heads/{name}" for name in names if name != branch]
    return next(filter(repo.commit, refs), None)


def _open(
    carried_sources: Mapping[str, tuple[Source, list[Mark]]], policy: Policy
) -> Iterator[tuple[Policy, tuple[RecordedDecision, ...]]]:
    sources = [source for _, (source, _) in sorted(carried_sources.items())]
    by_policy: dict[Policy, list[RecordedDecision]] = {}
    for source, theirs in (carried_sources[each.logs.run] for each in sources):
        answers = [coverage.of(each.branch, each.policy, source.policy, policy) for each in sources]
        for each in _once(entry for mark in theirs for entry in carried(source.branch, mark)):
            sha = sha256(each.line)
            no = next((answer.rejected[sha] for answer in answers if sha in answer.rejected), None)
            if no is None and any(sha in answer.confirmed for answer in answers):
                continue
            entry = replace(each, branch=source.name, rejected=_who(no))
            by_policy.setdefault(source.policy, []).append(entry)
    yield from ((each, tuple(entries)) for each, entries in by_policy.items())


def _once(entries: Iterable[RecordedDecision]) -> list[RecordedDecision]:
    return [each for _, each in sorted({each.seq: each for each in entries}.items())]


def _who(no: Confirmation | None) -> str:
    if no is None:
        return ""
    return f"{no.by}: {no.note}" if no.note else no.by


def _missing(repo: Repo, mark: Mark, branch: str) -> Stop:
    where = repo.try_git(
        "for-each-ref",
        "--format=%(refname:lstrip=2)",
        f"--contains={mark.commit}",
        "refs/heads",
        "refs/remotes",
    ).stdout.split()
    others = ", ".join(one_line(name) for name in where if name != branch)
    also = f" (it is also on {others})" if others else ""
    what = f"run {one_line(mark.run)}" if mark.run else "a run that its message doesn't name"
    return Stop(
        exits.REFUSED,
        f"'{branch}' carries commit {mark.commit[:12]} of {what}{also}, and this clone has no logs of it: its open "
        "decisions are unknown. work where its logs are, copy them here, or leave that commit out",
    )


def _lost(mark: Mark, when: str) -> RecordedDecision:
    """Return a deferred entry for a run whose logs were lost with an earlier workspace.

    Its open decisions are unknown, so you decide about it.

    Its line is the same at each asking: a confirmation is bound to it.
    """
    decision = Decision(
        skill="cauto",
        decision_id=f"{UNLISTED}1",
        default_applied="its work was kept on this branch",
        rationale="what that run left to you went with the logs of an earlier workspace",
        timestamp=when,
        escalation_deferred=True,
        original_escalation_reason=f"the logs of run {one_line(mark.run)} are not in this workspace, which was declared new",
        run=mark.run,
        source="synthesized",
    )
    return RecordedDecision(decision, 0, encode(decision.fields())[:-1], branch="earlier workspace")
