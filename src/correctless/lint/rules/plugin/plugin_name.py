"""A plugin has a name, of letters, digits and single hyphens.

You type the name, and it is the prefix of each skill (`my-plugin:my-skill`). A manifest without a name, or with spaces in it, is
refused. So is a name that is reserved for Anthropic's own plugins; of one whose author, or whose marketplace's owner, is stated to
be Anthropic this is an `info`. Capitals, dots and underscores work in Claude Code but not in
the marketplace of Claude.ai, so they are a warning; so are `/`, `:` and a name that does not start with a letter or digit,
with which a plugin can't be installed from a marketplace.

Wrong:

```plugin.json
{"version": "1.0.0"}
```

Right:

```plugin.json
{"name": "my-plugin", "version": "1.0.0"}
```

Fix: write a name of a-z, 0-9 and single hyphens.

Source: Claude Code 2.1.329, `plugin validate` and `plugin install` with each kind of name, 2026-11-25.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from correctless.lint.subject import shapes
from correctless.lint.subject.subject import PLUGIN, JsonSubject
from correctless.syntax.finding import Finding

ID = "plugin-name"
SEVERITY = "error"
READS = (PLUGIN,)

_REFUSED = r"[ \x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]"  # spaces, controls and marks of direction
_ADVICE = "write one of a-z, 0-9 and single hyphens"


def check(plugin: JsonSubject) -> Iterator[Finding]:
    """Report a missing or invalid name."""
    if plugin.root is None:
        return
    node = plugin.root.get("name")
    if node is None:
        if not plugin.document.recovered:
            yield plugin.at(None, f"no 'name'. {_ADVICE}")
    elif not shapes.is_text(node) or not node.text or re.search(_REFUSED, node.text):
        yield plugin.at(
            node, f"'name' is {shapes.describe(node)}, which is not a valid plugin name. {_ADVICE}"
        )
    elif shapes.reserved(node.text):
        severity = "info" if _is_anthropics(plugin) else ""
        message = f"'{node.text[:60]}' is reserved for Anthropic's own plugins. name it for what it does"
        yield plugin.at(node, message, severity)
    elif not re.fullmatch(r"[a-z0-9]+(?:-[a-z0-9]+)*", node.text):
        yield plugin.at(
            node, f"'{node.text[:60]}' is not a valid name in every marketplace. {_ADVICE}", "warning"
        )


def _is_anthropics(plugin: JsonSubject) -> bool:
    if plugin.root is not None and shapes.is_anthropic(plugin.root.get("author")):
        return True
    # The marketplace that has this plugin in a folder such as plugins/.
    above = "../../.." if plugin.folder == ".claude-plugin" else "../.."
    data = plugin.facts.read(f"{above}/.claude-plugin/marketplace.json")
    if data is None or b"nthropic" not in data:
        return False
    from correctless.syntax import json_text

    root = json_text.read(data.decode(errors="replace").lstrip("\ufeff"), "").root
    return root is not None and shapes.is_anthropic(root.get("owner"))
