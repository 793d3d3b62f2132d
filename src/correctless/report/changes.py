"""Changes of a step, read from its commit within limits.

Whatever an agent committed is shown, and it may be of any size: what is left out is named.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from correctless.base.exits import Stop
from correctless.project.git import Repo
from correctless.project.git.objectid import OID

FILES = 200  # files of one step that are listed
LINES = 400  # lines of one file's diff
STEP_LINES = 4_000  # lines of one step's diff
WIDTH = 500  # characters of a line
_LARGE = 20_000  # changed lines of a file above which its diff is not read
_HUNK = re.compile(r"@@ -([0-9]{1,9})(?:,[0-9]+)? \+([0-9]{1,9})(?:,[0-9]+)? @@(.*)", re.DOTALL)
# A larger file is binary to git, which then neither reads nor shows its lines.
_BIG = ("-c", "core.bigFileThreshold=1m")


@dataclass(frozen=True, slots=True)
class DiffLine:
    """One line of a diff: `mark` is a space, + or -, and each number None where that side lacks the line."""

    mark: str
    old: int | None
    new: int | None
    text: str


@dataclass(frozen=True, slots=True)
class Hunk:
    """Consecutive lines of a diff; `section` is what git writes behind the line numbers."""

    old: int
    new: int
    section: str
    lines: tuple[DiffLine, ...]


@dataclass(frozen=True, slots=True)
class FileDiff:
    """Changes of one file; `note` says what is not shown of it."""

    path: str
    added: int
    removed: int
    hunks: tuple[Hunk, ...] = ()
    note: str = ""

    @property
    def lines(self) -> int:
        """Return the number of lines shown."""
        return sum(len(hunk.lines) for hunk in self.hunks)


@dataclass(frozen=True, slots=True)
class StepChange:
    """Changes of one step, from the commit it began at to its own; `note` says what is not shown."""

    base: str
    commit: str
    files: tuple[FileDiff, ...] = ()
    note: str = ""

    @property
    def added(self) -> int:
        """Return the number of added lines."""
        return sum(each.added for each in self.files)

    @property
    def removed(self) -> int:
        """Return the number of removed lines."""
        return sum(each.removed for each in self.files)


def read(repo: Repo, base: str, commit: str) -> StepChange:
    """Return the changes between two commits; a repository that lacks one is a note."""
    if not (OID.match(base) and OID.match(commit)):
        return StepChange(base, commit, note="the run log names no commits of it")
    try:
        listed = repo.git(*_BIG, "diff", "--numstat", "-z", "--no-renames", base, commit, "--")
        files = list(_listed(listed))
        chosen, left = [], STEP_LINES
        for each in files[:FILES]:
            if 0 < each.added + each.removed <= _LARGE and left > 0:
                chosen.append(each.path)
                left -= min(each.added + each.removed, LINES)
        literal = [f":(top,literal){path}" for path in chosen]
        args = (
            "diff",
            "--no-color",
            "--no-renames",
            "--src-prefix=a/",
            "--dst-prefix=b/",
            "-U3",
            base,
            commit,
        )
        hunks = parse(repo.git(*_BIG, *args, "--", *literal), chosen) if chosen else {}
    except Stop:
        return StepChange(base, commit, note=f"this clone does not have {base[:12]} and {commit[:12]}")
    shown, left = [], STEP_LINES
    for each in files[:FILES]:
        change = cut(replace(each, hunks=hunks.get(each.path, ())), min(LINES, left))
        left -= change.lines
        shown.append(change)
    more = len(files) - FILES
    return StepChange(base, commit, tuple(shown), f"{more:,} more files are not listed" if more > 0 else "")


def _listed(numstat: str) -> Iterator[FileDiff]:
    for line in filter(None, numstat.split("\0")):
        added, removed, path = line.split("\t", 2)
        if added == "-":
            yield FileDiff(path, 0, 0, note="binary, or larger than 1 MB: not shown")
        else:
            change = FileDiff(path, int(added), int(removed))
            empty = change.added + change.removed == 0
            yield replace(change, note="no line of it changed") if empty else change


def parse(diff: str, paths: Sequence[str]) -> dict[str, tuple[Hunk, ...]]:
    """Return the hunks of each file of a diff, in the order in which git writes `paths`."""
    # The name in a diff's header may be quoted; the order is git's own in both listings.
    parts = re.split(r"^diff --git ", diff, flags=re.MULTILINE)[1:]
    if len(parts) != len(paths):
        return {}
    return {path: tuple(_hunks(part)) for path, part in zip(paths, parts, strict=True)}


def _hunks(part: str) -> Iterator[Hunk]:
    lines: list[DiffLine] = []
    head: tuple[int, int, str] | None = None
    old = new = 0
    for line in part.split("\n"):
        if line.startswith("@@ ") and (found := _HUNK.fullmatch(line)):
            if head is not None:
                yield Hunk(*head, tuple(lines))
            old, new = int(found[1]), int(found[2])
            head, lines = (old, new, found[3].strip()), []
        elif head is None or line[:1] not in ("+", "-", " "):
            continue
        elif line[0] == "+":
            lines.append(DiffLine("+", None, new, _narrow(line[1:])))
            new += 1
        elif line[0] == "-":
            lines.append(DiffLine("-", old, None, _narrow(line[1:])))
            old += 1
        else:
            lines.append(DiffLine(" ", old, new, _narrow(line[1:])))
            old, new = old + 1, new + 1
    if head is not None:
        yield Hunk(*head, tuple(lines))


def _narrow(line: str) -> str:
    return line if len(line) <= WIDTH else f"{line[:WIDTH]}… ({len(line):,} characters)"


def cut(change: FileDiff, most: int) -> FileDiff:
    """Return the first `most` lines of a file's diff, with a note where there are more."""
    total = change.lines
    if change.note:
        return change
    if not total:
        return replace(change, note=f"{change.added + change.removed:,} lines changed: too many to show here")
    if total <= most:
        return change
    hunks: list[Hunk] = []
    left = most
    for hunk in change.hunks:
        if left <= 0:
            break
        hunks.append(replace(hunk, lines=hunk.lines[:left]))
        left -= len(hunk.lines)
    return replace(change, hunks=tuple(hunks), note=f"{max(most, 0):,} of {total:,} lines are shown")


def about(change: StepChange, texts: Iterable[str], most: int) -> tuple[FileDiff, ...]:
    """Return the files of a step that a decision's texts name, at most `most` lines of them."""
    said = "\n".join(text[:20_000] for text in texts)
    return first(
        [each for each in change.files if each.path in said or each.path.rpartition("/")[2] in said], most
    )


def first(files: Iterable[FileDiff], most: int) -> tuple[FileDiff, ...]:
    """Return the first `most` lines of some files."""
    chosen, left = [], most
    for each in files:
        if left <= 0:
            break
        part = cut(each, left)
        left -= part.lines + 1
        chosen.append(part)
    return tuple(chosen)
