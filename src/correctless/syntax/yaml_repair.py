"""Repair of invalid YAML: what can still be read, each cause as a finding, and the edit that fixes it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from correctless.syntax.finding import Edit
from correctless.syntax.yaml_nodes import Document, Reader, YamlRefusal

MAX_FAULTS = 20  # of one block; each costs a few parses

_KEY = r"""(?:"[^"\n]*"[ ]*|'[^'\n]*'[ ]*|[^\s#\-\[\]{}&*!|>%@`"',?:][^:\n]*|-[^\s:][^:\n]*):(?=\s|\Z)"""
_TOP = re.compile(rf"^(?P<indent>[ ]*){_KEY}", re.MULTILINE)
# One line and its value: `key: value`, `- value` or `- key: value`.
_VALUE = re.compile(rf"(?P<lead>[ ]*(?:-[ ]+)*)(?:{_KEY}[ \t]*)?(?P<value>[^\s|>].*)?\Z")


def recover(block: str, refused: YamlRefusal, reader: Reader) -> Document:
    """Replace each value that YAML refuses, until it reads the rest.

    A value is overwritten with the same number of harmless characters, so offsets stay the same; its node gets the
    text of the file.
    """
    keys = _top_keys(block)
    work, root = block, None
    problems = []
    for _ in range(MAX_FAULTS):
        repair = _quote_a_value(work, block, refused, keys, reader)
        if not repair:
            refused = _stray_line(block, refused, keys)
        message, end = _message(block, refused, repair), None
        fix: tuple[Edit, ...] = ()
        if repair:
            work, edit = repair
            fix = (Edit(reader.base + edit.start, reader.base + edit.end, edit.new),)
            end = edit.end if edit.end > refused.offset else None
        else:
            work = _set_aside(work, block, refused.offset, keys, reader)
        problems.append(reader.finding(refused.offset, "yaml-syntax", message, end=end, fix=fix))
        try:
            root = reader.parse(work)
            break
        except YamlRefusal as further:
            refused = further
    return Document(root, (*problems, *reader.problems), recovered=True)


def _stray_line(block: str, refused: YamlRefusal, keys: list[re.Match[str]]) -> YamlRefusal:
    """Return the error at the stray line above a key: YAML reads that line as the start of the key and refuses the key."""
    key = next((k for k in reversed(keys) if k.start() <= refused.offset), None)
    if key and refused.offset < key.end() and refused.quotable:
        above = block[: key.start()].rstrip()
        if above:
            return YamlRefusal(max(above.rfind("\n"), above.rfind("\r")) + 1, "could not find expected ':'")
    return refused


def _top_keys(block: str) -> list[re.Match[str]]:
    matches = list(_TOP.finditer(block))
    indent = min((len(m["indent"]) for m in matches), default=0)
    return [m for m in matches if len(m["indent"]) == indent]


def _extent(block: str, offset: int, keys: list[re.Match[str]]) -> tuple[int, int, int]:
    """Return where the top-level key of an offset starts, its value, and the next key."""
    before = [m for m in keys if m.start() <= offset]
    after = next((m.start() for m in keys if m.start() > offset), len(block))
    if not before:
        return 0, 0, after
    value = re.compile(r"[ \t]*").match(block, before[-1].end())
    return before[-1].start(), value.end() if value else before[-1].end(), after


def _quote_a_value(
    work: str, block: str, refused: YamlRefusal, keys: list[re.Match[str]], reader: Reader
) -> tuple[str, Edit] | None:
    """Return the work text without the invalid value, and the edit that quotes it; None when quotes don't help."""
    if not refused.quotable:
        return None
    for start, end in _candidates(block, refused.offset, keys):
        tried = _cover(work, start, end)
        inner, new = _quoted(block[start:end])
        if "\ufffd" in new:  # in the place of a character that YAML refuses: the file has another one there
            continue
        try:
            reader.parse(tried)
        except YamlRefusal as further:
            if further.offset < end:
                continue
        reader.saved[start] = (" ".join(inner.split()), end)
        return tried, Edit(start, end, new)
    return None


def _candidates(block: str, offset: int, keys: list[re.Match[str]]) -> Iterator[tuple[int, int]]:
    """Yield spans of values whose missing quotes may be the fault: that on the line, then the whole value of its key."""
    start = max(block.rfind("\n", 0, offset), block.rfind("\r", 0, offset)) + 1
    line = re.compile(r"[^\r\n]*").match(block, start)
    match = _VALUE.match(line[0].rstrip(" \t")) if line else None
    keyed = line is not None and re.match(rf"[ ]*(?:-[ ]+)*{_KEY}", line[0]) is not None
    whole = (
        match is not None and keyed and match.start("value") == match.end("lead")
    )  # its value begins a block: `k: >50%`
    if (
        line
        and match
        and match["value"]
        and not whole
        and not _continues(block, line.end(), match.end("lead"))
    ):
        yield (
            start + match.start("value"),
            start + match.start("value") + len(_without_comment(match["value"])),
        )
    _, value, end = _extent(block, offset, keys)
    raw = block[value:end].rstrip()
    if raw and value and block[value] not in "\r\n|>#":
        yield value, value + len(raw)


