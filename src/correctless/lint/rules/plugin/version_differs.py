"""The version of a plugin in its marketplace is the one in its manifest.

If both state one, the manifest wins at installation and the entry is ignored without a message: you read one version and get
another. State the version in one place, or the same in both.

Beside it, `plugins/one/.claude-plugin/plugin.json`:

```json
{"name": "one", "version": "1.2.0"}
```

Wrong:

```marketplace.json
{"name": "my-tools", "owner": {"name": "Me"}, "plugins": [{"name": "one", "source": "./plugins/one", "version": "1.1.0"}]}
```

Right:

```marketplace.json
{"name": "my-tools", "owner": {"name": "Me"}, "plugins": [{"name": "one", "source": "./plugins/one"}]}
```

Fix: write the manifest's version, or delete the entry's.

Source: Claude Code 2.1.329, `plugin validate`, 2026-11-25.
"""

from __future__ import annotations

from collections.abc import Iterator

from correctless.lint.subject import marketplace, shapes
from correctless.lint.subject.subject import MARKETPLACE, JsonSubject
from correctless.syntax import yaml_text
from correctless.syntax.finding import Finding

ID = "version-differs"
SEVERITY = "warning"
READS = (MARKETPLACE,)


def check(market: JsonSubject) -> Iterator[Finding]:
    """Report versions that differ."""
    for entry, source in marketplace.entries(market):
        version = entry.get("version")
        if version is None or source is None or not shapes.is_text(version) or not shapes.is_text(source):
            continue
        folder = marketplace.folder(market, source)
        stated = _stated(market, folder) if folder is not None else ""
        if stated and stated != version.text:
            message = f"the version is '{version.text[:40]}' here and '{stated[:40]}' in the manifest, which wins. write '{stated[:40]}', or leave it out"
            yield market.at(version, message)


def _stated(market: JsonSubject, folder: str) -> str:
    data = market.facts.read(f"{folder}/.claude-plugin/plugin.json")
    if data is None or b"version" not in data:
        return ""
    from correctless.syntax import json_text  # only where a marketplace has versions

    root = json_text.read(data.decode(errors="replace").lstrip("\ufeff"), "").root
    version = root.get("version") if root is not None and root.kind == yaml_text.MAP else None
    return version.text if version is not None and shapes.is_text(version) else ""
