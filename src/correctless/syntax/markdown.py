"""Lines and headings of a Markdown text by CommonMark's block rules, each line with its kind."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from itertools import accumulate, count
from operator import add

from correctless.base.lazy_re import lazily
from correctless.base.named import NamedTuple

MAX_DEPTH = 100  # of lists in lists; what is deeper is read as text
_MAX_OPEN = 8  # fences of one text that are ended where nothing closes them: each reads the rest again

TEXT = "text"
ITEM = "item"  # the first line of a list item
HEADING = "heading"
BREAK = "break"  # a thematic break
CODE = "code"  # fenced or indented, fences included
COMMENT = "comment"  # <!-- ... -->


class MarkdownLine(NamedTuple):
    """One line without its end; `depth` is the number of list items it is in, its own included."""

    number: int
    text: str
    kind: str
    depth: int = 0


class Section(NamedTuple):
    """A heading with its lines, up to the next heading of its own or a higher rank."""

    level: int
    title: str
    line: int
    lines: tuple[MarkdownLine, ...]


_ENDS = lazily(r"\r\n|\n|\r")
_ATX = lazily(r"(#{1,6})(?:[ \t]+(.*))?\Z")
_SECOND = lazily(r" {0,3}##[ \t]+[^\s#]")
_SETEXT = lazily(r"(=+|-+)[ \t]*\Z")
_FENCE = lazily(r"(`{3,}(?=[^`]*\Z)|~{3,})")
_BACKTICKS = lazily(r"```+[^\n]*")  # literal characters first make the search fast
_MARKS = lazily(r"(?:```+|~~~+)[^\n]*")
_MARKER = lazily(r"(?:[-*+]|(?P<number>\d{1,9})[.)])(?P<gap>[ \t]+|\Z)")
_SPECIAL = frozenset("#-*_=~`<>+0123456789")  # whatever starts a block, or underlines one
_NOT_PLAIN = _SPECIAL | {" ", "\t"}
# A line at the margin of these forms is the same below any other line: text in bold or code, a heading, an item of plain text.
_EMPHASIS = r"\*\*[^\s*]|`[^`]"
_MARGIN = lazily(
    rf"(?P<text>{_EMPHASIS})|(?P<heading>#{{1,6}}(?:[ \t]|\Z))"
    rf"|(?P<item>(?:[-*+]|(?P<number>\d{{1,9}})[.)])[ ])(?:[^\s#\-*+_=~`<>0-9]|{_EMPHASIS})"
)


def scan(text: str, first_line: int = 1) -> tuple[MarkdownLine, ...]:
    """Return the lines of a text with their kinds; a heading or break inside a list or quote is text."""
    scanner = _Scanner()
    lines = _ENDS.split(text) if "\r" in text else text.split("\n")
    if lines[-1] == "":
        lines.pop()
    kinds, depths = scanner.kinds(lines)
    # A text has thousands of lines, and this makes them without a Python call for each.
    make = partial(tuple.__new__, MarkdownLine)
    return tuple(map(make, zip(count(first_line), lines, kinds, depths, strict=False)))


def line_starts(text: str) -> list[int]:
    """Return the offset of each line of a text."""
    if "\r" not in text:
        *lines, _last = text.split("\n")
        return list(map(add, accumulate(map(len, lines), initial=0), count()))
    return [0, *(end.end() for end in _ENDS.finditer(text))]


def count_ends(text: str, stop: int) -> int:
    """Return the number of lines of a text that end before the offset `stop`."""
    if "\r" not in text:
        return text.count("\n", 0, stop)
    return len(_ENDS.findall(text, 0, stop))


def code_spans(line: str) -> list[tuple[int, int]]:
    """Return start and end of code in backticks, backticks included; in linear time, unlike a pattern with `.+?`."""
    if "`" not in line:
        return []
    runs = [run.span() for run in re.finditer("`+", line)]
    later: dict[int, list[int]] = {}  # by length: the runs that can close one, the next one last
    for number in range(len(runs) - 1, -1, -1):
        later.setdefault(runs[number][1] - runs[number][0], []).append(number)
    spans, number = [], 0
    while number < len(runs):
        start, end = runs[number]
        closing = later[end - start]
        while closing and closing[-1] <= number:
            closing.pop()
        if closing:
            number = closing.pop()
            spans.append((start, runs[number][1]))
        number += 1
    return spans


def fence_edges(text: str) -> list[int] | None:
    """Return start and end of each fenced block in turn, None for a text whose blocks only `scan` knows.

    It takes a tenth of the time, and most texts have their fences at the margin and no comment.
    """
    if "\r" in text or "<!--" in text:
        return None
    edges: list[int] = []
    opened = ""
    for match in (_MARKS if "~~~" in text else _BACKTICKS).finditer(text):
        line, at = match[0], match.start()
        marks = line[: len(line) - len(line.lstrip(line[0]))]
        rest = line[len(marks) :]
        if at and text[at - 1] != "\n":
            if not opened or not text[text.rfind("\n", 0, at) + 1 : at].strip(" \t"):
                return None
        elif not opened:
            if line[0] == "~" or "`" not in rest:
                edges.append(at)
                opened = marks
        elif marks.startswith(opened) and not rest.strip(" \t"):
            edges.append(match.end())
            opened = ""
    return edges


def sections(lines: tuple[MarkdownLine, ...]) -> tuple[Section, ...]:
    """Return the sections of scanned lines, in order."""
    result = []
    nearest = [len(lines)] * 7  # by level: the index of the next heading of that level
    for level, title, first, after in reversed(list(_headings(lines))):
        result.append(Section(level, title, lines[first].number, lines[after : min(nearest[: level + 1])]))
        nearest[level] = first
    return tuple(reversed(result))


def unclosed_fence(lines: tuple[MarkdownLine, ...]) -> int | None:
    """Return the line of a fence that is open at the end of the text."""
    scanner = _Scanner()
    opened = None
    if not lines or lines[-1].kind not in (CODE, ITEM):  # most texts: what is open holds the last line
        return None
    for line in lines:
        before = scanner.fence
        scanner.kind(line.text)
        if scanner.fence is not before:
            opened = line.number
    return opened if scanner.fence else None


def end_open_fences(lines: tuple[MarkdownLine, ...]) -> tuple[MarkdownLine, ...]:
    """Return lines as they are if a fence that nothing closes ends at the next heading of level 2.

    A fenced example inside a fence of the same length leaves such a fence, and by CommonMark all below it is code.
    """
    before: tuple[MarkdownLine, ...] = ()
    for _ in range(_MAX_OPEN):
        number = unclosed_fence(lines)
        if number is None:
            break
        below = range(number - lines[0].number + 1, len(lines))
        heading = next((at for at in below if _SECOND.match(lines[at].text)), None)
        if heading is None:
            break
        before += lines[:heading]
        text = "".join(f"{line.text}\n" for line in lines[heading:])
        lines = scan(text, lines[heading].number)
    return before + lines


def _headings(lines: tuple[MarkdownLine, ...]) -> Iterator[tuple[int, str, int, int]]:
    """Yield level, title, and the indexes of a heading's first line and of the line after it."""
    for index, line in enumerate(lines):
        if line.kind != HEADING:
            continue
        if atx := _ATX.match(line.text.strip()):
            yield len(atx[1]), _without_hashes(atx[2] or ""), index, index + 1
            continue
        # Underlined: its title is the paragraph above.
        first = index
        while first and lines[first - 1].kind == TEXT and lines[first - 1].text.strip():
            first -= 1
        title = " ".join(part.text.strip() for part in lines[first:index])
        yield (1 if line.text.strip()[0] == "=" else 2), title, first, index + 1


