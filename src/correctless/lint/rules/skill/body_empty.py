"""A skill has a text.

The text below the frontmatter says what the model is to do. Claude Code starts a skill without text all the same: the model gets
only the skill's name and folder.

Wrong:

```markdown
---
name: my-skill
---
```

Right:

```markdown
---
name: my-skill
---

Sort the papers by year, then by sender.
```

Fix: write what the model is to do, or remove the skill.

Source: Claude Code 2.1.329, run on 2026-11-25.
"""

from __future__ import annotations

from collections.abc import Iterator

from correctless.lint.subject.subject import SKILL, Skill
from correctless.syntax.finding import Finding

ID = "body-empty"
SEVERITY = "warning"
READS = (SKILL,)


def check(skill: Skill) -> Iterator[Finding]:
    """Report an empty body."""
    # In an unclosed frontmatter the start of the text is unknown.
    unclosed = any(rule == "frontmatter" for _, rule, _, _ in skill.md.faults)
    if not skill.md.body.strip() and not unclosed:
        yield skill.at(None, "the skill has no text. write below the frontmatter what is to be done")
