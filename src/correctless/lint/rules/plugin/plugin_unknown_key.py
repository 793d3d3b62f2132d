"""Each key of a manifest is one that Claude Code reads.

An unknown key is ignored when the plugin is loaded, so its value has no effect; with a misspelled one (`mcp_servers`) that part of
the plugin is missing. `category`, `tags`, `strict` and `source` belong in the entry of a marketplace.

Wrong:

```plugin.json
{"name": "my-plugin", "mcp_servers": "./servers.json"}
```

Right:

```plugin.json
{"name": "my-plugin", "mcpServers": "./servers.json"}
```

Fix: correct the key, or delete it.

Source: Claude Code 2.1.329, `plugin validate` with each of these keys, 2026-11-25.
"""

from __future__ import annotations

from collections.abc import Iterator

from correctless.lint.subject import shapes
from correctless.lint.subject.subject import MARKETPLACE, PLUGIN, JsonSubject
from correctless.syntax import yaml_text
from correctless.syntax.finding import Finding
from correctless.syntax.yaml_text import Node

ID = "plugin-unknown-key"
SEVERITY = "warning"
READS = (PLUGIN, MARKETPLACE)

_BOTH = frozenset({*shapes.PLUGIN, "name", "engines", "experimental", "metadata", "network"})
# Keys that the plugin directory shows.
_DIRECTORY = (
    "bugs", "classification", "docs", "documentationUrl", "icon", "privacyPolicy", "privacyPolicyUrl",
    "privacy_policy", "screenshots", "support", "supportUrl", "termsOfServiceUrl", "terms_of_service",
)  # fmt: skip
_PLUGIN = _BOTH.union(_DIRECTORY)
_ENTRY = _BOTH | {"category", "relevance", "source", "strict", "tags"}
_OF_ENTRIES = ("category", "id", "source", "strict", "tags")
_TOP = frozenset((
    "$schema", "allowCrossMarketplaceDependenciesOn", "description", "forceRemoveDeletedPlugins",
    "metadata", "name", "owner", "plugins", "renames", "version",
))  # fmt: skip


def check(file: JsonSubject) -> Iterator[Finding]:
    """Report unknown keys."""
    if file.root is None:
        return
    if file.kind == PLUGIN:
        yield from _unknown(file, file.root, _PLUGIN)
        return
    yield from _unknown(file, file.root, _TOP)
    plugins = file.root.get("plugins")
    for entry in plugins.items if plugins else ():
        if entry.kind == yaml_text.MAP:
            yield from _unknown(file, entry, _ENTRY)


def _unknown(file: JsonSubject, keys: Node, known: frozenset[str]) -> Iterator[Finding]:
    for key, _ in keys.pairs:
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
