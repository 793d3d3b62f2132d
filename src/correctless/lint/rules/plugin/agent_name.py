"""An agent has a name, and no other agent beside it has the same.

An agent in `.claude/agents` without a name, or with one that is not text or contains `:`, is not loaded, without a message. In a
plugin the file's name is used instead. Of two agents with the same name only one is loaded, and which one depends on the
order of the files.

Wrong:

```agent
---
name: 5
description: Reviews a change. Use before a merge.
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

Fix: write a name of a-z, 0-9 and single hyphens.

Source: Claude Code 2.1.329, `plugin validate`, and a session that lists its agents, 2026-11-25.
"""

from __future__ import annotations

from collections.abc import Iterator

from correctless.lint.subject import agent_file
from correctless.lint.subject.subject import AGENT, MarkdownSubject
from correctless.skill import skill_text
from correctless.syntax.finding import Finding

ID = "agent-name"
SEVERITY = "error"
READS = (AGENT,)

_ADVICE = "write a name such as 'code-reviewer'"


def check(agent: MarkdownSubject) -> Iterator[Finding]:
    """Report an agent's missing or duplicate name."""
    front = agent.frontmatter
    if front is None or agent.md.recovered:
        return  # without keys it may be a page about the agents
    node = front.get("name")
    if node is None or not agent_file.has_value(node):
        if agent_file.home(agent) == agent_file.PROJECT:
            yield agent.at(node, f"no 'name', so this agent is not loaded. {_ADVICE}")
        return
    if not agent_file.is_text(node):
        name = f"'{node.text[:40]}'" if node.text else f"a {node.kind}"
        yield agent.at(node, f"'name' is {name}, which YAML does not read as text. {_ADVICE}")
    elif ":" in node.text and agent_file.home(agent) == agent_file.PROJECT:
        yield agent.at(node, f"'{node.text[:60]}' contains ':', so this agent is not loaded. {_ADVICE}")
    elif other := _same(agent, node.text.strip()):
        yield agent.at(
            node,
            f"'{node.text.strip()[:60]}' is also the name of {other}, and only one of them is loaded. rename one",
            "warning",
        )


def _same(agent: MarkdownSubject, name: str) -> str:
    """Return the file that has this agent's name, if its agent has the same name; else ""."""
    other = f"{name}.md"
    if other == agent.name or "/" in name:
        return ""
    data = agent.facts.read(other)
    front = skill_text.read(data, other).frontmatter if data is not None else None
    node = front.get("name") if front else None
    theirs = node.text.strip() if node is not None and agent_file.has_value(node) else name
    return other if front is not None and theirs == name else ""
