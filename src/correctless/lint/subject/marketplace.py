"""Entries of a marketplace, and the folders of their plugins."""

from __future__ import annotations

from collections.abc import Iterator

from correctless.lint.subject.shapes import is_text
from correctless.lint.subject.subject import JsonSubject
from correctless.syntax.yaml_text import MAP, Node


def entries(market: JsonSubject) -> Iterator[tuple[Node, Node | None]]:
    """Yield each entry of a marketplace, and its source."""
    plugins = market.root.get("plugins") if market.root else None
    for entry in plugins.items if plugins else ():
        if entry.kind == MAP:
            yield entry, entry.get("source")


def folder(market: JsonSubject, source: Node) -> str | None:
    """Return the folder of a source that is a path, from the folder of the marketplace's file; None for other sources."""
    above = "../" if market.folder == ".claude-plugin" else ""
    name = source.text
    if ".." in name.split("/") or name.startswith("/") or not name:
        return None
    if name == "." or name.startswith("./"):
        return above + name
    metadata = market.root.get("metadata") if market.root else None
    base = metadata.get("pluginRoot") if metadata else None
    if base is None or not is_text(base) or ".." in base.text.split("/") or base.text.startswith("/"):
        return None
    return f"{above}{base.text}/{name}"
