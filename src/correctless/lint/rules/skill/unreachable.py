"""A skill can be started, by you or by the model.

With `disable-model-invocation: true` the model may not start it, with `user-invocable: false` you may not. With both, Claude
Code refuses you with a message that names the model, and the model with one that names you; an agent that lists the skill to
be loaded with it doesn't get it either.

Wrong:

```markdown
---
name: my-skill
disable-model-invocation: true
user-invocable: false
---
```

Right:

```markdown
---
name: my-skill
disable-model-invocation: true
---
```

Fix: leave out the one that was not meant.

Source: Claude Code 2.1.329, run on 2026-11-25 as a person, as a model and from an agent.
"""

from __future__ import annotations

from collections.abc import Iterator

from correctless.lint.subject.frontmatter import MODEL, USER, meaning, place, stated
from correctless.lint.subject.subject import CLAUDE_CODE, SKILL, Skill
from correctless.syntax.finding import Finding

ID = "unreachable"
SEVERITY = "error"
READS = (SKILL,)


def check(skill: Skill) -> Iterator[Finding]:
    """Report a skill that nothing can start."""
    if skill.dialect != CLAUDE_CODE:
        return
    model, user = stated(skill, MODEL), stated(skill, USER)
    # Any value but true hides the skill from you.
    if model is not None and user is not None and meaning(model) and not meaning(user):
        message = f"neither you nor the model may start this skill: line {model.line} keeps the model. leave one of the two out"
        yield skill.at(place(skill, USER), message)