def _continues(block: str, end: int, column: int) -> bool:
    """Whether the value of a key in this column, on the line that ends at `end`, goes on below: quotes round one line would cut it."""
    below = re.compile(r"[\r\n]+([ ]*)([^\s#])").match(block, end)
    return below is not None and len(below[1]) > column


def _without_comment(value: str) -> str:
    comment = re.search(r"[ \t]#", value)
    return value[: comment.start()].rstrip() if comment else value


def _quoted(raw: str) -> tuple[str, str]:
    """Return the text that a raw value means, and the value in quotes."""
    inner = raw
    mark = raw[0]
    # 'it's' is meant as a quoted text; "a" and "b" is not: there a quote inside is at the edge of a word.
    if (
        mark in "'\""
        and len(raw) > 1
        and raw[-1] == mark
        and not re.search(rf"(?<!\w){mark}|{mark}(?!\w)", raw[1:-1])
    ):
        inner = raw[1:-1]
    elif mark in "'\"" and mark not in raw[1:]:
        inner = raw[1:]  # never closed
    if '"' in inner or "\\" in inner:
        return inner, "'" + inner.replace("'", "''") + "'"
    return inner, f'"{inner}"'


def _cover(work: str, start: int, end: int) -> str:
    return work[:start] + re.sub(r"\S", "x", work[start:end]) + work[end:]


def _set_aside(work: str, block: str, offset: int, keys: list[re.Match[str]], reader: Reader) -> str:
    """Return the work text without the top-level value (or the stray lines) around an offset."""
    start, value, end = _extent(block, offset, keys)
    line_end = next((m.start() for m in re.finditer(r"[\r\n]", block[value:end])), end - value) + value
    raw = block[value:end].strip()
    if raw[:1] in ("|", ">"):
        raw = "\n".join(line.strip() for line in raw.splitlines()[1:])
    tail = _blank(work[line_end:end]) + work[end:]
    covered = work[:value] + "x" * (line_end - value) + tail
    if value and covered != work:
        if line_end > value:
            reader.saved[value] = (raw, value + len(block[value:end].rstrip()))
        return covered
    # No key, or its value was replaced before and YAML still refuses it: the key itself is at fault.
    return work[:start] + _blank(work[start:end]) + work[end:]


def _blank(text: str) -> str:
    return re.sub(r"[^\r\n]", " ", text)


_CAUSES = (
    ("mapping values are not allowed", "': ' in a value without quotes starts another key"),
    ("unknown escape", "this escape does not exist in double quotes"),
    ("while scanning a quoted scalar", "this quote is never closed"),
    ("while scanning an alias", "'*' at the start of a value without quotes makes it an alias"),
    ("while scanning an anchor", "'&' at the start of a value without quotes makes it an anchor"),
    ("while scanning a tag", "'!' at the start of a value without quotes makes it a tag"),
    ("while scanning a block scalar", "after '|' or '>' the text starts on the next line"),
    ("flow", "this bracket opens a list or a map that is not closed as YAML wants it"),
    ("could not find expected ':'", "a line is neither 'key: value' nor indented"),
    ("while parsing a block collection", "a list item is indented differently from the items above"),
)


def _message(block: str, refused: YamlRefusal, repair: tuple[str, Edit] | None) -> str:
    if not refused.quotable:
        return refused.why
    cause = refused.why.removeprefix(": ")
    char = block[refused.offset : refused.offset + 1]
    if "\t" in (char, block[refused.offset - 1 : refused.offset]) and ("token" in cause or "tab" in cause):
        cause = "a tab where YAML requires spaces"
    elif "cannot start any token" in cause:
        cause = f"a value without quotes can't start with '{char}'"
    elif "did not find expected key" in cause:
        cause = (
            "text follows after the value's closing quote or bracket"
            if repair
            else "this line is indented differently from the lines above"
        )
    else:
        cause = next((text for part, text in _CAUSES if part in cause), cause)
    if repair is None:
        return f"{cause}. write 'key: value' lines, and put a value with special characters in quotes"
    new = repair[1].new
    return f"{cause}. " + (
        f"write {new}" if len(new) <= 60 and "\n" not in new else "put the whole value in quotes"
    )
