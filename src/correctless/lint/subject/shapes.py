"""Forms of JSON values in a plugin's manifest, and the values that differ from them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from correctless.syntax.yaml_text import LIST, MAP, SCALAR, Node

# A form yields each place that differs, with what to write instead.
Form = Callable[[Node], Iterator[tuple[Node, str]]]


def is_text(node: Node | None) -> bool:
    """Return whether a node is a JSON string."""
    return node is not None and node.kind == SCALAR and node.style == '"'


def describe(node: Node) -> str:
    """Return a value in a few words."""
    if node.kind in (MAP, LIST):
        return "an object" if node.kind == MAP else "a list"
    if node.style == '"':
        return f"'{node.text[:60]}'" if node.text.strip() else "an empty text"
    return node.text[:60]


def reserved(name: str) -> bool:
    """Return whether a name is reserved for Anthropic's plugins."""
    low = name.lower()
    return (
        low.startswith(("claude-", "anthropic-", "anthropics-", "cc-plugin-"))
        or low in ("claude", "anthropic", "anthropics", "claude-code", "claude-mods")
        or bool(re.search(r"official[-_.]?(?:claude|anthropic)|(?:claude|anthropic)[-_.]?official", low))
    )


def is_anthropic(who: Node | None) -> bool:
    """Return whether an author or owner states to be Anthropic, for whose plugins those names are reserved."""
    if who is None or who.kind != MAP:
        return False
    name, email = who.get("name"), who.get("email")
    by_email = email is not None and email.text.lower().endswith("@anthropic.com")
    return by_email or (name is not None and name.text.strip().lower() in ("anthropic", "anthropic pbc"))


def near(name: str, known: Iterable[str], cutoff: float) -> str:
    """Return the known name that is most like a name, "" without one."""
    from difflib import get_close_matches  # here: it costs 5 ms, and most files need none of it

    spelled = {each.lower(): each for each in sorted(known)}
    return next((spelled[each] for each in get_close_matches(name, spelled, n=1, cutoff=cutoff)), "")


def text(node: Node) -> Iterator[tuple[Node, str]]:
    """Demand a string."""
    if not is_text(node):
        yield node, "text in quotes"


def yes_or_no(node: Node) -> Iterator[tuple[Node, str]]:
    """Demand true or false."""
    if node.kind != SCALAR or node.style or node.text not in ("true", "false"):
        yield node, "true or false"


def texts(node: Node) -> Iterator[tuple[Node, str]]:
    """Demand an object whose values are text."""
    yield from an_object(node)
    for _, value in node.pairs:
        yield from text(value)


def number(node: Node) -> Iterator[tuple[Node, str]]:
    """Demand a number."""
    if node.kind != SCALAR or node.style or node.text in ("true", "false", "null"):
        yield node, "a number"


def positive(node: Node) -> Iterator[tuple[Node, str]]:
    """Demand a number above 0."""
    if node.kind != SCALAR or node.style or not re.match(r"[0-9.]*[1-9]", node.text):
        yield node, "a number above 0"


def an_object(node: Node) -> Iterator[tuple[Node, str]]:
    """Demand an object."""
    if node.kind != MAP:
        yield node, "an object"


def a_list(node: Node) -> Iterator[tuple[Node, str]]:
    """Demand a list."""
    if node.kind != LIST:
        yield node, "a list"


def address(node: Node) -> Iterator[tuple[Node, str]]:
    """Demand a URL."""
    # As the WHATWG URL parser has it: a scheme, and behind `http:` a host.
    if not is_text(node) or not re.match(
        r"\s*(?:(?:https?|ftp|wss?):/*[^\s/?#\[]|(?!(?:https?|ftp|wss?):)[A-Za-z][A-Za-z0-9+.-]*:)",
        node.text,
        re.IGNORECASE,
    ):
        yield node, "an address such as 'https://example.com'"


def list_of(each: Form) -> Form:
    """Return the form of a list whose items have a form."""

    def form(node: Node) -> Iterator[tuple[Node, str]]:
        yield from a_list(node)
        for item in node.items:
            yield from each(item)

    return form


def named_object(node: Node) -> Iterator[tuple[Node, str]]:
    """Demand an author or owner: `{"name": "..."}`."""
    if node.kind != MAP:
        yield node, 'an object such as {"name": "..."}'
        return
    name = node.get("name")
    if name is None or not is_text(name) or not name.text:
        yield name or node, 'an object with a "name"'


def path(ending: str = "", *, also: tuple[str, ...] = ()) -> Form:
    """Return the form of a path inside the plugin: `./`, no `..`, and the ending of its kind."""
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
    """Return the form of a value or a list of values; `inline`: an object with the parts themselves is valid as well."""

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
        source, content = value.get("source"), value.get("content")
        if (source is None) == (content is None) or (content is not None and not is_text(content)):
            yield value, 'an object with either "source" or "content"'
        elif source is not None:
            yield from path()(source)


# Required key of a server by its type; `mcpServers` of a manifest may have an unknown type, which may need anything.
_SERVERS = {"stdio": "command", "http": "url", "sse": "url", "ws": "url", "streamable-http": "url"}


