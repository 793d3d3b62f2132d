"""The folder of each plugin that a marketplace lists exists.

A path is relative to the marketplace's folder, the one above `.claude-plugin`, not to the file. A bare name is searched in
`metadata.pluginRoot`. If the folder is missing, the marketplace is added without a message and the plugin cannot be installed.

Wrong:

```marketplace.json
{"name": "my-tools", "owner": {"name": "Me"}, "plugins": [{"name": "one", "source": "./gone"}]}
```

Beside it, `plugins/one/.claude-plugin/plugin.json`:

```json
{"name": "one"}
```

Right:

```marketplace.json
{"name": "my-tools", "owner": {"name": "Me"}, "plugins": [{"name": "one", "source": "./plugins/one"}]}
```

Fix: correct the path, or delete the entry.

Source: Claude Code 2.1.329, `plugin install` from such a marketplace, 2026-11-25.
"""

from __future__ import annotations

from collections.abc import Iterator

from correctless.lint.subject import marketplace, shapes
from correctless.lint.subject.subject import MARKETPLACE, JsonSubject
from correctless.syntax.finding import Finding

ID = "marketplace-source-missing"
SEVERITY = "error"
READS = (MARKETPLACE,)


def check(market: JsonSubject) -> Iterator[Finding]:
    """Report missing plugin folders."""
    for _, source in marketplace.entries(market):
        if source is None or not shapes.is_text(source):
            continue
        folder = marketplace.folder(market, source)
        if folder is None:
            if "/" not in source.text and source.text not in ("", ".", ".."):
                message = f"a bare name such as '{source.text[:80]}' needs 'metadata.pluginRoot'. write './{source.text[:80]}'"
                yield market.at(source, message)
            continue
        kind = market.facts.kind(folder)
        if kind != "folder":
            what = "is a file" if kind else "does not exist"
            yield market.at(
                source,
                f"'{source.text[:80]}' {what}. write the folder of the plugin, from that of the marketplace",
            )
