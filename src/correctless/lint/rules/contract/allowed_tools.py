"""`allowed-tools` is one line of tools, or a list of them, with every parenthesis closed.

In `Bash(git log:*` the rest of the line belongs to the pattern, so the tools behind it are not allowed. Claude Code's validator
does not report it; the dispatcher gives the agent exactly the tools that are named.

Wrong:

```markdown
---
name: my-skill
allowed-tools: Bash(git log:*, Read
---
```

Right:

```markdown
---
name: my-skill
allowed-tools: Bash(git log:*), Read
---
```

Fix: write `)` where the pattern ends.

Source: Claude Code 2.1.329, `plugin validate`, 2026-11-25.
"""

from __future__ import annotations

from collections.abc import Iterator

from correctless.lint.subject.subject import SKILL, Skill
from correctless.skill.contract import split_tools, tool_items
from correctless.syntax import yaml_text
from correctless.syntax.finding import Finding

ID = "allowed-tools"
SEVERITY = "error"
READS = (SKILL,)


def check(skill: Skill) -> Iterator[Finding]:
    """Report invalid `allowed-tools`."""
    for item in tool_items(skill.frontmatter):
        if item.kind != yaml_text.SCALAR:
            message = "'allowed-tools' holds a value that is not a tool. write one line, or a list of tools"
            yield skill.at(item, message)
            continue
        tools, closed = split_tools(item.text)
        if not closed:
            yield skill.at(item, f"'(' is not closed in '{tools[-1][:60]}'. write ')'")
