"""Work of other branches that no trailer tells of, found by its patch or its tree."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from correctless.inheritance.marks import ENV, HISTORY, SECONDS, Mark
from correctless.inheritance.others import CONSOLIDATION, Others, Source
from correctless.project.git import Repo
from correctless.runlog.branch import Branch
from correctless.runlog.events import Consolidated, RunStarted, StepFinished

_OID = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


def unsigned(repo: Repo, span: Sequence[str], own: Branch, others: Others) -> Iterator[tuple[Source, Mark]]:
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
            listed = repo.git(*HISTORY, "rev-list", *span, "--", env=ENV, seconds=SECONDS).split()
            here = [commit for commit in listed if commit not in mine]
        for patch, _ in _patches(repo, here):
            if patch in patches:
                yield source, patches[patch]
        for tree in _trees(repo, here).values():
            if tree in results:
                yield source, results[tree]


def _made(branch: Branch) -> dict[str, Mark]:
    """The commits that a branch's runs made, as they are on record, each with what its trailers said."""
    made: dict[str, Mark] = {}
    log = ""
    for item in branch.events:
        event = item.event
        if (seq := getattr(event, "log_seq", None)) is not None:
            log = f"{seq}:{getattr(event, 'log_head', '')}"
        if isinstance(event, StepFinished | Consolidated) and _OID.fullmatch(event.commit):
            step = f"{event.step}#{event.attempt}" if isinstance(event, StepFinished) else f"{CONSOLIDATION}1"
            made[event.commit] = Mark(event.commit, item.run, step, log)
    return made


def _trees(repo: Repo, commits: Iterable[str]) -> dict[str, str]:
    """The tree of each of these commits that this clone still has."""
    named = sorted(each for each in commits if _OID.fullmatch(each))
    asked = "".join(f"{each}^{{tree}}\n" for each in named)
    answered = repo.git("cat-file", "--batch-check=%(objectname)", stdin=asked, seconds=SECONDS).splitlines()
    return {commit: line for commit, line in zip(named, answered, strict=True) if _OID.fullmatch(line)}


def _patches(repo: Repo, commits: Sequence[str]) -> list[tuple[str, str]]:
    """(patch id, commit) of each commit that changes anything, against its parent or the one named behind it; merges have none."""
    diff = repo.git(
        *HISTORY, "diff-tree", "--stdin", "--root", "-r", "-p", "-U0", "--text", "--no-renames", "--no-ext-diff", "--no-textconv",
        stdin="".join(f"{each}\n" for each in commits), env=ENV, seconds=SECONDS,
    )  # fmt: skip
    ids = repo.git("patch-id", "--stable", stdin=diff, seconds=SECONDS)
    return [(line.split()[0], line.split()[1]) for line in ids.splitlines()]
