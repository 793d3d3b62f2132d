"""The bytes of a SKILL.md in, its frontmatter and its sections out, each with its place in the file; never judges."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from correctless import markdown, yamltext
from correctless.finding import Finding
from correctless.markdown import Line, Section
from correctless.yamltext import Edit, Node


@dataclass(frozen=True)
class SkillText:
    """One SKILL.md as it was read; lines and columns count from 1 in the file, offsets count in `text`.

    `text` is the whole file decoded, without its byte order mark; a byte that is no UTF-8 became one U+FFFD.
    `frontmatter` is the map of keys, None when there is none that can be read; `raw` is its text between the `---` lines.
    `edits` heal what YAML refused. `notes` are faults of the reading itself: encoding, frontmatter, YAML.
    """

    path: str
    text: str
    has_frontmatter: bool
    frontmatter: Node | None
    raw: str
    body: str
    body_line: int
    recovered: bool
    edits: tuple[Edit, ...]
    notes: tuple[Finding, ...]

    # Both are worked out when asked for: most files are looked at for their frontmatter alone.
    @cached_property
    def lines(self) -> tuple[Line, ...]:
        """The lines of the body, each with its number and its kind."""
        return tuple(markdown.scan(self.body, self.body_line))

    @cached_property
    def sections(self) -> tuple[Section, ...]:
        """The headings of the body in their order, none of them inside code, comments, lists or quotes."""
        return markdown.sections(self.lines)


_OPENING = re.compile(r"(?P<blank>(?:[ \t]*[\r\n])*)---[ \t]*(?:\r\n|\n|\r|\Z)")
_CLOSING = re.compile(r"(?<=[\r\n])---[ \t]*(?:\r\n|\n|\r|\Z)")
# Where the keys of a frontmatter that nobody closed most likely end.
_UNCLOSED_END = re.compile(r"(?<=[\r\n])(?:[ \t]*(?=[\r\n])|(?=#{1,6}[ \t]))")
_KINDS = {yamltext.SCALAR: "text without a key", yamltext.LIST: "a list", yamltext.ALIAS: "an alias"}


def read(data: bytes, path: str) -> SkillText:
    """Read the bytes of one file; whatever they are, the answer is a `SkillText` and its `notes` say what was wrong."""
    notes: list[Finding] = []
    text, damaged = _decode(data)
    places = yamltext.Lines(text)

    def note(offset: int, rule: str, message: str, severity: str = "error") -> None:
        notes.append(Finding(path, *places.place(offset), rule, message, severity))

    for offset, message, severity in (*damaged, *_odd_characters(text)):
        note(offset, "encoding", message, severity)
    opening = _OPENING.match(text)
    if opening is None:
        return SkillText(path, text, False, None, "", text, 1, False, (), tuple(notes))

    if opening["blank"]:
        message = (
            "blank lines stand above the frontmatter, and other readers then see none. move '---' to line 1"
        )
        note(opening.end("blank"), "frontmatter", message)
    start = opening.end()
    if closing := _CLOSING.search(text, start):
        end, after = closing.span()
    else:
        message = (
            "this '---' opens the frontmatter and nothing closes it. write a line '---' after the last key"
        )
        note(opening.end("blank"), "frontmatter", message)
        unclosed = _UNCLOSED_END.search(text, start)
        end = after = unclosed.start() if unclosed else len(text)
    if odd := yamltext.UNREADABLE.search(text, start, end):
        message = f"YAML does not allow the character U+{ord(odd[0]):04X}. delete it"
        note(odd.start(), "encoding", message)

    document = yamltext.read(text, path, start=start, end=end, lines=places)
    root = document.root
    if root is not None and root.kind != yamltext.MAP:
        note(root.start, "frontmatter", f"the frontmatter is {_KINDS[root.kind]}. write 'key: value' lines")
        root = None
    return SkillText(
        path,
        text,
        has_frontmatter=True,
        frontmatter=root,
        raw=text[start:end],
        body=text[after:],
        body_line=places.place(after)[0],
        recovered=document.recovered,
        edits=document.edits,
        notes=(*notes, *document.problems),
    )


def _decode(data: bytes) -> tuple[str, list[tuple[int, str, str]]]:
    """The text, and for each fault its offset, message and severity."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace"), [(0, "the file is UTF-16. save it as UTF-8", "error")]
    faults = []
    if data.startswith(b"\xef\xbb\xbf"):
        data = data[3:]
        faults.append((0, "the file starts with a byte order mark. save it as UTF-8 without one", "warning"))
    try:
        return data.decode(), faults
    except UnicodeDecodeError:
        # One character for one byte, and none that YAML or a log could choke on.
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
