"""A hybrid skill has at least one decision that needs a human.

That is the difference between `hybrid` and `autonomous`: an entry with `escalate: always` is deferred, and closes the gate
before the pull request until you confirm it. A hybrid skill without one promises a check that never happens.

Wrong:

```markdown
---
name: my-skill
interaction_mode: hybrid
---
## Autonomous Defaults

- **AD-001**: Naming — keep the old name (default). Rationale: renaming is easy later.
```

Right:

```markdown
---
name: my-skill
interaction_mode: hybrid
---
## Autonomous Defaults

- **AD-001**: Public names — `escalate: always`. Default if deferred: keep the old name. Rationale: others rely on it.
```

Fix: write `escalate: always` in the entry that needs a human, or write `interaction_mode: autonomous`.

Source: R-004.
"""

from __future__ import annotations

from collections.abc import Iterator

from correctless.lint.subject.subject import SKILL, Skill
from correctless.syntax.finding import Finding

ID = "hybrid-escalates"
SEVERITY = "error"
READS = (SKILL,)


def check(skill: Skill) -> Iterator[Finding]:
    """Report a hybrid skill that defers no decision."""
    stated = skill.contract
    if (
        stated.interaction_mode == "hybrid"
        and skill.sections
        and not any(d.escalate for d in stated.defaults)
    ):
        message = "a hybrid skill needs at least one human decision, but no entry has one. write '`escalate: always`' in one"
        yield skill.at(skill.sections[0], message)
