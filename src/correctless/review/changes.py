"""Changes of a step, read from its commit within limits.

Whatever an agent committed is shown, and it may be of any size: what is left out is named.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from correctless.base.exits import Stop
from correctless.project.git import Repo
from correctless.project.git.objectid import OID

FILES = 200  # files of one step that are listed
LINES = 400  # lines of one file's diff
STEP_LINES = 4_000  # lines of one step's diff
WIDTH = 500  # characters of a line
BYTES = 1_000_000  # of a file that is read
STEP_BYTES = 4_000_000  # of all files of a step that are read
_HUNK = re.compile(r"@@ -([0-9]{1,9})(?:,[0-9]+)? \+([0-9]{1,9})(?:,[0-9]+)? @@(.*)", re.DOTALL)
# An agent may have written attributes that make a file binary, and settings of the repository: neither may decide what you see of
# its work. So every file is text, and what has a NUL is named as binary here. (`git.call` knows no replaced commits.)
_FORM = ("-c", "diff.suppressBlankEmpty=false", "-c", "diff.interHunkContext=0")


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
    """Changes of one file: its first lines of `total`; `note` says why there are none."""

    path: str
    added: int = 0
    removed: int = 0
    hunks: tuple[Hunk, ...] = ()
    total: int = 0
    note: str = ""

    @property
    def lines(self) -> int:
        """Return the number of lines shown."""
        return sum(len(hunk.lines) for hunk in self.hunks)

    @property
    def remark(self) -> str:
        """Return what is not shown, "" where all is."""
        return self.note or (
            f"{self.lines:,} of {self.total:,} lines are shown" if self.lines < self.total else ""
        )


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
    """Return the changes between two commits; what git cannot show is a note."""
    if not (OID.match(base) and OID.match(commit)):
        return StepChange(base, commit, note="the run log names no commits of it")
    try:
        files = _files(repo, base, commit)
        return _with_hunks(repo, StepChange(base, commit, tuple(files[:FILES])), len(files) - FILES)
    except Stop:
        missing = [each[:12] for each in (base, commit) if repo.commit(each) is None]
        why = f"this clone does not have {' and '.join(missing)}" if missing else "git could not show it"
        return StepChange(base, commit, note=why)


def _files(repo: Repo, base: str, commit: str) -> list[FileDiff]:
    """Return each changed file, without its lines; one that is too large to be read has a note."""
    raw = repo.git(*_diff("--raw", "-z", "--no-abbrev"), base, commit, "--").split("\0")
    pairs = [(fields.split(" "), path) for fields, path in zip(raw[::2], raw[1::2], strict=False)]
    oids = sorted({oid for fields, _ in pairs for oid in fields[2:4]})
    wanted = "".join(f"{oid}\n" for oid in oids)
    listed = repo.git("cat-file", "--batch-check=%(objectname) %(objectsize)", stdin=wanted)
    sizes = {
        oid: int(size) for oid, size in (line.split(" ") for line in listed.splitlines()) if size.isdigit()
    }
    files, left = [], STEP_BYTES
    for fields, path in pairs:
        size = max(sizes.get(oid, 0) for oid in fields[2:4])
        note = f"larger than {BYTES // 1_000_000} MB: not shown" if size > BYTES else ""
        if not note and size > left:
            note = "not shown: the step changed too much"
        left -= 0 if note else size
        files.append(FileDiff(path, note=note))
    return files


def _with_hunks(repo: Repo, change: StepChange, more: int) -> StepChange:
    readable = [each.path for each in change.files if not each.note]
    read: dict[str, FileDiff] = {}
    if readable:
        literal = [f":(top,literal){path}" for path in readable]
        diff = repo.git(*_diff("-U3"), change.base, change.commit, "--", *literal)
        read = parse(diff, readable)
    files, left = [], STEP_LINES
    for each in change.files:
        shown = cut(read.get(each.path, each), left)
        left -= shown.lines
        files.append(shown)
    note = f"{more:,} more files are not listed" if more > 0 else ""
    return replace(change, files=tuple(files), note=note)


def _diff(*options: str) -> tuple[str, ...]:
    return (
        *_FORM,
        "diff",
        "--text",
        "--no-color",
        "--no-renames",
        "--no-relative",
        "--submodule=short",
        *options,
    )


def parse(diff: str, paths: Sequence[str]) -> dict[str, FileDiff]:
    """Return each file of a diff with its first lines; `paths` are in the order in which git writes them."""
    # The name in a diff's header may be quoted; the order is git's own in both listings.
    parts = re.split(r"^diff --git ", diff, flags=re.MULTILINE)[1:]
    if len(parts) != len(paths):
        return {path: FileDiff(path, note="git could not show it") for path in paths}
    return {path: _file(path, part) for path, part in zip(paths, parts, strict=True)}


def _file(path: str, part: str) -> FileDiff:
    heads: list[tuple[int, int, str, list[DiffLine]]] = []
    old = new = added = removed = total = 0
    for line in part.split("\n"):
        mark = line[:1]
        if mark == "@" and (found := _HUNK.fullmatch(line)):
            old, new = int(found[1]), int(found[2])
            heads.append((old, new, found[3].strip(), []))
        elif heads and mark in ("+", "-", " "):
            if total < LINES:
                numbers = None if mark == "+" else old, None if mark == "-" else new
                heads[-1][3].append(DiffLine(mark, *numbers, _narrow(line[1:])))
            total += 1
            old, new = old + (mark != "+"), new + (mark != "-")
            added, removed = added + (mark == "+"), removed + (mark == "-")
    if "\0" in part:
        return FileDiff(path, note="binary: not shown")
    hunks = tuple(Hunk(*head[:3], tuple(head[3])) for head in heads if head[3])
    return FileDiff(path, added, removed, hunks, total, "" if total else "no line of it changed")


def _narrow(line: str) -> str:
    return line if len(line) <= WIDTH else f"{line[:WIDTH]}… ({len(line):,} characters)"


def cut(change: FileDiff, most: int) -> FileDiff:
    """Return the first `most` lines of a file's diff."""
    hunks: list[Hunk] = []
    for hunk in change.hunks:
        if most <= 0:
            break
        hunks.append(replace(hunk, lines=hunk.lines[:most]))
        most -= len(hunk.lines)
    return replace(change, hunks=tuple(hunks))


def about(change: StepChange, texts: Iterable[str], most: int) -> tuple[FileDiff, ...]:
    """Return the files of a step that a decision's texts name, at most `most` lines of them."""
    said = "\n".join(text[:20_000] for text in texts)
    named = [
        each
        for each in change.files
        if any(
            re.search(rf"(?<![\w./-]){re.escape(name)}(?![\w/-]|\.\w)", said)
            for name in (each.path, each.path.rpartition("/")[2])
        )
    ]
    return first(named, most)


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
