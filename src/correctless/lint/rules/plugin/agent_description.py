"""An agent says when to use it.

The main agent sees nothing of it but the description. An agent in `.claude/agents` without one is not loaded, without a
message; an agent of a plugin is listed as "Agent from my-plugin plugin", which does not say when to use it.

Wrong:

```agent
---
name: reviewer
---
You review changes.
```

Right:

```agent
---
name: reviewer
description: Reviews a change. Use before a merge.
---
You review changes.
```

Fix: write what it does and "Use when ..." in one line.

Source: Claude Code 2.1.329, `plugin validate`, and a session that lists its agents, 2026-11-25.
"""

from __future__ import annotations

from collections.abc import Iterator

from correctless.lint.subject import agent_file
from correctless.lint.subject.subject import AGENT, MarkdownSubject
from correctless.syntax import yaml_text
from correctless.syntax.finding import Finding

ID = "agent-description"
SEVERITY = "warning"
READS = (AGENT,)

_ADVICE = "write what it does, and when to use it"


def check(agent: MarkdownSubject) -> Iterator[Finding]:
    """Report an agent's missing description."""
    front = agent.frontmatter
    if front is None and (agent.md.has_frontmatter or agent_file.home(agent) != agent_file.PLUGIN):
        return  # another rule reports the frontmatter, or it may be a page about the agents
    node = front.get("description") if front else None
    if node is not None and node.kind in (yaml_text.LIST, yaml_text.MAP):
        yield agent.at(
            node, f"'description' is a {node.kind}, which is not read. {_ADVICE} in one text", "error"
        )
    elif not agent_file.has_value(node) and not agent.md.recovered:
        home = agent_file.home(agent)
        lost = (
            "this agent is not loaded"
            if home == agent_file.PROJECT
            else "so when to use this agent is unknown"
        )
        yield agent.at(
            node, f"no 'description', so {lost}. {_ADVICE}", "error" if home == agent_file.PROJECT else ""
        )
