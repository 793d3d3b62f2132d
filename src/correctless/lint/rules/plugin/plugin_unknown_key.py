"""Each key of a manifest is one that Claude Code reads.

An unknown key is ignored when the plugin is loaded, so its value has no effect; with a misspelled one (`mcp_servers`) that part of
the plugin is missing. A key that only newer versions read (`optionalDependencies`) is an `info`. `category`, `tags`, `strict` and `source` belong in the entry of a marketplace.

Wrong:

```plugin.json
{"name": "my-plugin", "mcp_servers": "./servers.json"}
```

Right:

```plugin.json
{"name": "my-plugin", "mcpServers": "./servers.json"}
```

Fix: correct the key, or delete it.

Source: Claude Code 2.1.329 and 2.1.332, `plugin validate` with each of these keys (`scripts/client-facts`), 2026-11-30.
"""

from __future__ import annotations

from collections.abc import Iterator

from correctless.lint import clients
from correctless.lint.subject import shapes
from correctless.lint.subject.subject import MARKETPLACE, PLUGIN, JsonSubject
from correctless.syntax import yaml_text
from correctless.syntax.finding import Finding
from correctless.syntax.yaml_text import Node

ID = "plugin-unknown-key"
SEVERITY = "warning"
READS = (PLUGIN, MARKETPLACE)

_OF_ENTRIES = ("category", "headers", "headersHelper", "id", "relevance", "source", "strict", "tags")


def check(file: JsonSubject) -> Iterator[Finding]:
    """Report unknown keys."""
    if file.root is None:
        return
    if file.kind == PLUGIN:
        yield from _unknown(file, file.root, "PLUGIN_KEYS")
        return
    yield from _unknown(file, file.root, "MARKETPLACE_KEYS")
    plugins = file.root.get("plugins")
    for entry in plugins.items if plugins else ():
        if entry.kind == yaml_text.MAP:
            yield from _unknown(file, entry, "ENTRY_KEYS")


def _unknown(file: JsonSubject, keys: Node, table: str) -> Iterator[Finding]:
    known = clients.known(table)
    for key, _ in keys.pairs:
        if version := clients.since(table, key.text):
            message = f"Claude Code before {version} does not read '{key.text}'. demand that version"
            yield file.at(key, message, "info")
        if key.text in known:
            continue
        name = key.text[:60]
        if file.kind == PLUGIN and key.text in _OF_ENTRIES:
            yield file.at(
                key, f"Claude Code does not read '{name}' here. write it into the marketplace's entry"
            )
        else:
            bare = name.lower().replace("-", "").replace("_", "")
            meant = shapes.near(bare, known, 0.85)
            advice = f"write '{meant}'" if meant else "delete it"
            yield file.at(key, f"Claude Code does not read '{name}'. {advice}")
