"""`effort` is `low`, `medium`, `high`, `xhigh`, `max`, or a number.

Claude Code drops any other word without a visible message: the skill runs with the effort of the conversation.

Wrong:

```markdown
---
name: my-skill
effort: minimal
---
```

Right:

```markdown
---
name: my-skill
effort: low
---
```

Fix: write one of them, or leave the key out.

Source: 19 values in Claude Code 2.1.329 and the effort it then asked for, run on 2026-11-25.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from correctless.lint.subject.frontmatter import stated
from correctless.lint.subject.subject import CLAUDE_CODE, COMMAND, SKILL, Skill
from correctless.syntax.finding import Finding

ID = "effort-value"
SEVERITY = "warning"
READS = (COMMAND, SKILL)

_KNOWN = frozenset({"low", "med", "medium", "high", "xhigh", "max"})


def check(skill: Skill) -> Iterator[Finding]:
    """Report an invalid `effort`."""
    node = stated(skill, "effort") if skill.dialect == CLAUDE_CODE else None
    # Of a list of one word Claude Code takes the word.
    effort = node.text.strip() if node is not None else ""
    if effort and effort.lower() not in _KNOWN and not re.match(r"[+-]?[0-9]", effort):
        message = f"'{effort[:40]}' is not a valid effort and is ignored. write low, medium, high, xhigh, max or a number"
        yield skill.at(node, message)
