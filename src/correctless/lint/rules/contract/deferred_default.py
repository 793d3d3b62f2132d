"""A decision that needs a human has a default for unattended runs.

Unattended, and always in a fork, an `escalate: always` decision applies its default and is reported as deferred. Without a
default the agent invents one, and you confirm an invention. In a hybrid skill with `context: fork` this happens in every run,
so there it is an error; elsewhere it is a warning.

Wrong:

```markdown
---
name: my-skill
interaction_mode: hybrid
context: fork
---
## Autonomous Defaults

- **AD-001**: Merge — `escalate: always`. Rationale: a merge can't be reverted.
```

Right:

```markdown
---
name: my-skill
interaction_mode: hybrid
context: fork
---
## Autonomous Defaults

- **AD-001**: Merge — `escalate: always`. Default if deferred: leave the branch open. Rationale: a merge can't be reverted.
```

Fix: write `Default if deferred:` and the passive choice (skip, keep, leave, flag) before the rationale.

Source: R-011, R-012; the skill contract.
"""

from __future__ import annotations

from collections.abc import Iterator

from correctless.lint.subject.subject import SKILL, Skill
from correctless.syntax.finding import Finding

ID = "deferred-default"
SEVERITY = "error"
READS = (SKILL,)


def check(skill: Skill) -> Iterator[Finding]:
    """Report deferred decisions without a default."""
    stated = skill.contract
    if stated.interaction_mode == "interactive":  # then another rule reports the section
        return
    severity = "" if stated.interaction_mode == "hybrid" and stated.context == "fork" else "warning"
    for default, (line, _, _) in zip(stated.defaults, skill.entries, strict=True):
        if not default.documented:
            message = f"{default.id or 'the entry'} has no default for unattended runs. write 'Default if deferred: ...' before the rationale"
            yield skill.at(line, message, severity)
