"""The text of a skill has at most 500 lines.

The whole text goes into the conversation when the skill starts, and stays there. Parts that are not always needed cost tokens
and distract from the rest.

Wrong:

```markdown
---
name: my-skill
---

Sort the papers by year, then by sender.
... 500 more lines ...
```

Right:

```markdown
---
name: my-skill
---

Sort the papers by year, then by sender. Read [the senders](https://example.com/senders) if a letterhead is unclear.
```

Fix: move parts into files beside the skill, and link them with when to read them.

Source: the limit is our own. That the whole text is sent: Claude Code 2.1.329, run on 2026-11-25.
"""

from __future__ import annotations

from collections.abc import Iterator

from correctless.lint.subject.subject import SKILL, Skill
from correctless.syntax.finding import Finding

ID = "body-length"
SEVERITY = "info"
READS = (SKILL,)

LONGEST = 500  # lines


def check(skill: Skill) -> Iterator[Finding]:
    """Report a body that is too long."""
    if len(skill.md.body) > LONGEST and len(skill.md.lines) > LONGEST:
        count = len(skill.md.lines)
        message = f"the text has {count} lines. keep {LONGEST}, and link files beside it for the rest"
        yield skill.at(skill.md.lines[LONGEST], message)
