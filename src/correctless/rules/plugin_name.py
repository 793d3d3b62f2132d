"""A plugin has a name, in lower case with single hyphens.

The name is what people type and what prefixes each skill (`my-plugin:my-skill`). Claude Code refuses a manifest without one.

Wrong:

```plugin.json
{"version": "1.0.0"}
```

Right:

```plugin.json
{"name": "my-plugin", "version": "1.0.0"}
```

Fix: write a name of a-z, 0-9 and single hyphens.

Source: Claude Code 2.1.329, `plugin validate`, 2026-11-25.
"""

from __future__ import annotations

import re

from correctless import yamltext
from correctless.finding import Finding
from correctless.subject import PLUGIN, JsonSubject

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

ID = "plugin-name"
SEVERITY = "error"
READS = (PLUGIN,)


def check(plugin: JsonSubject) -> Iterator[Finding]:
    if plugin.root is None:
        return
    node = plugin.root.get("name")
    if node is None:
        if not plugin.document.recovered:
            yield plugin.at(None, "no 'name'. write one of a-z, 0-9 and single hyphens")
    elif node.kind != yamltext.SCALAR or not re.fullmatch(r"[a-z0-9]+(?:-[a-z0-9]+)*", node.text):
        yield plugin.at(node, "'name' is no name of a plugin. write one of a-z, 0-9 and single hyphens")
