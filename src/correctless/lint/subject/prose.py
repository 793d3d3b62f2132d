"""The sentences of prose in a skill, each with its position and heading; code and quotes are left out."""

from __future__ import annotations

import re
from typing import NamedTuple

from correctless.base.lazy_re import lazily
from correctless.lint.subject.subject import Skill
from correctless.syntax.markdown import HEADING, ITEM, TEXT, MarkdownLine

TYPE_CHECKING = False  # typing costs 2 ms to import
if TYPE_CHECKING:
    from collections.abc import Iterator

# `not`, `never` and what else turns an instruction into its opposite.
NEGATED = lazily(
    r"(?i)\b(?:not|never|no|none|nothing|nobody|neither|nor|cannot|without|avoid|forbidden|prohibited|instead\s+of|rather\s+than)\b|n't\b|n’t\b"
)

_NEAR = 300  # characters before a verb that are looked at

_ENDS = lazily(r"(?<=[.!?])[\"'”’)*_`]*\s+(?=\S)|\Z")
_MARKUP = r"\s*(?:(?:[-*+]|\d{1,9}[.)])\s+)*(?:\[[ xX]\]\s+)?[*_`\"'“(]*"
# Where the verb of an instruction can stand: at the start, behind "at the end", a comma, "then" or "must".
_IMPERATIVE = lazily(
    rf"(?i)(?:\A{_MARKUP}(?:(?:at|after|before|for|in|on)\s+(?:the|each|every|any|this)\s+\w+\s+)?|[,;:—–]\s+[*_]*|\b(?:then|and|otherwise|else|always|immediately|first|you\s+must|you\s+should|must|should|to\s+do:)\s+[*_]*)\Z"
)


class Sentence(NamedTuple):
    """`start` is its offset in the file's text; `paragraph` is all it stands in, `above` heading and lead-in over that."""

    text: str
    start: int
    paragraph: str
    above: str

    def span(self, found: re.Match[str]) -> tuple[int, int]:
        """Where in the file's text a match in the sentence stands."""
        return self.start + found.start(), self.start + found.end()

    def commands(self, found: re.Match[str]) -> bool:
        """Whether the verb a match begins with tells the reader to do it, and nothing says not to."""
        # Bounded: a hostile sentence is as long as the file, and has a match in every word.
        before = self.text[max(0, found.start() - _NEAR) : found.start()]
        if NEGATED.search(before) or NEGATED.search(self.above):
            return False
        return bool(_IMPERATIVE.search(before))


def sentences(skill: Skill) -> Iterator[Sentence]:
    """The sentences outside of code, comments, quotes and tables."""
    for lines, above in _paragraphs(skill.md.lines):
        start = skill.within(lines[0], 0, 0)[0]
        text = skill.text[start : skill.within(lines[-1], 0, len(lines[-1].text))[1]]
        at = 0
        for end in _ENDS.finditer(text):
            if text[at : end.start()].strip():
                yield Sentence(text[at : end.end()].rstrip(), start + at, text, above)
            at = end.end()


def _paragraphs(lines: tuple[MarkdownLine, ...]) -> Iterator[tuple[list[MarkdownLine], str]]:
    """The lines of each paragraph or item, and its heading with the sentence that leads in to a list."""
    heading = lead = ""
    held: list[MarkdownLine] = []
    for line in (*lines, None):
        text = line.text.strip() if line else ""
        goes_on = line and line.kind == TEXT and text and text[0] not in ">|"
        if held and not goes_on:
            said = " ".join(each.text.strip() for each in held)
            yield held, f"{heading}\n{lead}"
            if held[0].kind != ITEM:
                lead = said[-_NEAR:] if said.rstrip("*_").endswith(":") else ""
            held = []
        if line is None:
            return
        if line.kind == HEADING:
            heading, lead = text.lstrip("# ")[:_NEAR], ""
        elif line.kind == ITEM or goes_on:
            held.append(line)
