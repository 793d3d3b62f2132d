"""What a branch inherits: its logs and its commits in, the open and rejected decisions of every run whose work it carries out.

A run's work is told by the trailers of its commits, wherever in a message they stand, and where a message was rewritten by
what the run logs of this clone know of its commits. Where the logs of such a run are missing, nobody can say what it left open.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from correctless import coverage, exits, workspaces
from correctless.chain import GENESIS
from correctless.chain import digest as sha256
from correctless.coverage import Policy
from correctless.exits import Stop
from correctless.project.git import Repo, find
from correctless.project.paths import Logs, all_logs, slug
from correctless.record import Confirmation, Decision, decode, encode
from correctless.runlog import branch as record
from correctless.runlog.branch import Branch, Recorded, lost
from correctless.runlog.events import Consolidated, Logged, RunStarted, StepFinished, StepStarted, discarded

_LINE = re.compile(r"[\s>*|#-]*correctless-(run|step|log)[ \t]*:(.*)", re.IGNORECASE | re.DOTALL)
_NOTED = re.compile(r"([0-9]{1,18}):([0-9a-f]{64})")
_OID = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_DETACHED = re.compile(r"detached-([0-9a-f]{4,64})")  # as `repo.branch_slug` has it
_CONSOLIDATION = "consolidation#"
# A deferred entry as the ledger spells it; a log without one left nothing open.
_DEFERRED = b'"escalation_deferred":true'
# History as the objects have it: no grafts, and no file that only says what the objects would.
_GIT = ("-c", "core.commitGraph=false")
_ENV = {"GIT_GRAFT_FILE": os.devnull}
_HISTORY_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Inheritance:
    """What comes to a branch with the work it carries."""

    # The policy an entry was taken under -> the entries that no other branch's answer covers.
    entries: Mapping[Policy, tuple[Recorded, ...]] = field(default_factory=dict)
    # Of this branch's own entries: those of discarded attempts whose work it carries all the same.
    revived: frozenset[int] = frozenset()


NOTHING = Inheritance()


@dataclass(frozen=True, slots=True)
class _Mark:
    """One run's step as a commit tells of it; what it does not say is ""."""

    commit: str
    run: str = ""
    step: str = ""
    log: str = ""


@dataclass(frozen=True, slots=True)
class _Source:
    """Another branch's record."""

    logs: Logs
    branch: Branch
    policy: Policy

    @property
    def name(self) -> str:
        return self.branch.plan.branch if self.branch.plan else self.logs.branch_slug

    @property
    def runs(self) -> frozenset[str]:
        return _runs(self.branch)


def of(
    logs: Logs,
    own: Branch,
    policy: Policy,
    *,
    repo: Repo | None = None,
    at: str | None = None,
    base: str | None = None,
) -> Inheritance:
    """What the branch of `logs` inherits from the runs of `base..at`; `Stop(3)` when that can't be said.

    Without `repo`: the repository the logs lie in, and nothing is inherited where they lie in none. Without `at`: the branch's
    commit. Without `base`: the branch a pull request would be against.
    """
    repo = repo or _repo_of(logs)
    if repo is None or not repo.has_commit():
        return NOTHING
    branch = _branch_of(repo, logs, own)
    detached = _DETACHED.fullmatch(logs.branch_slug)
    tip = at or (f"refs/heads/{branch}" if branch is not None else detached[1] if detached else "HEAD")
    past = base or _base(repo, own, branch)
    span = (tip, "--not", past) if past is not None else (tip,)
    _refuse_shallow(repo, span, tip)
    marks = tuple(_marks(repo, span))
    others = _Others(repo, logs)
    known = _runs(own)
    revived: set[int] = set()
    found: dict[str, tuple[_Source, list[_Mark]]] = {}
    lost: dict[str, Recorded] = {}
    new = tuple(workspaces.declared(logs.decisions, os.environ))
    for mark in marks:
        if mark.run in known or (not mark.run and _holds(own, mark)):
            revived.update(each.seq for each in _carried(own, mark) if _is_discarded(own, each))
            continue
        sources = others.of(mark)
        if not sources and new and mark.run:
            lost[mark.run] = _lost(mark, new[-1].timestamp)
            continue
        if not sources:
            raise _missing(repo, mark, branch or tip)
        for source in sources:
            found.setdefault(source.logs.run, (source, []))[1].append(mark)
    for source, mark in _unsigned(repo, span, own, others):
        found.setdefault(source.logs.run, (source, []))[1].append(mark)
    entries = dict(_open(found, policy))
    if lost:
        entries[policy] = (*entries.get(policy, ()), *lost.values())
    return Inheritance(entries, frozenset(revived))


