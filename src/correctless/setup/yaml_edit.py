"""Additions to a YAML file that a person wrote: every byte that is not new stays as it is.

ruamel.yaml finds the places. It does not write the file: that would change the indentation and the line breaks of what it did
not change.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError as YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

# Plain in every version of YAML, also in brackets: no number, no boolean, no indicator.
_PLAIN = re.compile(r"(?![-.+]?\d)(?!\.\.\.$|---)[A-Za-z_./][\w./@%+=-]*|-{1,2}[A-Za-z][\w=./-]*", re.ASCII)
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null", "none"})
_NUMBERS = frozenset({"inf", "infinity", "nan"})  # with or without a sign or a dot


def scalar(text: str) -> str:
    """Return a text as a YAML value in one line: plain where it can be, else in double quotes."""
    word = text.lower()
    if _PLAIN.fullmatch(text) and word not in _WORDS and word.lstrip("-+.") not in _NUMBERS:
        return text
    return f'"{"".join(map(_escaped, text))}"'


def _escaped(char: str) -> str:
    # Not as JSON: YAML knows no surrogate pairs.
    if char in '"\\':
        return f"\\{char}"
    code = ord(char)
    if char.isascii() and char.isprintable():
        return char
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def flow(value: Any) -> str:
    """Return a value on one line: texts, numbers, booleans, lists and mappings."""
    if isinstance(value, str):
        return scalar(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{scalar(str(key))}: {flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, Sequence):
        return f"[{', '.join(map(flow, value))}]"
    return json.dumps(value)


def with_value(text: str, keys: Sequence[str], value: Any) -> str:
    """Return a YAML text in which `keys`, each below the one before, lead to a value; missing ones are added.

    Raises: ValueError where a key leads to something else than a mapping.
    """
    root = _composed(text)
    if root is None or _is_null(root):
        return _appended(text, f"{_block(keys, value, 0, 2)}")
    node = root
    for depth, key in enumerate(keys):
        if not isinstance(node, MappingNode):
            above = f"'{keys[depth - 1]}'" if depth else "the file"
            raise ValueError(f"{above} is not a mapping")  # noqa: TRY004 it is the file's fault
        child = _child(node, key)
        if child is None:
            return _added(text, root, node, keys[depth:], value)
        if _is_null(child) and not child.value:  # its place is anywhere behind the colon
            at = text.index(":", _name(node, key).end_mark.index) + 1
            return f"{text[:at]} {_spelled(text, root, value)}{text[at:]}"
        node = child
    return text[: node.start_mark.index] + _spelled(text, root, value) + text[_end(text, node) :]


def with_item(text: str, key: str, item: str) -> str:
    """Return a YAML text with one more item at the end of the list below `key`; `item` is its lines, without a dash.

    Raises: ValueError where that is not a list.
    """
    root = _composed(text)
    lines = item.splitlines()
    rows = [f"- {lines[0]}", *(f"  {line}" for line in lines[1:])]
    if root is None or _is_null(root):
        return _appended(text, "\n".join([f"{key}:", *(f"  {row}" for row in rows)]))
    child = _child(root, key) if isinstance(root, MappingNode) else None
    if isinstance(root, MappingNode) and child is None and not root.flow_style:
        return _inserted(text, _last_line(text, root), [f"{key}:", *(f"  {row}" for row in rows)], 0)
    if not isinstance(child, SequenceNode) or child.flow_style or not child.value:
        raise ValueError(f"'{key}' is not a list with a line for each item")
    return _inserted(text, _last_line(text, child), rows, child.start_mark.column)


def _composed(text: str) -> Node | None:
    node: Node | None = YAML(typ="rt").compose(text)
    return node


def _is_null(node: Node) -> bool:
    return isinstance(node, ScalarNode) and node.style is None and node.value in ("", "~", "null")


def _child(node: MappingNode, key: str) -> Node | None:
    return next((value for name, value in node.value if name.value == key), None)


def _spelled(text: str, root: Node, value: Any) -> str:
    """Return a value on one line; in a file that is JSON it is JSON."""
    start = root.start_mark.index
    is_json = text[start : start + 1] == "{" and text[start + 1 :].lstrip()[:1] == '"'
    return json.dumps(value, ensure_ascii=False) if is_json else flow(value)


def _name(node: MappingNode, key: str) -> Node:
    name: Node = next(name for name, _ in node.value if name.value == key)
    return name


def _block(keys: Sequence[str], value: Any, indent: int, step: int) -> str:
    """Return lines of block style that lead to a value."""
    rows = [f"{' ' * (indent + step * n)}{scalar(key)}:" for n, key in enumerate(keys)]
    rows[-1] += f" {flow(value)}"
    return "\n".join(rows)


def _added(text: str, root: Node, node: MappingNode, keys: Sequence[str], value: Any) -> str:
    if node.flow_style:
        nested = value
        for key in reversed(keys[1:]):
            nested = {key: nested}
        pair = _spelled(text, root, {keys[0]: nested})[1:-1]
        at = _end(text, node.value[-1][1]) if node.value else node.start_mark.index + 1
        return f"{text[:at]}{', ' if node.value else ''}{pair}{text[at:]}"
    column = node.value[0][0].start_mark.column
    rows = _block(keys, value, 0, _step(root)).splitlines()
    return _inserted(text, _last_line(text, node), rows, column)


def _step(root: Node) -> int:
    """Return the indentation of the first nested mapping; 2 without one."""
    if isinstance(root, MappingNode):
        for key, value in root.value:
            if isinstance(value, MappingNode) and not value.flow_style and value.value:
                step: int = value.start_mark.column - key.start_mark.column
                return max(1, step)
    return 2


def _end(text: str, node: Node) -> int:
    """Return the offset behind a node: of a block, behind its last value."""
    if isinstance(node, MappingNode | SequenceNode) and not node.flow_style and node.value:
        last = node.value[-1]
        inner: Node = last[1] if isinstance(last, tuple) else last
        return _end(text, inner)
    end: int = node.end_mark.index
    block = isinstance(node, ScalarNode) and node.style in ("|", ">")
    return len(text[:end].rstrip(" \t\r\n")) if block else end


def _last_line(text: str, node: Node) -> int:
    """Return the number, from 0, of the line on which a block ends."""
    return len(re.findall(r"\r\n|\n|\r", text[: _end(text, node)]))


def _inserted(text: str, line: int, rows: Sequence[str], indent: int) -> str:
    """Return the text with rows behind a line, with the line ends of the file."""
    lines = re.findall(r"[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+", text)
    newline = "\r\n" if "\r\n" in text else "\n"
    before, after = lines[: line + 1], lines[line + 1 :]
    if before and not before[-1].endswith(("\n", "\r")):
        before[-1] += newline
    return "".join([*before, *(f"{' ' * indent}{row}{newline}" for row in rows), *after])


def _appended(text: str, block: str) -> str:
    """Return the text with a block at its end: it has only comments, or a root without a value."""
    newline = "\r\n" if "\r\n" in text else "\n"
    text = text if not text or text.endswith("\n") else f"{text}{newline}"
    return f"{text}{block.replace(chr(10), newline)}{newline}"
