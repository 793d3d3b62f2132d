"""The TOML of a contract's eight sections, cut out of its Markdown, with line numbers.

The cut goes by lines alone, which is quick. `agrees` compares it with CommonMark's own reading, so that you and the program
see the same sections and fences.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from correctless.base.values import frozen
from correctless.runcontract.document.sections import SECTIONS
from correctless.syntax.finding import Finding

RULE = "contract-structure"
_HEADING = re.compile(r"## +(?:(\d+)\. +)?(.*?) *\Z")
_FENCE = re.compile(r"(`{3,}|~{3,})(.*)\Z")
_OURS = re.compile(r"toml contract\.([a-z_]+)\Z")


@frozen
class Slice:
    """The TOML of one section; `line` is the number of its first line in the document."""

    name: str
    line: int
    toml: str


@frozen
class _Heading:
    line: int
    number: str | None
    title: str


@frozen
class _Fence:
    line: int  # of its first mark
    info: str
    last: int  # of its closing mark; 0 when it has none
    lines: tuple[str, ...]


def slices(text: str, path: str) -> tuple[tuple[Slice, ...], tuple[Finding, ...]]:
    """Return each section that has a fence, and every fault of headings and fences."""
    headings, fences = _scan(text)
    findings = list(_headings(headings, text, path))
    sections: dict[str, Slice] = {}
    titles = {name: title for title, name, _ in SECTIONS}
    names = list(titles)
    for fence in fences:
        at = [h for h in headings if h.line < fence.line]
        message = ""
        ours = _OURS.match(fence.info)
        name = ours[1] if ours else ""
        if ours is None or name not in names:
            if "contract" in fence.info.lower():
                wanted = ", ".join(f"contract.{each}" for each in names)
                message = f"a fence '{fence.info}'. write toml and one of {wanted}"
            else:
                continue
        elif name in sections:
            message = f"a second fence of contract.{name}. write one"
        elif not at or at[-1].title != titles[name]:
            section = f"## {names.index(name) + 1}. {titles[name]}"
            message = f"contract.{name} is in another section. move it below '{section}'"
        if not message and not fence.last:
            message = "the fence is never closed. close it"
        if message:
            findings.append(Finding(path, fence.line, 1, RULE, message))
        if ours and name in names:
            sections.setdefault(name, Slice(name, fence.line + 1, "\n".join((*fence.lines, ""))))
    for number, (title, name, _) in enumerate(SECTIONS, 1):
        if name not in sections and (line := next((h.line for h in headings if h.title == title), 0)):
            message = f"section {number} has no fence 'toml contract.{name}'. add it"
            findings.append(Finding(path, line, 1, RULE, message))
    return tuple(sections[name] for name in names if name in sections), tuple(findings)


def agrees(text: str, path: str) -> Iterator[Finding]:
    """Yield each heading and fence that CommonMark and `slices` read differently."""
    from markdown_it import MarkdownIt

    headings, fences = _scan(text)
    ours = {h.line: "heading" for h in headings} | {f.line: f"fence {f.info}" for f in fences}
    theirs: dict[int, str] = {}
    for token in MarkdownIt("commonmark").parse(text):
        if token.map is None:
            continue
        line = token.map[0] + 1
        if token.type == "heading_open" and token.tag == "h2":
            theirs[line] = "heading" if token.level == 0 and token.markup == "##" else "another heading"
        elif token.type == "fence":
            theirs[line] = f"fence {token.info.strip()}" if token.level == 0 else "an inner fence"
    for line in sorted(ours.keys() | theirs.keys()):
        one, other = ours.get(line, "text"), theirs.get(line, "text")
        # A plain inner fence is an example.
        if one == other or (one == "text" and other == "an inner fence" and not _mentions(text, line)):
            continue
        message = "Markdown reads this line in another way than it looks. write ## and ``` at the margin, outside lists, quotes, comments and HTML"
        yield Finding(path, line, 1, RULE, message)


def _mentions(text: str, line: int) -> bool:
    return "contract" in text.split("\n")[line - 1].lower()


def _scan(text: str) -> tuple[tuple[_Heading, ...], tuple[_Fence, ...]]:
    headings: list[_Heading] = []
    fences: list[_Fence] = []
    opened: tuple[int, str, str] | None = None
    inside: list[str] = []
    for number, line in enumerate(text.split("\n"), 1):
        if opened is not None:
            bare = line.strip(" \t")
            closes = (
                bare.startswith(opened[1])
                and not bare.strip(opened[1][0])
                and len(line) - len(line.lstrip()) < 4
            )
            if closes:
                fences.append(_Fence(opened[0], opened[2], number, tuple(inside)))
                opened, inside = None, []
            else:
                inside.append(line)
        elif (fence := _FENCE.match(line)) and not (fence[1][0] == "`" and "`" in fence[2]):
            opened = (number, fence[1], fence[2].strip())
        elif heading := _HEADING.match(line):
            headings.append(_Heading(number, heading[1], heading[2]))
    if opened is not None:
        fences.append(_Fence(opened[0], opened[2], 0, tuple(inside)))
    return tuple(headings), tuple(fences)


def _headings(headings: tuple[_Heading, ...], text: str, path: str) -> Iterator[Finding]:
    titles = [title for title, _, _ in SECTIONS]
    earlier: list[str] = []
    for heading in headings:
        if heading.title not in titles:
            message = f"a section '{heading.title}'. a contract has these eight: {', '.join(titles)}"
            yield Finding(path, heading.line, 1, RULE, message)
            continue
        number = titles.index(heading.title) + 1
        if heading.title in earlier:
            yield Finding(path, heading.line, 1, RULE, f"a second section '{heading.title}'. write one")
        elif earlier and titles.index(earlier[-1]) > number - 1:
            message = f"'{heading.title}' is after '{earlier[-1]}'. it is section {number}"
            yield Finding(path, heading.line, 1, RULE, message)
        elif heading.number not in (None, str(number)):
            message = f"'{heading.title}' has the number {heading.number}. it is section {number}"
            yield Finding(path, heading.line, 1, RULE, message)
        earlier.append(heading.title)
    last = text.count("\n") or 1
    for number, title in enumerate(titles, 1):
        if title not in earlier:
            yield Finding(path, last, 1, RULE, f"section {number} is missing. write '## {number}. {title}'")
