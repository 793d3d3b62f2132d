"""Reader of the simplest YAML, `key: value` lines, without PyYAML, whose import takes longer than most files.

It returns exactly what the whole reader does, or None for every text that has more to it: one look decides each value.
"""

from __future__ import annotations

from correctless.syntax.yaml_nodes import LIST, MAP, SCALAR, Node, ambiguity

_MAX_LINES = 1000
_MAX_KEY = 100
_INDICATORS = "-?:,[]{}#&*!|>'\"%@`"  # a plain value that starts with one may be something else


_WORDS = dict.fromkeys(map(ord, " ,-_."))  # what may be in a list beside letters and digits


class _NotPlain(Exception):  # noqa: N818 not an error of the text
    """The text needs the whole reader."""


def read(text: str, start: int, stop: int) -> Node | None:
    """Return the map between two offsets of `text`, None when it needs the whole reader."""
    block = text[start:stop]
    if "\r" in text or not block.replace("\n", "").isprintable() or block.count("\n") > _MAX_LINES:
        return None
    try:
        return _PlainLines(text.count("\n", 0, start) + 1, start).read(block)
    except _NotPlain:
        return None


class _PlainLines:
    """The place of the next line, and what was read of the lines before it."""

    def __init__(self, line: int, start: int) -> None:
        self.line = line
        self.at = start
        self.pairs: list[tuple[Node, Node]] = []
        self.key: Node | None = None  # whose values follow on lines of their own
        self.inner: list[Node] = []  # keys and values in turn, or items
        self.kind = ""
        self.indent = 0

    def read(self, block: str) -> Node:
        for row in block.removesuffix("\n").split("\n"):
            bare = row.lstrip(" ")
            if row is bare or not row.startswith(" "):
                self._close()
                key, value = self._pair(row, 0)
                if value is None:
                    self.key = key
                else:
                    self.pairs.append((key, value))
            else:
                self._nested(bare, len(row) - len(bare))
            self.line += 1
            self.at += len(row) + 1
        self.at -= 0 if block.endswith("\n") else 1
        self._close()
        return _map(self.pairs, self.at)

    def _close(self) -> None:
        """End the values of a key at the next line."""
        if self.key is None:
            return
        if not self.inner:
            raise _NotPlain  # a value that is empty
        if self.kind == MAP:
            pairs = list(zip(self.inner[::2], self.inner[1::2], strict=True))
            self.pairs.append((self.key, _map(pairs, self.at)))
        else:
            _, _, _, line, column, start, *_ = self.inner[0]
            place = line, column - 2, start - 2, self.at
            self.pairs.append((self.key, Node(LIST, "", "", *place, items=tuple(self.inner))))
        self.key, self.inner = None, []

    def _nested(self, bare: str, indent: int) -> None:
        kind = LIST if bare.startswith("- ") else MAP
        if not self.inner:
            self.kind, self.indent = kind, indent
        if self.key is None or (kind, indent) != (self.kind, self.indent):
            raise _NotPlain
        if kind == LIST:
            if bare[2:3] == " ":
                raise _NotPlain
            self.inner.append(self._scalar(bare[2:].rstrip(" "), indent + 2))
            return
        key, value = self._pair(bare, indent)
        if value is None:
            raise _NotPlain
        self.inner += (key, value)

    def _pair(self, row: str, column: int) -> tuple[Node, Node | None]:
        name, colon, rest = row.partition(":")
        if not colon or len(name) > _MAX_KEY or not name.replace("-", "_").isidentifier() or name[0] == "-":
            raise _NotPlain
        key = self._scalar(name, column)
        value = rest.strip(" ")
        if not value:
            return key, None
        if rest[0] != " ":
            raise _NotPlain
        at = column + len(name) + 1 + len(rest) - len(rest.lstrip(" "))
        return key, self._flow_list(value, at) if value[0] == "[" else self._scalar(value, at)

    def _flow_list(self, value: str, column: int) -> Node:
        """Return a list in brackets, of plain words."""
        inner, items, at = value[1:-1], [], 1
        if value[-1] != "]" or not inner.translate(_WORDS).isalnum():
            raise _NotPlain
        for part in inner.split(","):
            items.append(self._scalar(part.strip(" "), column + at + len(part) - len(part.lstrip(" "))))
            at += len(part) + 1
        start = self.at + column
        place = self.line, column + 1, start, start + len(value)
        return Node(LIST, "", "[", *place, items=tuple(items))

    def _scalar(self, value: str, column: int) -> Node:
        """Return a value that is at a column of the line, counted from 0."""
        text, style = value, ""
        if value[:1] in ("'", '"'):
            text, style = value[1:-1], value[0]
            if len(value) < 2 or value[-1] != style or style in text or "\\" in text:
                raise _NotPlain
        elif (
            not value
            or value[0] in _INDICATORS
            or value[-1] == ":"
            or ": " in value
            or " #" in value
            or ambiguity(value)
        ):
            raise _NotPlain
        start = self.at + column
        return Node(SCALAR, text, style, self.line, column + 1, start, start + len(value))


def _map(pairs: list[tuple[Node, Node]], end: int) -> Node:
    if len({key.text for key, _ in pairs}) < len(pairs):
        raise _NotPlain  # a key twice is a finding
    first = pairs[0][0]
    return Node(MAP, "", "", first.line, first.column, first.start, end, pairs=tuple(pairs))
