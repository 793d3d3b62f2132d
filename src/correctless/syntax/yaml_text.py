"""YAML reader: nodes with positions, and findings for what cannot be read."""

from __future__ import annotations

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
    reader = Reader(path, LineOffsets(text), start)
    if start == stop:
        return Document(None)
    block = readable(text[start:stop])
    try:
        root = reader.parse(block)
    except YamlRefusal as refused:
        from correctless.syntax.yaml_repair import recover  # most files never need it

        return recover(block, refused, reader)
    return Document(root, tuple(reader.problems))
