"""YAML as nodes with positions, or the position of a syntax error; the only user of PyYAML.

Built on the events of PyYAML's C parser, not on `compose`: that one recurses in C and crashes the process on deeply
nested input, and it hides the place of an alias. Nothing is constructed or expanded.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator

from correctless.base.named import NamedTuple
from correctless.syntax.finding import Edit as Edit
from correctless.syntax.finding import Finding

TYPE_CHECKING = False  # typing costs 2 ms to import
if TYPE_CHECKING:
    from typing import Any

MAX_DEPTH = 64
MAX_NODES = 20_000

SCALAR, LIST, MAP, ALIAS = "scalar", "list", "map", "alias"
KINDS = {LIST: "a list", MAP: "a map", ALIAS: "an alias"}  # for messages


class Node(NamedTuple):
    """One YAML value: `text` of a scalar (or an alias's name), `items` of a list, `pairs` of a map in their order.

    `line` and `column` count from 1 in the file, `start` and `end` are offsets into the whole text, quotes included.
    `style` is "" for a plain scalar, else its quote, `|` or `>`; for lists and maps `[` means written in brackets.
    """

    kind: str
    text: str
    style: str
    line: int
    column: int
    start: int
    end: int
    items: tuple[Node, ...] = ()
    pairs: tuple[tuple[Node, Node], ...] = ()

    def get(self, key: str) -> Node | None:
        """Return the value of a key, the last one of a duplicate key as loaders do; None without it."""
        pair = self.pair(key)
        return pair[1] if pair else None

    def pair(self, key: str) -> tuple[Node, Node] | None:
        """Return the nodes of a key and of its value."""
        for pair in reversed(self.pairs):
            if pair[0].text == key and pair[0].kind == SCALAR:
                return pair
        return None


class Document(NamedTuple):
    """A text that was read; `root` is None for an empty one. `recovered`: it is invalid, and `root` is what could be read."""

    root: Node | None
    problems: tuple[Finding, ...] = ()
    recovered: bool = False

    @property
    def edits(self) -> tuple[Edit, ...]:
        """Return the fixes of `problems`, one for each value that only lacks its quotes."""
        return tuple(edit for problem in self.problems for edit in problem.fix)


class LineOffsets:
    """Line and column of each offset of a text; a line ends with LF, CRLF or CR, as in Markdown."""

    # YAML 1.1 also breaks lines at NEL, LS and PS, which no editor does: so its own line numbers are never used.

    def __init__(self, text: str) -> None:
        self._text = text
        self._starts = [0, *(m.end() for m in re.finditer(r"\r\n|\n|\r", text))] if "\r" in text else None
        self._known = (0, 1)  # an offset and its line: places are asked for in about the order of the text

    def place(self, offset: int) -> tuple[int, int]:
        """Return line and column, from 1, of an offset in characters."""
        if self._starts is not None:
            at = bisect_right(self._starts, offset) - 1
            return at + 1, offset - self._starts[at] + 1
        known, line = self._known if self._known[0] <= offset else (0, 1)
        line += self._text.count("\n", known, offset)
        self._known = (offset, line)
        return line, offset - self._text.rfind("\n", 0, offset)


class YamlRefusal(Exception):  # noqa: N818 not an error of the program
    """Error of the YAML parser: its offset in the block, and whether quotes around a value could fix it."""

    def __init__(self, offset: int, why: str, *, quotable: bool = True) -> None:
        super().__init__(why)
        self.offset = offset
        self.why = why
        self.quotable = quotable


class Reader:
    """Reader of one block: its place in the file, and the problems of the last `parse`."""

    def __init__(self, path: str, lines: LineOffsets, base: int) -> None:
        self.path = path
        self.lines = lines
        self.base = base
        self.problems: list[Finding] = []
        self.aliases: set[str] = set()
        # Offset in the block -> text and end of a value that was put aside.
        self.saved: dict[int, tuple[str, int]] = {}

    def finding(
        self,
        offset: int,
        rule: str,
        message: str,
        severity: str = "error",
        *,
        end: int | None = None,
        fix: tuple[Edit, ...] = (),
    ) -> Finding:
        """Return a finding at an offset in the block, up to the offset `end` if known."""
        place = self.lines.place(self.base + offset)
        behind = self.lines.place(self.base + end) if end is not None else (0, 0)
        return Finding(self.path, *place, rule, message, severity, *behind, fix)

    def parse(self, block: str) -> Node | None:
        """Return the root node of a block, None for an empty one.

        Raises: YamlRefusal for invalid YAML.
        """
        self.problems.clear()
        self.aliases.clear()
        root: Node | None = None
        open_: list[tuple[Any, list[Node]]] = []
        anchors: set[str] = set()
        count = documents = 0
        for event in _events(block):
            kind = type(event).__name__
            anchor = None
            node: Node | None = None
            if kind == "ScalarEvent":
                anchor = event.anchor
                node = self._scalar(event)
            elif kind == "AliasEvent":
                if event.anchor not in anchors:
                    why = f"'*{event.anchor}' without quotes is an alias, and no anchor has that name"
                    raise YamlRefusal(event.start_mark.index, why)
                node = self._alias(event)
            elif kind in ("SequenceStartEvent", "MappingStartEvent"):
                anchor = event.anchor
                open_.append((event, []))
                if len(open_) > MAX_DEPTH:
                    why = f"nested deeper than {MAX_DEPTH}. write it flatter"
                    raise YamlRefusal(event.start_mark.index, why, quotable=False)
            elif kind in ("SequenceEndEvent", "MappingEndEvent"):
                node = self._collection(*open_.pop(), event.end_mark.index)
            elif kind == "DocumentStartEvent":
                documents += 1
                if documents > 1:
                    why = "a second YAML document starts here. keep one"
                    raise YamlRefusal(event.start_mark.index, why, quotable=False)
            if anchor is not None:
                anchors.add(anchor)
            if node is None:
                continue
            count += 1
            if count > MAX_NODES:
                raise YamlRefusal(
                    event.start_mark.index, f"more than {MAX_NODES} values. write fewer", quotable=False
                )
            if open_:
                open_[-1][1].append(node)
            else:
                root = node
        return root

    def _node(self, kind: str, text: str, style: str, start: int, end: int) -> Node:
        line, column = self.lines.place(self.base + start)
        return Node(kind, text, style, line, column, self.base + start, self.base + end)

    def _scalar(self, event: Any) -> Node:
        start, end, style = event.start_mark.index, event.end_mark.index, event.style or ""
        if not style and start in self.saved:
            text, end = self.saved[start]
            return self._node(SCALAR, text, style, start, end)
        value: str = event.value
        if not style and event.tag is None and (why := ambiguity(value)):
            message = f"'{value}' without quotes is {why}. put it in quotes if text is meant"
            self.problems.append(self.finding(start, "yaml-scalar", message, end=end))
        return self._node(SCALAR, value, style, start, end)

    def _alias(self, event: Any) -> Node:
        start = event.start_mark.index
        message = f"'*{event.anchor}' is an alias, and aliases are not followed. write the value out"
        if event.anchor not in self.aliases:  # one finding for each name: a bomb is made of thousands
            self.aliases.add(event.anchor)
            end = event.end_mark.index
            self.problems.append(self.finding(start, "yaml-alias", message, "warning", end=end))
        return self._node(ALIAS, event.anchor, "", start, event.end_mark.index)

    def _collection(self, opened: Any, children: list[Node], end: int) -> Node:
        kind = LIST if type(opened).__name__ == "SequenceStartEvent" else MAP
        start, style = self.base + opened.start_mark.index, "[" if opened.flow_style else ""
        place = (*self.lines.place(start), start, self.base + end)
        if kind == LIST:
            return Node(kind, "", style, *place, items=tuple(children))
        pairs = tuple(zip(children[::2], children[1::2], strict=True))
        self._report_duplicates(pairs)
        return Node(kind, "", style, *place, pairs=pairs)

    def _report_duplicates(self, pairs: tuple[tuple[Node, Node], ...]) -> None:
        first: dict[str, Node] = {}
        for key, _ in pairs:
            if key.kind == SCALAR and first.setdefault(key.text, key) is not key:
                message = (
                    f"duplicate key '{key.text}', first on line {first[key.text].line}. keep one of them"
                )
                start, end = key.start - self.base, key.end - self.base
                self.problems.append(self.finding(start, "duplicate-key", message, end=end))


# What YAML does not allow at all, and the line ends that only YAML 1.1 has. Texts and not compiled, here and below: `re`
# compiles each on first use, most files need none of them, and start-up time matters.
_UNREADABLE = "[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"


def unreadable(block: str) -> int | None:
    """Return the offset of the first character that YAML does not allow, None without one."""
    if _printable(block):
        return None
    match = re.search(_UNREADABLE, block)
    return match.start() if match else None


def readable(block: str) -> str:
    """Return the block with U+FFFD for each character that YAML does not allow; offsets stay the same."""
    return block if _printable(block) else re.sub(_UNREADABLE, "\ufffd", block)


def _printable(block: str) -> bool:
    # Whatever YAML does not allow is unprintable to Python as well; not the other way round.
    return block.replace("\n", "").replace("\r", "").replace("\t", "").isprintable()


def _events(block: str) -> Iterator[Any]:
    import yaml  # here: a command that meets no YAML should not pay for it

    try:
        parser = _parser(yaml)(block)
        yield from iter(parser.get_event, None)
    except yaml.MarkedYAMLError as error:
        mark, context = error.problem_mark, error.context or ""
        # Of what is never closed, and of a stray line, YAML marks the place where it stopped: the start says more.
        if re.search("end of stream|expected ':'", error.problem or "") or "flow" in context:
            mark = error.context_mark or mark
        raise YamlRefusal(mark.index if mark else 0, f"{context}: {error.problem}") from None
    except yaml.YAMLError as error:
        raise YamlRefusal(0, str(error).partition("\n")[0]) from None


def _parser(yaml: Any) -> Any:
    # The bare parser where there is one in C: a loader also prepares to construct values.
    return yaml.cyaml.CParser if yaml.__with_libyaml__ else yaml.SafeLoader


# The 1.1 text also lists y and n, which no reader in use follows.
_BOOL_11 = frozenset({"yes", "Yes", "YES", "no", "No", "NO", "on", "On", "ON", "off", "Off", "OFF"})
_INT_11 = r"[-+]?(?:0b[01_]+|0[0-7_]+|0x[0-9a-fA-F_]+|[1-9][0-9_]*(?::[0-5]?[0-9])*|0)\Z"
_INT_12 = r"(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)\Z"
_FLOAT_11 = r"[-+]?(?:[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?|[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*)\Z"
_FLOAT_12 = r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z"


def ambiguity(plain: str) -> str | None:
    """Return how YAML 1.1 and 1.2 read a scalar without quotes, None when they agree.

    A bare date counts as agreement: both print it as it was written.
    """
    if plain == "<<":
        return "a merge in YAML 1.1 and a plain key in 1.2"
    if plain in _BOOL_11:
        return "true or false in YAML 1.1 and text in 1.2"
    if plain[:1] not in "+-.0123456789" or not plain:
        return None
    old = "a number" if re.match(_INT_11, plain) or re.match(_FLOAT_11, plain) else "text"
    new = "a number" if re.match(_INT_12, plain) or re.match(_FLOAT_12, plain) else "text"
    if old != new:
        return f"{old} in YAML 1.1 and {new} in 1.2"
    octal = (
        old == "a number" and re.match(r"[-+]?0[0-7]*[1-7][0-7]*\Z", plain) and len(plain.lstrip("+-0")) > 0
    )
    if octal and int(plain, 8) != int(plain):
        return f"{int(plain, 8)} in YAML 1.1 and {int(plain)} in 1.2"
    return None
