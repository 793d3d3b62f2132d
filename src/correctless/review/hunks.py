"""What a step changed, by file, and which of it a decision is about."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from correctless.project.git import Repo
from correctless.runlog.branch import Branch
from correctless.runlog.events import StepFinished, StepStarted

_PLAIN = ("--no-color", "--no-ext-diff", "--no-textconv", "--no-renames")
_LONGEST = 4000  # changed lines of a file whose patch is read


@dataclass(frozen=True, slots=True)
class StepCommits:
    """The commits between which a step worked."""

    base: str
    commit: str


@dataclass(frozen=True, slots=True)
class FileChange:
    """One changed file: lines added and removed, None for a binary one."""

    path: str
    added: int | None
    removed: int | None

    @property
    def readable(self) -> bool:
        """Whether its patch is text, and short enough to be read."""
        return self.added is not None and self.added + (self.removed or 0) <= _LONGEST


def commits_of(branch: Branch, run: str | None, step: str | None, attempt: int | None) -> StepCommits | None:
    """Return the commits of one attempt; None when it did not finish."""
    base = commit = ""
    for item in branch.events:
        match item.event:
            case StepStarted(step=of, attempt=number, base=began) if (item.run, of, number) == (
                run,
                step,
                attempt,
            ):
                base = began
            case StepFinished(step=of, attempt=number, commit=made) if (item.run, of, number) == (
                run,
                step,
                attempt,
            ):
                commit = made
            case _:
                pass
    return StepCommits(base, commit) if base and commit else None


def changes(repo: Repo, at: StepCommits) -> tuple[FileChange, ...]:
    """Return each file that differs; none where this clone lacks the commits."""
    listed = repo.try_git("diff", "--numstat", "-z", *_PLAIN, at.base, at.commit)
    return tuple(_counted(listed.stdout)) if listed.returncode == 0 else ()


def _counted(listed: str) -> Iterator[FileChange]:
    for item in filter(None, listed.split("\0")):
        added, removed, path = item.split("\t", 2)
        yield FileChange(path, *(int(each) if each.isdecimal() else None for each in (added, removed)))


def about(every: Sequence[FileChange], texts: Iterable[str]) -> tuple[FileChange, ...]:
    """Return the files that a decision's texts name, by path or by name; every file where they name none."""
    words = set(re.split(r"[\s`'\"(),;]+|[:.](?=\s|\Z)", " ".join(texts)))
    words |= {word.partition(":")[0] for word in words}  # src/a.py:12
    named = tuple(each for each in every if not words.isdisjoint((each.path, each.path.rpartition("/")[2])))
    return named or tuple(every)


def patch(repo: Repo, at: StepCommits, path: str) -> list[str]:
    """Return the lines of one file's patch, from its first hunk on; a model wrote them."""
    text = repo.git("diff", *_PLAIN, at.base, at.commit, "--", f":(literal,top){path}")
    lines = text.split("\n")
    first = next((number for number, line in enumerate(lines) if line.startswith("@@")), len(lines))
    return lines[first:]
