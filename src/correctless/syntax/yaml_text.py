"""YAML reader: nodes with positions, and findings for what cannot be read."""

from __future__ import annotations

from correctless.syntax import yaml_plain
from correctless.syntax.yaml_nodes import (
    ALIAS,
    KINDS,
    LIST,
    MAP,
    SCALAR,
    Document,
    Edit,
    LineOffsets,
    Node,
    Reader,
    YamlRefusal,
    readable,
    unreadable,
)

__all__ = [
    "ALIAS", "KINDS", "LIST", "MAP", "SCALAR", "Document", "Edit", "LineOffsets", "Node", "read", "unreadable"
]  # fmt: skip


def read(text: str, path: str, *, start: int = 0, end: int | None = None) -> Document:
    """Read the YAML between two offsets of `text`; positions count in all of it. Never raises on content."""
    stop = len(text) if end is None else end
    if start == stop:
        return Document(None)
    if (root := yaml_plain.read(text, start, stop)) is not None:
        return Document(root)
    return read_all(text, path, start, stop)


def read_all(text: str, path: str, start: int, stop: int) -> Document:
    """Read any YAML, as `read` does what is more than lines of `key: value`."""
    reader = Reader(path, LineOffsets(text), start)
    block = readable(text[start:stop])
    try:
        root = reader.parse(block)
    except YamlRefusal as refused:
        from correctless.syntax.yaml_repair import recover  # most files never need it

        return recover(block, refused, reader)
    return Document(root, tuple(reader.problems))