def _without_hashes(title: str) -> str:
    bare = title.rstrip("#")
    return (bare if not bare or bare[-1] in " \t" else title).strip()


class _Scanner:
    """State of the block structure before the next line."""

    def __init__(self) -> None:
        self.items: list[int] = []  # the column at which the content of each open list item starts
        self.fence: tuple[str, int] | None = None  # its characters, and the number of list items it is in
        self.comment: int | None = None  # the number of list items it is in
        self.paragraph = False
        self.heading_may_follow = False  # the paragraph can become a heading by an underline

    def kinds(self, lines: list[str]) -> tuple[list[str], list[int]]:
        """Return the kind of each line, and the number of list items it is in."""
        kinds: list[str] = []
        depths: list[int] = []
        items = self.items
        for line in lines:
            # What `kind` returns for most lines, without the call.
            if (fence := self.fence) is not None:
                kinds.append(CODE if not fence[1] and fence[0] not in line else self.kind(line))
            elif self.comment is not None:
                kinds.append(self.kind(line))
            elif not line:
                self.paragraph = False
                kinds.append(TEXT)
            elif line[0] in _NOT_PLAIN:
                kinds.append(self._at_the_margin(line) or self.kind(line))
            else:
                if not self.paragraph:
                    self._text_at_the_margin()
                kinds.append(TEXT)
            depths.append(len(items))
        return kinds, depths

    def _at_the_margin(self, line: str) -> str:
        """Return the kind of a line that its first characters show, "" for other lines."""
        match = _MARGIN.match(line)
        if match is None:
            return ""
        if match.lastgroup == "text":
            return self._text_at_the_margin()
        if match.lastgroup == "heading":
            self.items.clear()
            self.paragraph = False
            return HEADING
        if self.paragraph and not self.items and match["number"] not in (None, "1"):
            return ""
        self.items[:] = [match.end("item")]
        self.paragraph = self.heading_may_follow = True
        return ITEM

    def _text_at_the_margin(self) -> str:
        if not self.paragraph:  # else the paragraph continues, also one of a list item
            self.items.clear()
            self.heading_may_follow = self.paragraph = True
        return TEXT

    def kind(self, line: str) -> str:
        text = line.lstrip(" \t")
        indent = _width(line[: len(line) - len(text)])
        is_open = self.fence is not None or self.comment is not None
        if is_open and (inside := self._inside(text, indent)) is not None:
            return inside
        if not text:
            self.paragraph = False
            return TEXT
        if text[0] not in _SPECIAL and self._base() <= indent < self._base() + 4:  # most lines: plain text
            return self._text(text)
        depth = 0
        while depth < len(self.items) and indent >= self.items[depth]:
            depth += 1
        rest = indent - (self.items[depth - 1] if depth else 0)
        if self.paragraph and depth < len(self.items) and (rest > 3 or not self._starts_block(text, depth)):
            return TEXT  # a lazy continuation: it still belongs to the item's paragraph
        if depth < len(self.items):
            del self.items[depth:]
            self.paragraph = False
        return self._block(text, rest, indent)

    def _inside(self, text: str, indent: int) -> str | None:
        depth = self.fence[1] if self.fence else self.comment or 0
        if text and depth and indent < self.items[depth - 1]:
            self.fence = self.comment = None  # the list item ended, and with it what was open in it
            return None
        if self.fence:
            marks = self.fence[0]
            if (
                text.startswith(marks)
                and not text.rstrip(" \t").strip(marks[0])
                and indent - self._base() < 4
            ):
                self.fence = None
            return CODE
        if "-->" in text:
            self.comment = None
        return COMMENT

    def _base(self) -> int:
        return self.items[-1] if self.items else 0

    def _starts_block(self, text: str, depth: int) -> bool:
        marker = _MARKER.match(text)
        return bool(
            _ATX.match(text.rstrip())
            or _is_break(text)
            or _FENCE.match(text)
            or text.startswith((">", "<!--"))
            or (marker and self._may_start(marker, text, depth))
        )

    def _may_start(self, marker: re.Match[str], text: str, depth: int) -> bool:
        if not self.paragraph or depth < len(self.items):
            return True
        # Only these interrupt a paragraph: "it was in\n1986. What a year" is no list.
        return bool(text[marker.end() :].strip()) and marker["number"] in (None, "1")

    def _block(self, text: str, rest: int, indent: int) -> str:
        """Return the kind of a line whose list items are known, and open what it opens."""
        nested = bool(self.items)
        if rest > 3:
            return TEXT if self.paragraph else CODE
        if self.paragraph and self.heading_may_follow and _SETEXT.match(text):
            self.paragraph = False
            return TEXT if nested else HEADING
        if _is_break(text):
            self.paragraph = False
            return TEXT if nested else BREAK
        if text[0] == "#" and _ATX.match(text.rstrip()):
            self.paragraph = False
            return TEXT if nested else HEADING
        if fence := _FENCE.match(text):
            self.fence = (fence[1], len(self.items))
            self.paragraph = False
            return CODE
        if text.startswith("<!--"):
            if "-->" not in text[4:]:
                self.comment = len(self.items)
            self.paragraph = False
            return COMMENT
        marker = _MARKER.match(text)
        if marker and len(self.items) < MAX_DEPTH and self._may_start(marker, text, len(self.items)):
            self._open_item(marker, text, indent)
            return ITEM
        return self._text(text)

    def _text(self, text: str) -> str:
        if not self.paragraph:
            self.heading_may_follow = text[0] != ">"
        self.paragraph = True
        return TEXT

    def _open_item(self, marker: re.Match[str], text: str, indent: int) -> None:
        gap = _width(marker["gap"])
        content = text[marker.end() :]
        bare = marker.end("gap") - len(marker["gap"])
        # After five spaces the content is indented code, which starts one space behind the marker.
        self.items.append(indent + bare + (gap if content and gap < 5 else 1))
        self.paragraph = False
        if content and gap < 5:
            if content[0] in _SPECIAL:
                self._block(content, 0, self.items[-1])
            else:
                self._text(content)


def _is_break(text: str) -> bool:
    mark = text[:1]
    # Read from its end: a pattern would scan a long line of marks forward and back before it met a word.
    return mark in ("*", "-", "_") and not text.rstrip(f"{mark} \t") and text.count(mark) >= 3


def _width(white: str) -> int:
    if "\t" not in white:
        return len(white)
    width = 0
    for char in white:
        width += 4 - width % 4 if char == "\t" else 1
    return width
