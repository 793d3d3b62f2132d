"""Each server of `.mcp.json` has the form that Claude Code reads.

A server of another form is dropped without a message when a session starts: its tools are missing. The usual mistakes are a `url`
without a `type`, an argument or variable that is a number, and, in a project, servers outside of `mcpServers`. In a plugin,
`mcpServers` may be left out.

Wrong:

```mcp.json
{"mcpServers": {"docs": {"url": "https://example.com/mcp"}}}
```

Right:

```mcp.json
{"mcpServers": {"docs": {"type": "http", "url": "https://example.com/mcp"}}}
```

Fix: write the form that the finding names.

Source: Claude Code 2.1.329, sessions with 26 forms of a server in a project and in a plugin, and its `plugin validate`, 2026-11-30.
"""

from __future__ import annotations

from collections.abc import Iterator

from correctless.lint.subject import shapes
from correctless.lint.subject.subject import MCP, JsonSubject
from correctless.syntax.finding import Finding
from correctless.syntax.yaml_text import MAP

ID = "mcp-schema"
SEVERITY = "error"
READS = (MCP,)

_ADVICE = 'write {"mcpServers": {"name": {"command": "..."}}}'


def check(file: JsonSubject) -> Iterator[Finding]:
    """Report servers that are not loaded."""
    root = file.document.root
    if root is None or file.document.recovered:
        return
    if root.kind != MAP:
        yield file.at(root, f"the file is {shapes.describe(root)}, so no server is loaded. {_ADVICE}")
        return
    servers = root.get("mcpServers")
    if servers is None:
        if file.facts.kind(".claude-plugin/plugin.json") != "file":
            if root.pairs:
                yield file.at(None, f"no 'mcpServers', so no server is loaded. {_ADVICE}")
            return
        servers = root
    if servers.kind != MAP:
        message = f"'mcpServers' is {shapes.describe(servers)}, so no server is loaded. {_ADVICE}"
        yield file.at(servers, message)
    for name, server in servers.pairs:
        for place, message in shapes.server_faults(name, server):
            yield file.at(place, message)
