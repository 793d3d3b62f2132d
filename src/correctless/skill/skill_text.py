"""Frontmatter and sections of a SKILL.md with their places; not judged here."""

from __future__ import annotations

import re
from bisect import bisect_right
from functools import cached_property

from correctless.base.lazy_re import lazily
from correctless.syntax import markdown
from correctless.syntax.markdown import MarkdownLine, Section

TYPE_CHECKING = False  # typing costs 2 ms to import
if TYPE_CHECKING:
    from correctless.syntax.finding import Finding
    from correctless.syntax.yaml_text import Document, Edit, Node


# Offset in the text, rule, message, severity; line and column are computed when the notes are read.
Fault = tuple[int, str, str, str]


class SkillText:
    """One SKILL.md.

    Lines and columns count from 1 in the file, offsets count in `text`. `text` is the whole file decoded,
    without its byte order mark; a byte that is not UTF-8 became one U+FFFD. `raw` is the text between the
    `---` lines, `faults` are the problems outside of its YAML.
    """

    def __init__(
        self,
        path: str,
        text: str,
        *,
        raw: tuple[int, int] | None,
        body: int,
        faults: tuple[Fault, ...],
    ) -> None:
        """`raw`: start and end of the frontmatter, None without one; `body`: the offset of the body."""
        self.path = path
        self.text = text
        self.has_frontmatter = raw is not None
        self.raw_start, end = raw or (0, 0)
        self.raw = text[self.raw_start : end]
        self.body = text[body:] if body else text
        self.body_line = 1 + markdown.count_ends(text, body)
        self.faults = faults

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SkillText) and (self.path, self.text) == (other.path, other.text)

    def __hash__(self) -> int:
        return hash((self.path, self.text))

    # Computed on first use: most callers need the frontmatter alone, and the writer the sections alone, where the import
    # of a YAML parser would cost time.
    @cached_property
    def _document(self) -> Document:
        from correctless.syntax import yaml_text
        from correctless.syntax.finding import Finding

        faults = list(self.faults)
        if (odd := yaml_text.unreadable(self.raw)) is not None:
            message = f"YAML does not allow the character U+{ord(self.raw[odd]):04X}. delete it"
            faults.append((self.raw_start + odd, "encoding", message, "error"))
        end = self.raw_start + len(self.raw)
        read = yaml_text.read(self.text, self.path, start=self.raw_start, end=end)
        root = read.root
        if root is not None and root.kind != yaml_text.MAP:
            # It has no keys, so it counts as no frontmatter.
            message = f"the frontmatter is {yaml_text.KINDS.get(root.kind, 'text without a key')}. write 'key: value' lines"
            faults.append((root.start, "frontmatter", message, "error"))
            root = None
        if not faults:
            return read
        lines = yaml_text.LineOffsets(self.text)
        notes = (
            Finding(self.path, *lines.place(at), rule, message, severity)
            for at, rule, message, severity in faults
        )
        return read._replace(root=root, problems=(*notes, *read.problems))

    @property
    def frontmatter(self) -> Node | None:
        """The map of keys, None when none can be read."""
        return self._document.root

    @property
    def recovered(self) -> bool:
        """Whether the frontmatter is invalid YAML, and this is what could be recovered."""
        return self._document.recovered

    @property
    def edits(self) -> tuple[Edit, ...]:
        """Edits that fix invalid values of the frontmatter."""
        return self._document.edits

    @property
    def notes(self) -> tuple[Finding, ...]:
        """Findings of the reading itself: encoding, frontmatter, YAML."""
        return self._document.problems

    @cached_property
    def lines(self) -> tuple[MarkdownLine, ...]:
        """The lines of the body, each with its number and its kind."""
        return markdown.scan(self.body, self.body_line)

    def is_code(self, row: int, start: int) -> bool:
        """Return whether a line of the body is in a block of code or in a comment.

        `row`: its number in the body, from 0; `start`: the offset of its first character, which must exist.
        """
        # Fences decide for a line at the margin, and for most files they are enough.
        if self._edges is None or self.body[start] in " \t":
            return self.lines[row].kind in (markdown.CODE, markdown.COMMENT)
        return bisect_right(self._edges, start) % 2 == 1

    @cached_property
    def _edges(self) -> list[int] | None:
        return markdown.fence_edges(self.body)

    @cached_property
    def lowered(self) -> str:
        """The body in lower case, for a quick search."""
        return self.body.lower()

    @cached_property
    def sections(self) -> tuple[Section, ...]:
        """The headings of the body in their order.

        None of them is inside code, comments, lists or quotes; a code fence that nothing closes ends at the
        next heading of level 2, so that one mistake does not hide the rest of the file.
        """
        return markdown.sections(markdown.end_open_fences(self.lines))


