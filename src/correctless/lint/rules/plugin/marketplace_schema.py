"""A marketplace has a name, an owner, and plugins, each with a name and a source that Claude Code can read.

`claude plugin validate` refuses the file. If the name of a marketplace or a plugin has other characters than letters, digits,
`.`, `_` and `-`, it cannot be installed.

Wrong:

```marketplace.json
{"name": "my tools", "plugins": [{"name": "one", "source": "one"}]}
```

Right:

```marketplace.json
{"name": "my-tools", "owner": {"name": "Me"}, "plugins": [{"name": "one", "source": {"source": "github", "repo": "me/one"}}]}
```

Fix: write the value in the form that the finding names.

Source: Claude Code 2.1.329, `plugin validate` with each form, 2026-11-25.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from correctless.lint.subject import shapes
from correctless.lint.subject.subject import MARKETPLACE, JsonSubject
from correctless.syntax.finding import Finding
from correctless.syntax.yaml_text import LIST, MAP, Node

ID = "marketplace-schema"
SEVERITY = "error"
READS = (MARKETPLACE,)

_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]*"
_NAMED = "write letters, digits, '.', '_' and '-', the first one a letter or digit"
_NEEDED = {"name": '"name": "my-tools"', "owner": '"owner": {"name": "..."}', "plugins": '"plugins": [...]'}
_TOP: dict[str, shapes.Form] = {
    "$schema": shapes.text,
    "description": shapes.text,
    "metadata": shapes.an_object,
    "owner": shapes.named_object,
    "version": shapes.text,
}
_ENTRY: dict[str, shapes.Form] = {
    **shapes.PLUGIN,
    "category": shapes.text,
    "strict": shapes.yes_or_no,
    "tags": shapes.list_of(shapes.text),
}
# Required keys of a source by its kind.
_SOURCES = {"github": ("repo",), "url": ("url",), "git-subdir": ("url", "path"), "npm": ("package",)}


def check(market: JsonSubject) -> Iterator[Finding]:
    """Report values of invalid form."""
    root = market.root
    if root is None:
        if market.document.root is not None:
            yield market.at(
                market.document.root,
                f"the manifest is {shapes.describe(market.document.root)}. write an object",
            )
        return
    if market.document.recovered:
        return  # what seems missing may be in the unread part
    for key, wanted in _NEEDED.items():
        if root.get(key) is None:
            yield market.at(None, f"no '{key}'. write {wanted}")
    for place, message in (*shapes.faults(root, _TOP), *_name(root, "marketplace")):
        yield market.at(place, message)
    plugins = root.get("plugins")
    if plugins is None:
        return
    if plugins.kind != LIST:
        yield market.at(plugins, f"'plugins' is {shapes.describe(plugins)}. write a list")
    elif not plugins.items:
        yield market.at(plugins, "the marketplace has no plugins. list one", "warning")
    seen: dict[str, Node] = {}
    for entry in plugins.items:
        for place, message in _entry(entry, seen):
            yield market.at(place, message)
        name = entry.get("name") if entry.kind == MAP else None
        if name is not None and shapes.is_text(name) and shapes.reserved(name.text):
            own = shapes.is_anthropic(root.get("owner")) or shapes.is_anthropic(entry.get("author"))
            message = f"'{name.text[:60]}' is reserved for Anthropic's own plugins. name it for what it does"
            yield market.at(name, message, "info" if own else "")


def _entry(entry: Node, seen: dict[str, Node]) -> Iterator[tuple[Node, str]]:
    if entry.kind != MAP:
        yield (
            entry,
            f"an entry of 'plugins' is {shapes.describe(entry)}. write an object with 'name' and 'source'",
        )
        return
    yield from _name(entry, "plugin")
    name, source = entry.get("name"), entry.get("source")
    if name is None:
        yield entry, "this plugin has no 'name'. write one"
    elif shapes.is_text(name):
        if name.text in seen:
            yield (
                name,
                f"duplicate plugin '{name.text[:60]}', first on line {seen[name.text].line}. keep one",
            )
        seen.setdefault(name.text, name)
    if source is None:
        yield entry, "this plugin has no 'source'. write one, such as './plugins/my-plugin'"
    elif wanted := _wanted(source):
        yield source, f"'source' is {shapes.describe(source)}. write {wanted}"
    yield from shapes.faults(entry, _ENTRY)


def _name(of: Node, what: str) -> Iterator[tuple[Node, str]]:
    name = of.get("name")
    if name is None:
        return
    if (
        not shapes.is_text(name)
        or not re.fullmatch(_NAME, name.text)
        or (what == "marketplace" and ".." in name.text)
    ):
        yield (
            name,
            f"'name' is {shapes.describe(name)}, and no {what} of that name can be installed. {_NAMED}",
        )


def _wanted(source: Node) -> str:
    """Return what to write in place of a source, "" for a valid one or a bare name, which marketplace-source-missing checks."""
    if source.kind == MAP:
        kind = source.get("source")
        if kind is None or kind.text not in _SOURCES:
            return f"one of the kinds {', '.join(_SOURCES)} as its 'source'"
        missing = [key for key in _SOURCES[kind.text] if not shapes.is_text(source.get(key))]
        return f"a text as its '{missing[0]}'" if missing else ""
    if not shapes.is_text(source):
        return "a path such as './plugins/my-plugin', or an object"
    if ".." in source.text.split("/"):
        return "a path from the marketplace's own folder, without '..'"
    return (
        ""
        if source.text == "." or source.text.startswith("./") or re.fullmatch(_NAME, source.text)
        else "a path that starts with './'"
    )
