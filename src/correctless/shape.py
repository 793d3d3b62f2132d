"""A JSON value and the form it should have -> where it differs, and how; the forms of a plugin's manifest."""

from __future__ import annotations

import re

from correctless.subject import JsonSubject
from correctless.yamltext import LIST, MAP, SCALAR, Node

TYPE_CHECKING = False  # typing costs 2 ms to import
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    # A form yields each place that differs, with what should stand there instead.
    Form = Callable[[Node], Iterator[tuple[Node, str]]]


def is_text(node: Node | None) -> bool:
    return node is not None and node.kind == SCALAR and node.style == '"'


def said(node: Node) -> str:
    """What stands there, in a few words."""
    if node.kind in (MAP, LIST):
        return "an object" if node.kind == MAP else "a list"
    if node.style == '"':
        return f"'{node.text[:60]}'" if node.text.strip() else "an empty text"
    return node.text[:60]


def reserved(name: str) -> bool:
    """Whether a plugin of somebody else may not be called so."""
    low = name.lower()
    return (
        low.startswith(("claude-", "anthropic-", "anthropics-", "cc-plugin-"))
        or low in ("claude", "anthropic", "anthropics", "claude-code", "claude-mods")
        or bool(re.search(r"official[-_.]?(?:claude|anthropic)|(?:claude|anthropic)[-_.]?official", low))
    )


def text(node: Node) -> Iterator[tuple[Node, str]]:
    if not is_text(node):
        yield node, "text in quotes"


def filled(node: Node) -> Iterator[tuple[Node, str]]:
    if not is_text(node) or not node.text:
        yield node, "text in quotes"


def yes_or_no(node: Node) -> Iterator[tuple[Node, str]]:
    if node.kind != SCALAR or node.style or node.text not in ("true", "false"):
        yield node, "true or false"


def positive(node: Node) -> Iterator[tuple[Node, str]]:
    if node.kind != SCALAR or node.style or not re.match(r"[0-9.]*[1-9]", node.text):
        yield node, "a number above 0"


def an_object(node: Node) -> Iterator[tuple[Node, str]]:
    if node.kind != MAP:
        yield node, "an object"


def a_list(node: Node) -> Iterator[tuple[Node, str]]:
    if node.kind != LIST:
        yield node, "a list"


def address(node: Node) -> Iterator[tuple[Node, str]]:
    # As the WHATWG URL parser has it: a scheme, and behind `http:` a host.
    if not is_text(node) or not re.match(
        r"\s*(?:(?:https?|ftp|wss?):/*[^\s/?#]|(?!(?:https?|ftp|wss?):)[A-Za-z][A-Za-z0-9+.-]*:)",
        node.text,
        re.IGNORECASE,
    ):
        yield node, "an address such as 'https://example.com'"


def list_of(each: Form) -> Form:
    def form(node: Node) -> Iterator[tuple[Node, str]]:
        yield from a_list(node)
        for item in node.items:
            yield from each(item)

    return form


def named_object(node: Node) -> Iterator[tuple[Node, str]]:
    """An author or owner: `{"name": "..."}`."""
    if node.kind != MAP:
        yield node, 'an object such as {"name": "..."}'
        return
    name = node.get("name")
    if name is None or not is_text(name) or not name.text:
        yield name or node, 'an object with a "name"'


def path(ending: str = "", *, also: tuple[str, ...] = ()) -> Form:
    """A path inside the plugin: it starts with `./`, has no `..`, and ends as its kind does."""
    what = f"a path such as './folder/name{ending}'"

    def form(node: Node) -> Iterator[tuple[Node, str]]:
        if is_text(node) and node.text in also:
            return
        if not is_text(node) or not node.text.startswith("./") or not node.text.endswith(ending):
            yield node, what
        elif ".." in node.text.split("/"):
            yield node, "a path without '..'"

    return form


def one_or_more(each: Form, *, inline: bool = False) -> Form:
    """A value or a list of such; `inline`: an object that holds the parts themselves will do as well."""

    def form(node: Node) -> Iterator[tuple[Node, str]]:
        for item in node.items if node.kind == LIST else (node,):
            if not (inline and item.kind == MAP):
                yield from each(item)

    return form


def _command(node: Node) -> Iterator[tuple[Node, str]]:
    if node.kind != MAP:
        yield from one_or_more(path())(node)
        return
    for _, value in node.pairs:
        if value.kind != MAP or not (value.get("source") or value.get("content")):
            yield value, 'an object with "source" or "content"'


# Keys of a plugin that hold paths, also where an entry of a marketplace has them.
PATHS: dict[str, Form] = {
    "commands": _command,
    "agents": one_or_more(path(".md")),
    "skills": one_or_more(path(also=(".",))),
    "hooks": one_or_more(path(".json"), inline=True),
    "mcpServers": one_or_more(path(".json"), inline=True),
    "lspServers": one_or_more(path(".json"), inline=True),
    "outputStyles": one_or_more(path()),
    "workflows": one_or_more(path()),
    "themes": one_or_more(path()),
    "monitors": one_or_more(path(".json")),
}

PLUGIN: dict[str, Form] = {
    "$schema": text,
    "author": named_object,
    "channels": a_list,
    "defaultEnabled": yes_or_no,
    "dependencies": a_list,
    "description": text,
    "displayName": text,
    "homepage": address,
    "keywords": list_of(text),
    "license": text,
    "repository": text,
    "settings": an_object,
    "userConfig": an_object,
    "version": text,
    **PATHS,
}


def faults(node: Node, forms: dict[str, Form]) -> Iterator[tuple[Node, str]]:
    """Each value of an object that has not its form, with the words of a finding."""
    for key, value in node.pairs:
        form = forms.get(key.text)
        for place, wanted in form(value) if form else ():
            verb = "is" if place is value else "holds"
            yield place, f"'{key.text[:60]}' {verb} {said(place)}. write {wanted}"


def listed(market: JsonSubject) -> Iterator[tuple[Node, Node | None]]:
    """Each entry of a marketplace, and its source."""
    plugins = market.root.get("plugins") if market.root else None
    for entry in plugins.items if plugins else ():
        if entry.kind == MAP:
            yield entry, entry.get("source")


def source_folder(market: JsonSubject, source: Node) -> str | None:
    """Where a source that is a path leads, from the folder of the marketplace's file; None for what is no such path."""
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
