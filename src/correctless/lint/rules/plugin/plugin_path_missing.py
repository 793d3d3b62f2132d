"""Each path in a plugin's manifest exists.

The loader reports a missing path as a failure, or, for `mcpServers`, skips it without a message; that part of the plugin is then
missing. Folders that Claude Code finds by itself (`skills/`, `commands/`, `agents/`, `hooks/`) need no key. The path of a skill
is its folder.

Wrong:

```plugin.json
{"name": "my-plugin", "commands": "./commands/missing.md"}
```

Beside it, `commands/there.md`:

```markdown
Say hello.
```

Right:

```plugin.json
{"name": "my-plugin", "commands": "./commands/there.md"}
```

Fix: correct the path, add the file, or leave the key out.

Source: Claude Code 2.1.329, `plugin validate`, 2026-11-25.
"""

from __future__ import annotations

from collections.abc import Iterator

from correctless.lint.subject import shapes
from correctless.lint.subject.subject import PLUGIN, JsonSubject
from correctless.syntax import yaml_text
from correctless.syntax.finding import Finding
from correctless.syntax.yaml_text import Node

ID = "plugin-path-missing"
SEVERITY = "error"
READS = (PLUGIN,)


def check(plugin: JsonSubject) -> Iterator[Finding]:
    """Report missing paths."""
    # Paths are relative to the plugin's folder, the one above `.claude-plugin`.
    above = "../" if plugin.folder == ".claude-plugin" else ""
    experimental = plugin.root.get("experimental") if plugin.root else None
    for keys in (plugin.root, experimental):
        for key, value in keys.pairs if keys else ():
            for path in _paths(value) if key.text in shapes.PATHS else ():
                kind = plugin.facts.kind(above + path.text)
                if not kind:
                    yield plugin.at(
                        path, f"'{path.text[:80]}' does not exist. correct the path, or leave it out"
                    )
                elif key.text == "skills" and kind == "file":
                    yield plugin.at(path, f"'{path.text[:80]}' is a file. name the folder of the skill")


def _paths(value: Node) -> Iterator[Node]:
    """Yield the valid paths; plugin-schema reports invalid ones."""
    if value.kind == yaml_text.LIST:
        for item in value.items:
            yield from _paths(item)
    elif value.kind == yaml_text.MAP:  # commands, each with its source
        for _, each in value.pairs:
            source = each.get("source")
            if source is not None:
                yield from _paths(source)
    elif shapes.is_text(value) and value.text.startswith("./") and ".." not in value.text.split("/"):
        yield value
