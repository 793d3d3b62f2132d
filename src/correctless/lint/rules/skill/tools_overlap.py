"""A tool is allowed or disallowed, not both.

If both lists name the same tool, Claude Code refuses every call of it, and `allowed-tools` has no effect for it.
`Bash` beside a disallowed `Bash(rm:*)` is no contradiction.

Wrong:

```markdown
---
name: my-skill
allowed-tools: Read, Bash(git log:*)
disallowed-tools: Bash
---
```

Right:

```markdown
---
name: my-skill
allowed-tools: Read, Bash
disallowed-tools: Bash(rm:*)
---
```

Fix: leave it out of one of the two.

Source: Claude Code 2.1.329, run on 2026-11-25: "Permission to use Bash has been denied."
"""

from __future__ import annotations

from collections.abc import Iterator

from correctless.lint.subject.frontmatter import ALLOWED, DISALLOWED, SAME, named
from correctless.lint.subject.subject import CLAUDE_CODE, COMMAND, SKILL, Skill
from correctless.syntax.finding import Finding

ID = "tools-overlap"
SEVERITY = "warning"
READS = (COMMAND, SKILL)


def check(skill: Skill) -> Iterator[Finding]:
    """Report tools both allowed and disallowed."""
    if skill.dialect != CLAUDE_CODE or DISALLOWED not in skill.md.raw:
        return
    allowed = {(SAME.get(name, name), pattern) for name, pattern, _ in named(skill, ALLOWED)}
    tools = {name for name, _ in allowed}
    for name, pattern, place in named(skill, DISALLOWED):
        tool = SAME.get(name, name)
        if (tool, pattern) in allowed or (not pattern and tool in tools):
            excerpt = f"{name}({pattern}"[:60] if pattern else name
            yield skill.at(
                place, f"'{excerpt}' is allowed and disallowed, so it is refused. leave it out of one list"
            )
