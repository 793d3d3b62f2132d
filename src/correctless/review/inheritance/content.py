"""Work of other branches without a trailer, recognized by its files' content."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from correctless.project.git import Repo
from correctless.project.git.objectid import OID
from correctless.project.paths import Logs
from correctless.review.inheritance.marks import ENV, HISTORY, SECONDS, Mark
from correctless.review.inheritance.others import CONSOLIDATION, Others, Source
from correctless.runlog.branch import Branch
from correctless.runlog.events import Consolidated, LoggedEvent, RunStarted, StepFinished

_DIFF = (*HISTORY, "diff-tree", "--stdin", "--root", "-r", "--no-renames", "--no-abbrev")
_TEXT = ("-p", "-U0", "--no-ext-diff", "--no-textconv")  # a binary file is compared by its blob
_FILE = re.compile(r"^diff --git ", re.MULTILINE)  # a line of content begins with + or -
_EMPTY = (
    "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391",
    "473a0f4c3be8a93681a267e3b1e9a7dcda1185436fe141f7749120a303721813",
)


def unsigned(
    repo: Repo, span: Sequence[str], past: str | None, own: Branch, others: Others
) -> Iterator[tuple[Source, Mark]]:
    """Find work of other branches' runs that no trailer names.

    A file in `span` counts when it is what a run made of one, or was changed in the same way. The change of a
    file is compared with its commit's parent, the run's base, and where the branch left `past`: a squash has
    all of them as one. Work that was mixed with other work within a file is not recognized.
    """
    listed = repo.git(*HISTORY, "rev-list", *span, "--", env=ENV, seconds=SECONDS).split()
    own_commits = _recorded_commits(own.events)
    commits = [commit for commit in listed if commit not in own_commits]
    if not commits:
        return
    run_commits: dict[str, tuple[Logs, Mark]] = {}
    bases: dict[str, str] = {}
    for logs, events in others.events():
        starts = {item.run: item.event.plan.base for item in events if isinstance(item.event, RunStarted)}
        for commit, mark in _recorded_commits(events).items():
            run_commits[commit] = (logs, mark)
            bases[commit] = starts[mark.run]
    known = _known(repo, {*run_commits, *bases.values()})
    named = [commit for commit in run_commits if commit in known]
    if not named:
        return  # this clone has no commit of another branch's run
    begun = {commit: bases[commit] for commit in named if bases[commit] in known}
    forks = {
        base: repo.try_git("merge-base", base, past).stdout.strip() if past else ""
        for base in {*begun.values()}
    }
    pairs = [f"{commit} {start}" for commit, base in begun.items() for start in {base, forks[base]} if start]
    commits = [commit for commit in commits if commit not in run_commits]
    if not commits:
        return
    changed = _changes(repo, named)
    theirs = {**_results(repo, named), **changed}
    paths = {header for header, _ in changed}
    # Of all changes between two commits, only those in files that a run wrote: you made the others.
    theirs |= {key: commit for key, commit in _changes(repo, pairs).items() if key[0] in paths}
    for key in {**_results(repo, commits), **_changes(repo, commits)}:
        if key in theirs:
            logs, mark = run_commits[theirs[key]]
            yield others.load(logs), mark


def _recorded_commits(events: Iterable[LoggedEvent]) -> dict[str, Mark]:
    """Return the recorded commits of a branch's runs, each with its trailers."""
    commits: dict[str, Mark] = {}
    log = ""
    for item in events:
        event = item.event
        if (seq := getattr(event, "log_seq", None)) is not None:
            log = f"{seq}:{getattr(event, 'log_head', '')}"
        if isinstance(event, StepFinished | Consolidated) and OID.match(event.commit):
            step = f"{event.step}#{event.attempt}" if isinstance(event, StepFinished) else f"{CONSOLIDATION}1"
            commits[event.commit] = Mark(event.commit, item.run, step, log)
    return commits


def _known(repo: Repo, commits: Iterable[str]) -> set[str]:
    """Return those of these commits that this clone still has."""
    named = sorted(each for each in commits if OID.match(each))
    query = "".join(f"{each}^{{commit}}\n" for each in named)
    answered = repo.git("cat-file", "--batch-check=%(objectname)", stdin=query, seconds=SECONDS).splitlines()
    return {commit for commit, line in zip(named, answered, strict=True) if line == commit}


def _results(repo: Repo, commits: Sequence[str]) -> Mapping[tuple[str, str], str]:
    """Return ("", blob) of each file that a commit changed, a merge: against all its parents -> that commit."""
    out = repo.git(*_DIFF, "-c", "--raw", "-z", stdin=_lines(commits), env=ENV, seconds=SECONDS)
    commit_of: dict[tuple[str, str], str] = {}
    commit = ""
    items = iter(out.split("\0"))
    for field in items:
        if not field.startswith(":"):
            commit = field
            continue
        *_, blob, _ = field.split()  # modes and blobs of all parents come before it
        next(items)
        if blob.strip("0") and blob not in _EMPTY:
            commit_of["", blob] = commit
    return commit_of


def _changes(repo: Repo, commits: Sequence[str]) -> Mapping[tuple[str, str], str]:
    """Return (header of the diff, patch id) of each file that a commit changed -> that commit.

    It is compared with its parent, or with the commit that follows it on its line.
    """
    diff = repo.git(*_DIFF, *_TEXT, stdin=_lines(commits), env=ENV, seconds=SECONDS)
    commit = ""
    whose: list[tuple[str, str]] = []
    parts: list[str] = []
    for part in _FILE.split(diff):
        body, _, last = part.rstrip("\n").rpartition("\n")
        following = last if OID.match(last) else ""  # the next commit's name, before its first file
        if commit and "\n@@ " in part:
            parts.append(f"{len(whose):040x}\ndiff --git {body if following else part}\n")
            whose.append((commit, part.partition("\n")[0]))
        commit = following or commit
    ids = repo.git("patch-id", "--stable", stdin="".join(parts), seconds=SECONDS)
    patches = ((patch, *whose[int(number, 16)]) for patch, number in map(str.split, ids.splitlines()))
    return {(header, patch): commit for patch, commit, header in patches}


def _lines(commits: Sequence[str]) -> str:
    return "".join(f"{each}\n" for each in commits)