def _repo_of(logs: Logs) -> Repo | None:
    if logs.root is not None:
        return find(logs.root)
    folder = os.path.realpath(logs.artifacts)
    while not os.path.lexists(os.path.join(folder, ".git")):
        parent = os.path.dirname(folder)
        if parent == folder:
            return None
        folder = parent
    return find(folder)


def _branch_of(repo: Repo, logs: Logs, own: Branch) -> str | None:
    """The branch whose logs these are, where it is still there."""
    refs = repo.git("for-each-ref", "--format=%(refname)", "refs/heads").splitlines()
    names = [ref.removeprefix("refs/heads/") for ref in refs]
    mine = [name for name in names if slug(name) == logs.branch_slug]
    planned = own.plan.branch if own.plan else None
    return mine[0] if mine else planned if planned in names else None


def _base(repo: Repo, own: Branch, branch: str | None) -> str | None:
    """What a pull request of the branch is against, as last fetched; None where nothing tells: then all of history counts."""
    plan = own.plan
    remote = plan.remote if plan else "origin"
    names = [plan.target] if plan else [repo.default_branch(remote) or "main", "main", "master"]
    return base_ref(repo, remote, names, branch)


def base_ref(repo: Repo, remote: str, names: Sequence[str], branch: str | None) -> str | None:
    """The first of these branches that is known, on the remote as last fetched or else here; never `branch` itself."""
    refs = [f"refs/remotes/{remote}/{name}" for name in names]
    refs += [f"refs/heads/{name}" for name in names if name != branch]
    for ref in refs:
        if repo.try_git("rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}").returncode == 0:
            return ref
    return None


def _refuse_shallow(repo: Repo, span: Sequence[str], tip: str) -> None:
    """`Stop(3)` when this clone's history ends inside `span`: what stands behind that can't be seen."""
    path = os.path.join(repo.common_dir, "shallow")
    if not os.path.lexists(path):
        return
    with open(path, encoding="ascii", errors="replace") as file:
        ends = set(file.read().split())
    if ends & set(repo.git(*_GIT, "rev-list", *span, "--", env=_ENV).split()):
        raise Stop(
            exits.REFUSED,
            f"this clone is shallow: what {tip} carries can't be seen to its end. fetch the rest: git fetch --unshallow",
        )


def _marks(repo: Repo, span: Sequence[str]) -> Iterator[_Mark]:
    """What each commit's message tells of runs: a squash or a merge may quote the messages of many."""
    out = repo.git(
        *_GIT, "log", "-z", "--no-show-signature", "-i", "-F", "--grep=correctless-", "--format=%H%x1e%B", *span, "--",
        env=_ENV, seconds=_HISTORY_SECONDS,
    )  # fmt: skip
    for item in filter(None, out.split("\0")):
        commit, _, text = item.partition("\x1e")
        yield from _told(commit, text)


def _told(commit: str, text: str) -> Iterator[_Mark]:
    block: dict[str, str] = {}
    lines = text.splitlines()
    for number, line in enumerate(lines):
        match = _LINE.fullmatch(line)
        if match is None:
            continue
        key, value = match[1].lower(), match[2].strip()
        if not value and number + 1 < len(lines):  # a folded trailer
            value = lines[number + 1].strip()
        if key in block:
            yield _Mark(commit, **block)
            block = {}
        block[key] = value
    if block:
        yield _Mark(commit, **block)


class _Others:
    """The logs of all other branches of this clone, each read when it is first needed."""

    def __init__(self, repo: Repo, logs: Logs) -> None:
        self._logs = [each for each in all_logs(repo) if each.branch_slug != logs.branch_slug]
        self._read: dict[str, _Source] = {}

    def of(self, mark: _Mark) -> list[_Source]:
        """The records of a mark's run; `Stop(3)` when one is not the record that the commit noted."""
        if not mark.run:
            return [each for each in self._holding(mark.log.partition(":")[2]) if _holds(each.branch, mark)]
        found = [each for each in self._holding(json.dumps(mark.run)) if mark.run in each.runs]
        for each in found:
            if mark.log and not _holds(each.branch, mark):
                raise Stop(
                    exits.REFUSED,
                    f"{each.logs.decisions} is not what commit {mark.commit[:12]} noted of run {_shown(mark.run)} "
                    f"({_shown(mark.log)}). look at it with: correctless decisions verify --log {each.logs.decisions}",
                )
        return found

    def with_open_entries(self) -> Iterator[_Source]:
        for each in self._logs:
            if _DEFERRED in _bytes(each.decisions):
                yield self._load(each)

    def _holding(self, text: str) -> Iterator[_Source]:
        for each in self._logs:
            if text and text.encode() in _bytes(each.run):
                yield self._load(each)

    def _load(self, logs: Logs) -> _Source:
        if logs.run not in self._read:
            branch = record.load(logs)
            self._read[logs.run] = _Source(logs, branch, coverage.policy(branch))
        return self._read[logs.run]


