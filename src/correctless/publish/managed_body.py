"""The section of a pull request's body that belongs to one run, within the length that GitHub takes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from correctless.base import exits
from correctless.base.exits import Stop
from correctless.base.text import one_line

LIMIT = 65_536  # of a body, in UTF-16 code units: what GitHub counts
_FOLDED = 2_500  # a part longer than this is folded
_RUN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\Z")
_HEAD = re.compile(r"^\| ([a-z]+) \| ([0-9]{1,18}) \| `([0-9a-f]{64})` \|\r?$", re.MULTILINE)
LOGS = "Logs"  # the title of the last part, which notes the heads of the logs


@dataclass(frozen=True, slots=True)
class BodyPart:
    """A part of the section: Markdown without HTML comments, every text of others in it inert.

    `cut` says how early its blocks are left out, from the end, where the section is too long: 1 first, 0 never. `where` says
    where they can be read then.
    """

    title: str  # "": the opening, without a heading
    blocks: Sequence[str]  # of one or more lines each, such as an item with those below it
    cut: int = 0
    where: str = ""
    folds: str = ""  # what of there is so much that it folds; "": it never does


@dataclass(frozen=True, slots=True)
class ManagedBody:
    """The managed section of one run."""

    run: str
    parts: tuple[BodyPart, ...]

    def text(self, room: int | None = LIMIT) -> str:
        """Return the section in at most `room` UTF-16 code units, None for all of it.

        Raises: Stop(10) when the parts that are never cut need more.
        """
        shown = [[*part.blocks] for part in self.parts]
        made = self._written(shown)
        if room is None:
            return made
        for _, number in sorted((part.cut, number) for number, part in enumerate(self.parts) if part.cut):
            while (over := size(made) - room) > 0 and shown[number]:
                while over > 0 and shown[number]:
                    over -= size(shown[number].pop()) + 1
                made = self._written(shown)
        if size(made) > room:
            whole = (block for part in self.parts if not part.cut for block in part.blocks)
            longest = max(whole, key=size, default="")
            raise Stop(
                exits.PERSON,
                f"the pull request's body has room for {max(room, 0):,} characters, and what must not be cut takes "
                f"{size(made):,}. the longest of it has {size(longest):,} and begins with "
                f"'{one_line(longest, 80)}'. have its step run again with a note to be brief: correctless review",
            )
        return made

    def _written(self, shown: Sequence[Sequence[str]]) -> str:
        begin, end = _markers(self.run)
        parts = (_lines(part, blocks) for part, blocks in zip(self.parts, shown, strict=True))
        # Every text is inert already, but a marker in one would move the section's end.
        text = "\n".join(line for lines in parts for line in lines).replace("<!--", "&lt;!--")
        return f"{begin}\n{text.strip()}\n{end}"


def size(text: str) -> int:
    """Return the length of a text as GitHub counts it, in UTF-16 code units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def merge_body(old: str, new: ManagedBody, runs: Sequence[str]) -> str:
    """Return `old` with the section of one of `runs` replaced by `new`, all other text kept to the byte.

    Raises: Stop(10) when `old` has no such section, or no room for it.
    """
    span = next(filter(None, (_span(old, run) for run in runs)), None)
    if span is None:
        raise Stop(
            exits.PERSON, f"the pull request's body has no section of run {new.run}. see who changed it"
        )
    before, after = old[: span[0]], old[span[1] :]
    merged = before + _beside(new, before + after) + after
    # A body edited in the browser comes back with other line ends: no reason to edit it again.
    return old if old.replace("\r\n", "\n") == merged.replace("\r\n", "\n") else merged


def new_body(section: ManagedBody, template: str) -> str:
    """Return the body of a new pull request: the section, then the repository's template to the byte."""
    return f"{_beside(section, template, 2)}\n\n{template}" if template else section.text()


def _beside(section: ManagedBody, others: str, more: int = 0) -> str:
    try:
        return section.text(LIMIT - size(others) - more)
    except Stop:
        section.text()  # raises what is wrong with the section itself
        why = "the pull request's body has no room for the run's section beside its other text"
        raise Stop(exits.PERSON, f"{why}, of {size(others):,} characters. shorten that") from None


def heads_of(old: str, runs: Sequence[str]) -> dict[str, tuple[int, str]] | None:
    """Return the entries and SHA-256 of each log that a body's section of one of `runs` names.

    None when the body has no such section, or two.
    """
    span = next(filter(None, (_span(old, run) for run in runs)), None)
    if span is None:
        return None
    section = old[span[0] : span[1]].rpartition(f"## {LOGS}")[2]
    return {m[1]: (int(m[2]), m[3]) for m in _HEAD.finditer(section)}


def is_ours(old: str, runs: Sequence[str]) -> bool:
    """Return whether a body has the managed section of one of these runs, complete and once."""
    return any(_span(old, run) is not None for run in runs)


def _markers(run: str) -> tuple[str, str]:
    if not _RUN.match(run) or "--" in run:
        raise Stop(exits.REFUSED, f"{run!r} is not a valid run id for a pull request. start a new run")
    return f"<!-- correctless:begin run={run} -->", f"<!-- correctless:end run={run} -->"


def _span(old: str, run: str) -> tuple[int, int] | None:
    begin, end = (
        [*re.finditer(rf"^{re.escape(marker)}(?=\r?$)", old, re.MULTILINE)] for marker in _markers(run)
    )
    if len(begin) != 1 or len(end) != 1 or end[0].start() < begin[0].end():
        return None
    return begin[0].start(), end[0].end()


def _lines(part: BodyPart, blocks: Sequence[str]) -> Iterator[str]:
    if part.title:
        yield from ("", f"## {part.title}", "")
    missing = len(part.blocks) - len(blocks)
    folds = bool(part.folds) and size("\n".join(part.blocks)) > _FOLDED and bool(blocks)
    if folds:
        yield from ("<details>", f"<summary>{part.folds}</summary>", "")
    yield from blocks
    if folds:
        yield from ("", "</details>")
    if missing:
        where = f"; {part.where}" if part.where else ""
        yield from ("", f"*{missing:,} more {'item' if missing == 1 else 'items'} cut to fit{where}.*")
