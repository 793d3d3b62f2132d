"""A forked skill is not interactive.

With `context: fork` a skill runs isolated and gets no answer: it ends with its first question. So
`interaction_mode: interactive` and `context: fork` contradict each other.

Wrong:

```markdown
---
name: my-skill
interaction_mode: interactive
context: fork
---
```

Right:

```markdown
---
name: my-skill
interaction_mode: interactive
---
```

Fix: leave `context` out, or write `hybrid` and the section `## Autonomous Defaults`.

Source: R-009; the skill contract.
"""

from __future__ import annotations

from collections.abc import Iterator

from correctless.lint.subject.subject import SKILL, Skill
from correctless.syntax.finding import Finding

ID = "fork-interactive"
SEVERITY = "error"
READS = (SKILL,)


def check(skill: Skill) -> Iterator[Finding]:
    """Report a forked skill that is interactive."""
    front, stated = skill.frontmatter, skill.contract
    if front and stated.interaction_mode == "interactive" and stated.context == "fork":
        message = "a forked skill gets no answer, so it can't be interactive. write 'hybrid', or leave 'context' out"
        yield skill.at(front.get("context"), message)