def _bytes(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return b""


def _runs(branch: Branch) -> frozenset[str]:
    return frozenset(item.run for item in branch.events if isinstance(item.event, RunStarted))


def _holds(branch: Branch, mark: _Mark) -> bool:
    """Whether a record has the entry that a commit noted of it, or began anew after that one was lost."""
    noted = _NOTED.fullmatch(mark.log)
    if noted is None:
        return False
    seq, head = int(noted[1]), noted[2]
    if seq == 0:
        return head == GENESIS and bool(mark.run)
    if any(r.seq == seq and sha256(r.line) == head for r in branch.decisions):
        return True
    before = lost(decode(branch.decisions[0].line)) if branch.decisions else None
    return before is not None and seq <= before.seq


def _carried(branch: Branch, mark: _Mark) -> Iterator[Recorded]:
    """The deferred entries of a run that were live when it made the commit, or are live now."""
    noted = _NOTED.fullmatch(mark.log)
    last = int(noted[1]) if noted else len(branch.decisions)
    run = mark.run or next((r.decision.run for r in branch.decisions if r.seq == last), None)
    then, now = discarded(_before(branch, run, mark)), discarded(branch.events)
    for each in branch.decisions:
        d = each.decision
        attempt = (d.run, d.step, d.attempt)
        if not d.escalation_deferred or d.run not in (run, None):
            continue
        if attempt not in now or (each.seq <= last and attempt not in then):
            yield each


def _before(branch: Branch, run: str | None, mark: _Mark) -> tuple[Logged, ...]:
    """The events of before a commit was made; none where they can't be told, so that nothing counts as discarded."""
    log_seq = 0
    for number, item in enumerate(branch.events):
        event = item.event
        log_seq = getattr(event, "log_seq", log_seq)
        if item.run != run:
            continue
        if isinstance(event, StepStarted) and mark.step == f"{event.step}#{event.attempt}":
            return branch.events[:number]
        consolidated = isinstance(event, Consolidated) and mark.step.startswith(_CONSOLIDATION)
        if consolidated and mark.log.startswith(f"{log_seq}:"):
            return branch.events[:number]
    return ()


def _is_discarded(branch: Branch, entry: Recorded) -> bool:
    d = entry.decision
    return (d.run, d.step, d.attempt) in discarded(branch.events)


def _open(
    found: Mapping[str, tuple[_Source, list[_Mark]]], policy: Policy
) -> Iterator[tuple[Policy, tuple[Recorded, ...]]]:
    sources = [source for _, (source, _) in sorted(found.items())]
    by_policy: dict[Policy, list[Recorded]] = {}
    for source, marks in (found[each.logs.run] for each in sources):
        answers = [coverage.of(each.branch, each.policy, source.policy, policy) for each in sources]
        for each in _once(entry for mark in marks for entry in _carried(source.branch, mark)):
            sha = sha256(each.line)
            no = next((answer.rejected[sha] for answer in answers if sha in answer.rejected), None)
            if no is None and any(sha in answer.confirmed for answer in answers):
                continue
            entry = replace(each, branch=source.name, rejected=_who(no))
            by_policy.setdefault(source.policy, []).append(entry)
    yield from ((theirs, tuple(entries)) for theirs, entries in by_policy.items())


def _once(entries: Iterable[Recorded]) -> list[Recorded]:
    return [each for _, each in sorted({each.seq: each for each in entries}.items())]


def _who(no: Confirmation | None) -> str:
    if no is None:
        return ""
    return f"{no.by}: {no.note}" if no.note else no.by


def _unsigned(
    repo: Repo, span: Sequence[str], own: Branch, others: _Others
) -> Iterator[tuple[_Source, _Mark]]:
    """Work of other branches' runs that no trailer tells of: commits of `span` with the patch or the tree of a run's commits."""
    mine = _made(own)
    here: list[str] | None = None
    for source in others.with_open_entries():
        made = _made(source.branch)
        bases = {
            item.run: item.event.plan.base
            for item in source.branch.events
            if isinstance(item.event, RunStarted)
        }
        trees = _trees(repo, {*made, *bases.values()})
        there = [commit for commit in made if commit in trees]
        if not there:
            continue  # this clone has none of its commits any more
        # Each commit's own patch, and all of its run's up to there: a squash has them as one.
        whole = [f"{commit} {base}" for commit in there if (base := bases[made[commit].run]) in trees]
        patches = {patch: made[commit] for patch, commit in _patches(repo, [*there, *whole])}
        unchanged = {trees[base] for base in bases.values() if base in trees}
        results = {trees[commit]: made[commit] for commit in there if trees[commit] not in unchanged}
        if here is None:
            listed = repo.git(*_GIT, "rev-list", *span, "--", env=_ENV, seconds=_HISTORY_SECONDS).split()
            here = [commit for commit in listed if commit not in mine]
        for patch, _ in _patches(repo, here):
            if patch in patches:
                yield source, patches[patch]
        for tree in _trees(repo, here).values():
            if tree in results:
                yield source, results[tree]


def _made(branch: Branch) -> dict[str, _Mark]:
    """The commits that a branch's runs made, as they are on record, each with what its trailers said."""
    made: dict[str, _Mark] = {}
    log = ""
    for item in branch.events:
        event = item.event
        if (seq := getattr(event, "log_seq", None)) is not None:
            log = f"{seq}:{getattr(event, 'log_head', '')}"
        if isinstance(event, StepFinished | Consolidated) and _OID.fullmatch(event.commit):
            step = (
                f"{event.step}#{event.attempt}" if isinstance(event, StepFinished) else f"{_CONSOLIDATION}1"
            )
            made[event.commit] = _Mark(event.commit, item.run, step, log)
    return made


def _trees(repo: Repo, commits: Iterable[str]) -> dict[str, str]:
    """The tree of each of these commits that this clone still has."""
    named = sorted(each for each in commits if _OID.fullmatch(each))
    asked = "".join(f"{each}^{{tree}}\n" for each in named)
    answered = repo.git(
        "cat-file", "--batch-check=%(objectname)", stdin=asked, seconds=_HISTORY_SECONDS
    ).splitlines()
    return {commit: line for commit, line in zip(named, answered, strict=True) if _OID.fullmatch(line)}


def _patches(repo: Repo, commits: Sequence[str]) -> list[tuple[str, str]]:
    """(patch id, commit) of each commit that changes anything, against its parent or the one named behind it; merges have none."""
    diff = repo.git(
        *_GIT, "diff-tree", "--stdin", "--root", "-r", "-p", "-U0", "--text", "--no-renames", "--no-ext-diff", "--no-textconv",
        stdin="".join(f"{each}\n" for each in commits), env=_ENV, seconds=_HISTORY_SECONDS,
    )  # fmt: skip
    ids = repo.git("patch-id", "--stable", stdin=diff, seconds=_HISTORY_SECONDS)
    return [(line.split()[0], line.split()[1]) for line in ids.splitlines()]


def _missing(repo: Repo, mark: _Mark, branch: str) -> Stop:
    where = repo.try_git(
        "for-each-ref",
        "--format=%(refname:lstrip=2)",
        f"--contains={mark.commit}",
        "refs/heads",
        "refs/remotes",
    ).stdout.split()
    others = ", ".join(_shown(name) for name in where if name != branch)
    also = f" (it is also on {others})" if others else ""
    what = f"run {_shown(mark.run)}" if mark.run else "a run that its message doesn't name"
    return Stop(
        exits.REFUSED,
        f"'{branch}' carries commit {mark.commit[:12]} of {what}{also}, and this clone has no logs of it: what it left open "
        "can't be told. work where its logs are, bring them here, or leave that commit out",
    )


def _lost(mark: _Mark, when: str) -> Recorded:
    """What stands for a run whose logs went with an earlier workspace: nobody can say what it left open, so you decide about it.

    Its line is the same at each asking: a confirmation is bound to it.
    """
    decision = Decision(
        skill="cauto",
        decision_id="AD-UNLISTED-1",
        default_applied="its work was kept on this branch",
        rationale="what that run left to you went with the logs of an earlier workspace",
        timestamp=when,
        escalation_deferred=True,
        original_escalation_reason=f"the logs of run {_shown(mark.run)} are not in this workspace, which was declared new",
        run=mark.run,
        source="synthesized",
    )
    return Recorded(decision, 0, encode(decision.fields())[:-1], branch="earlier workspace")


def _shown(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text)[:100]