_OPENING = re.compile(r"(?P<blank>(?:[ \t]*[\r\n])*)---[ \t]*(?:\r\n|\n|\r|\Z)")
_CLOSING = re.compile(r"(?<=[\r\n])---[ \t]*(?:\r\n|\n|\r|\Z)")
# Where the keys of an unclosed frontmatter most likely end.
_UNCLOSED_END = lazily(r"(?<=[\r\n])(?!(?<=\r)\n)(?:[ \t]*(?=[\r\n])|(?=#{1,6}[ \t]))")


def read(data: bytes, path: str) -> SkillText:
    """Read the bytes of one file.

    Any bytes give a `SkillText`; its `notes` say what is wrong.
    """
    text, faults = decode(data)
    opening = _OPENING.match(text)
    if opening is None:
        return SkillText(path, text, raw=None, body=0, faults=tuple(faults))

    if opening["blank"]:
        message = "blank lines above the frontmatter hide it from other readers. move '---' to line 1"
        faults.append((opening.end("blank"), "frontmatter", message, "error"))
    start = opening.end()
    if closing := _CLOSING.search(text, start):
        end, after = closing.span()
    else:
        message = (
            "this '---' opens the frontmatter and nothing closes it. write a line '---' after the last key"
        )
        faults.append((opening.end("blank"), "frontmatter", message, "error"))
        unclosed = _UNCLOSED_END.search(text, start)
        end = after = unclosed.start() if unclosed else len(text)
    return SkillText(path, text, raw=(start, end), body=after, faults=tuple(faults))


def decode(data: bytes) -> tuple[str, list[Fault]]:
    """Return a file's text without byte order mark, and the faults of its encoding."""
    text, damaged = _decode(data)
    if b"\0" in data or b"\r" in data:  # bytes are searched faster than a text
        damaged += _odd_characters(text)
    return text, [(at, "encoding", why, severity) for at, why, severity in damaged]


def _decode(data: bytes) -> tuple[str, list[tuple[int, str, str]]]:
    """Return the text, and offset, message and severity of each fault."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace"), [(0, "the file is UTF-16. save it as UTF-8", "error")]
    faults = []
    if data.startswith(b"\xef\xbb\xbf"):
        data = data[3:]
        faults.append((0, "the file starts with a byte order mark. save it as UTF-8 without one", "warning"))
    try:
        return data.decode(), faults
    except UnicodeDecodeError:
        # One character for one byte, and none that YAML or a log refuses.
        escaped = data.decode(errors="surrogateescape")
        bad = re.compile("[\ud800-\udfff]")
        first = bad.search(escaped)
        text, count = bad.subn("\ufffd", escaped)
        at = first.start() if first else 0
        byte = ord(escaped[at]) - 0xDC00
        faults.append(
            (
                at,
                f"{_counted(count, 'byte')} not UTF-8, the first is 0x{byte:02X}. save the file as UTF-8",
                "error",
            )
        )
        return text, faults


def _odd_characters(text: str) -> list[tuple[int, str, str]]:
    faults = []
    if (at := text.find("\0")) >= 0:
        faults.append(
            (at, f"{_counted(text.count(chr(0)), 'character')} NUL. delete what is not text", "error")
        )
    if (at := text.find("\r\n")) >= 0:
        faults.append(
            (at, f"{_counted(text.count(chr(13) + chr(10)), 'line end')} CRLF. save the file with LF", "info")
        )
    return faults


def _counted(count: int, noun: str) -> str:
    return f"1 {noun} is" if count == 1 else f"{count} {noun}s are"
