"""JSON as the nodes of `yaml_text`, each with its position, and a finding where it stops being valid JSON."""

from __future__ import annotations

import re
from json.decoder import JSONDecodeError
from json.decoder import scanstring as _scan  # type: ignore[attr-defined]  # in C, and in no stub

from correctless.syntax.finding import Edit, Finding
from correctless.syntax.yaml_nodes import LIST, MAP, MAX_DEPTH, MAX_NODES, SCALAR, Document, LineOffsets, Node

_WHITE = re.compile(r"[ \t\n\r]*")
_LITERAL = re.compile(
    r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?(?![\w.])|(?:true|false|null)(?!\w)"
)


class _Refused(Exception):  # noqa: N818 not an error of the program
    def __init__(self, at: int, why: str, fix: tuple[Edit, ...] = ()) -> None:
        super().__init__(why)
        self.at = at
        self.why = why
        self.fix = fix


def read(text: str, path: str) -> Document:
    """Read one JSON text; never raises on content. The first error is a finding, and `root` has what is before it.

    `style` of a scalar is `"` for text and "" for numbers and for true, false and null.
    """
    reader = _JsonReader(text, path)
    try:
        root = reader.read()
    except _Refused as refused:
        place = reader.lines.place(refused.at)
        reader.problems.append(Finding(path, *place, "json-syntax", refused.why, fix=refused.fix))
        return Document(reader.saved(), tuple(reader.problems), recovered=True)
    return Document(root, tuple(reader.problems))


class _Open:
    """A list or an object that is being read."""

    def __init__(self, kind: str, start: int) -> None:
        self.kind = kind
        self.start = start
        self.items: list[Node] = []
        self.pairs: list[tuple[Node, Node]] = []
        self.first: dict[str, Node] = {}  # the first key of each text
        self.key: Node | None = None


class _JsonReader:
    """Reader of one text. No recursion: a hostile file is nested deeper than the stack."""

    def __init__(self, text: str, path: str) -> None:
        self.text = text
        self.path = path
        self.lines = LineOffsets(text)
        self.problems: list[Finding] = []
        self.open: list[_Open] = []

    def read(self) -> Node:
        at, root, count = self._skip(0), None, 0
        while root is None:
            node, at = self._value(at)
            while node is not None:  # it may end the collection it is in, and that its own
                count += 1
                if count > MAX_NODES:
                    raise _Refused(node.start, f"more than {MAX_NODES} values. write fewer")
                if not self.open:
                    root = node
                    break
                node, at = self._add(node, self._skip(at))
            at = self._skip(at)
        if at < len(self.text):
            raise _Refused(at, "text after the end of the JSON. delete it")
        return root

    def saved(self) -> Node | None:
        """Return what was read of the outermost value when the rest was refused."""
        node: Node | None = None
        while self.open:
            inner = node
            top = self.open[-1]
            if inner is not None:
                self._append(top, inner)
            node = self._close(len(self.text))
        return node

    def _value(self, at: int) -> tuple[Node | None, int]:
        """Return the scalar or empty collection at an offset, None when a collection with content was opened."""
        char = self.text[at : at + 1]
        if char in ("{", "["):
            if len(self.open) >= MAX_DEPTH:
                raise _Refused(at, f"nested deeper than {MAX_DEPTH}. write it flatter")
            self.open.append(_Open(MAP if char == "{" else LIST, at))
            inner = self._skip(at + 1)
            if self.text[inner : inner + 1] == _END[char]:
                return self._close(inner + 1), inner + 1
            return None, self._key(inner) if char == "{" else inner
        if char == '"':
            value, end = self._string(at)
            return self._node(SCALAR, value, '"', at, end), end
        if literal := _LITERAL.match(self.text, at):
            return self._node(SCALAR, literal[0], "", at, literal.end()), literal.end()
        raise _Refused(at, self._why(at))

    def _add(self, node: Node, at: int) -> tuple[Node | None, int]:
        """Add a value to the open collection; return that, if it ends here, and the next offset."""
        top = self.open[-1]
        self._append(top, node)
        char, end = self.text[at : at + 1], "}" if top.kind == MAP else "]"
        if char == end:
            return self._close(at + 1), at + 1
        if char != ",":
            raise _Refused(at, self._why(at, f"write ',' or '{end}'"))
        after = self._skip(at + 1)
        if self.text[after : after + 1] == end:
            why = f"trailing comma before '{end}', which JSON does not allow. delete it"
            raise _Refused(at, why, (Edit(at, at + 1, ""),))
        return None, self._key(after) if top.kind == MAP else after

    def _key(self, at: int) -> int:
        if self.text[at : at + 1] != '"':
            raise _Refused(at, self._why(at, "write a key in double quotes"))
        value, end = self._string(at)
        self.open[-1].key = self._node(SCALAR, value, '"', at, end)
        colon = self._skip(end)
        if self.text[colon : colon + 1] != ":":
            raise _Refused(colon, self._why(colon, "write ':' after the key"))
        return self._skip(colon + 1)

    def _append(self, top: _Open, node: Node) -> None:
        if top.kind == LIST:
            top.items.append(node)
        elif top.key is not None:
            first = top.first.setdefault(top.key.text, top.key)
            if first is not top.key:
                message = f"duplicate key '{first.text}', first on line {first.line}. keep one of them"
                end = self.lines.place(top.key.end)
                finding = Finding(
                    self.path, top.key.line, top.key.column, "duplicate-key", message, "error", *end
                )
                self.problems.append(finding)
            top.pairs.append((top.key, node))
            top.key = None

    def _close(self, end: int) -> Node:
        done = self.open.pop()
        line, column = self.lines.place(done.start)
        return Node(done.kind, "", "[", line, column, done.start, end, tuple(done.items), tuple(done.pairs))

    def _node(self, kind: str, text: str, style: str, start: int, end: int) -> Node:
        return Node(kind, text, style, *self.lines.place(start), start, end)

    def _string(self, at: int) -> tuple[str, int]:
        try:
            value, end = _scan(self.text, at + 1, True)
        except JSONDecodeError as error:
            why = error.msg.partition(" at")[0]
            if why.startswith("Unterminated"):
                raise _Refused(at, "this quote is never closed. write '\"' at its end") from None
            if "control" in why:
                raise _Refused(
                    error.pos,
                    "a line end or control character in a string. write it as an escape, such as \\n",
                ) from None
            raise _Refused(
                error.pos, "this escape does not exist in JSON. write '\\\\' for a backslash"
            ) from None
        return str(value), int(end)

    def _skip(self, at: int) -> int:
        match = _WHITE.match(self.text, at)
        return match.end() if match else at

    def _why(self, at: int, advice: str = "write a value") -> str:
        char = self.text[at : at + 1]
        if not char:
            return "the file ends before its JSON does. close what is open"
        if char in "/#":
            return "JSON has no comments. delete it"
        if char in "'“”‘’":
            return "JSON quotes with '\"' only. write that"
        return f"{char!r} is not allowed here. {advice}"


_END = {"{": "}", "[": "]"}