def server_faults(name: Node, server: Node) -> Iterator[tuple[Node, str]]:
    """Yield what keeps a server of `.mcp.json` from being loaded, with a message."""
    dropped = f"so the server '{name.text[:40]}' is not loaded"
    if server.kind != MAP:
        yield server, f'{describe(server)} is not an object, {dropped}. write {{"command": "..."}}'
        return
    type_ = server.get("type")
    needed = _SERVERS.get(type_.text) if type_ is not None and is_text(type_) else None
    if type_ is not None and needed is None:
        if not type_.text.endswith("-ide"):  # an editor's own
            yield type_, f"the type is {describe(type_)}, {dropped}. write one of stdio, http, sse, ws"
        return
    if type_ is None and server.get("command") is None and server.get("url") is not None:
        yield server, f"a 'url' without a 'type', {dropped}. write \"type\": \"http\""
        return
    needed = needed or "command"
    value = server.get(needed)
    if value is None or not is_text(value) or (needed == "command" and not value.text):
        fault = f"'{needed}' is {describe(value)}" if value else f"no '{needed}'"
        yield value or server, f"{fault}, {dropped}. write text in quotes"
    for key, form in (_STDIO if needed == "command" else _REMOTE).items():
        value = server.get(key)
        for place, wanted in form(value) if value is not None else ():
            verb = "is" if place is value else "holds"
            yield place, f"'{key}' {verb} {describe(place)}, {dropped}. write {wanted}"


_STDIO: dict[str, Form] = {"args": list_of(text), "env": texts, "timeout": number}
_REMOTE: dict[str, Form] = {"headers": texts}


def _mcp(node: Node) -> Iterator[tuple[Node, str]]:
    if node.kind == MAP:
        for _, server in node.pairs:
            type_ = server.get("type")
            needed = _SERVERS.get(type_.text if type_ is not None else "stdio")
            if server.kind != MAP or (needed and not is_text(server.get(needed))):
                yield (
                    server,
                    f'an object with "{needed or "command"}", and with its "type" unless that is stdio',
                )
    elif not is_text(node) or not re.match(r"https?://", node.text):
        # A bundle is a file or an address.
        if not is_text(node) or not node.text.endswith((".mcpb", ".dxt")):
            yield from path(".json")(node)
        else:
            yield from path()(node)


def _lsp(node: Node) -> Iterator[tuple[Node, str]]:
    if node.kind != MAP:
        yield from path(".json")(node)
        return
    for _, server in node.pairs:
        languages = server.get("extensionToLanguage")
        if not is_text(server.get("command")) or languages is None or not languages.pairs:
            yield server, 'an object with "command" and "extensionToLanguage"'


def _monitors(node: Node) -> Iterator[tuple[Node, str]]:
    if node.kind != LIST:
        yield from path(".json")(node)
    for item in node.items:
        if not all(is_text(item.get(key)) for key in ("name", "command", "description")):
            yield item, 'an object with "name", "command" and "description"'


def _dependency(node: Node) -> Iterator[tuple[Node, str]]:
    name = node.get("name") if node.kind == MAP else node
    if not is_text(name) or not re.fullmatch(r"[^\s@]+(?:@[^\s@]+)?", name.text if name else ""):
        yield node, "the name of a plugin, or an object with it as its 'name'"


def _channel(node: Node) -> Iterator[tuple[Node, str]]:
    if node.kind != MAP or not is_text(node.get("server")):
        yield node, 'an object with "server"'


def _option(node: Node) -> Iterator[tuple[Node, str]]:
    yield from an_object(node)
    for _, value in node.pairs:
        if not all(is_text(value.get(key)) for key in ("type", "title", "description")):
            yield value, 'an object with "type", "title" and "description"'


# Keys that hold paths, in a plugin and in an entry of a marketplace.
PATHS: dict[str, Form] = {
    "commands": _command,
    "agents": one_or_more(path(".md")),
    "skills": one_or_more(path(also=(".",))),
    "hooks": one_or_more(path(".json"), inline=True),
    "mcpServers": one_or_more(_mcp),
    "lspServers": one_or_more(_lsp),
    "outputStyles": one_or_more(path()),
    "workflows": one_or_more(path()),
    "themes": one_or_more(path()),
    "monitors": _monitors,
}

PLUGIN: dict[str, Form] = {
    "$schema": text,
    "author": named_object,
    "channels": list_of(_channel),
    "defaultEnabled": yes_or_no,
    "dependencies": list_of(_dependency),
    "description": text,
    "displayName": text,
    "homepage": address,
    "keywords": list_of(text),
    "license": text,
    "repository": text,
    "settings": an_object,
    "userConfig": _option,
    "version": text,
    **PATHS,
}


def faults(node: Node, forms: dict[str, Form]) -> Iterator[tuple[Node, str]]:
    """Yield each value of an object that differs from its form, with a message."""
    for key, value in node.pairs:
        form = forms.get(key.text)
        for place, wanted in form(value) if form else ():
            verb = "is" if place is value else "holds"
            yield place, f"'{key.text[:60]}' {verb} {describe(place)}. write {wanted}"
