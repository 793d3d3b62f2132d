"""Sentences of prose in a skill with position and heading, without code and quotes."""

from __future__ import annotations

import re
from collections.abc import Iterator

from correctless.base.lazy_re import lazily
from correctless.base.named import NamedTuple
from correctless.lint.subject.subject import Skill
from correctless.syntax.markdown import HEADING, ITEM, TEXT, MarkdownLine

# `not`, `never` and other words that negate an instruction.
NEGATED = lazily(
    r"(?i)\b(?:not|never|no|none|nothing|nobody|neither|nor|cannot|without|avoid|forbidden|prohibited|instead\s+of|rather\s+than)\b|n't\b|n’t\b"
)

_NEAR = 300  # characters before a verb that are read

_ENDS = lazily(r"(?<=[.!?])[\"'”’)*_`]*\s+(?=\S)|\Z")
_MARKUP = r"\s*(?:(?:[-*+]|\d{1,9}[.)])\s+)*(?:\[[ xX]\]\s+)?[*_`\"'“(]*"
# Text before the verb of an instruction: none, "at the end", a comma, "then" or "must".
_IMPERATIVE = lazily(
    rf"(?i)(?:\A{_MARKUP}(?:(?:at|after|before|for|in|on)\s+(?:the|each|every|any|this)\s+\w+\s+)?|[,;:—–]\s+[*_]*|\b(?:then|and|otherwise|else|always|immediately|first|you\s+must|you\s+should|must|should|to\s+do:)\s+[*_]*)\Z"
)


class Sentence(NamedTuple):
    """One sentence; `start` is its offset in the file's text, `paragraph` its whole paragraph, `above` heading and lead-in."""

    text: str
    start: int
    paragraph: str
    above: str

    def span(self, match: re.Match[str]) -> tuple[int, int]:
        """Return the span in the file's text of a match in the sentence."""
        return self.start + match.start(), self.start + match.end()

    def commands(self, match: re.Match[str]) -> bool:
        """Return whether the verb at the start of a match is an instruction that nothing negates."""
        # Bounded: a hostile sentence is as long as the file, and has a match in every word.
        before = self.text[max(0, match.start() - _NEAR) : match.start()]
        if NEGATED.search(before) or NEGATED.search(self.above):
            return False
        return bool(_IMPERATIVE.search(before))


def sentences(skill: Skill) -> Iterator[Sentence]:
    """Yield the sentences outside of code, comments, quotes and tables."""
    for lines, above in _paragraphs(skill.md.lines):
        start = skill.within(lines[0], 0, 0)[0]
        text = skill.text[start : skill.within(lines[-1], 0, len(lines[-1].text))[1]]
        at = 0
        for end in _ENDS.finditer(text):
            if text[at : end.start()].strip():
                yield Sentence(text[at : end.end()].rstrip(), start + at, text, above)
            at = end.end()


def _paragraphs(lines: tuple[MarkdownLine, ...]) -> Iterator[tuple[list[MarkdownLine], str]]:
    """Yield the lines of each paragraph or item, and its heading with the sentence above a list."""
    heading = lead = ""
    paragraph: list[MarkdownLine] = []
    for line in (*lines, None):
        text = line.text.strip() if line else ""
        continues = line and line.kind == TEXT and text and text[0] not in ">|"
        if paragraph and not continues:
            joined = " ".join(each.text.strip() for each in paragraph)
            yield paragraph, f"{heading}\n{lead}"
            if paragraph[0].kind != ITEM:
                lead = joined[-_NEAR:] if joined.rstrip("*_").endswith(":") else ""
            paragraph = []
        if line is None:
            return
        if line.kind == HEADING:
            heading, lead = text.lstrip("# ")[:_NEAR], ""
        elif line.kind == ITEM or continues:
            paragraph.append(line)
