"""Each question of a hybrid skill has an entry with the default for unattended runs.

Attended, the skill asks; unattended, it takes the default. Without an entry there is no default: the agent stops in the middle,
or decides alone and records an unlisted decision that needs your review. The rule reports a question only if it shares no
significant word with any entry.

Wrong:

```markdown
---
name: my-skill
interaction_mode: hybrid
---
Ask the user for the target database.

## Autonomous Defaults

- **AD-001**: Public names — `escalate: always`. Default if deferred: keep them. Rationale: others rely on them.
```

Right:

```markdown
---
name: my-skill
interaction_mode: hybrid
---
Ask the user for the target database.

## Autonomous Defaults

- **AD-001**: Public names — `escalate: always`. Default if deferred: keep them. Rationale: others rely on them.
- **AD-002**: Target database — the one in the configuration (default). Rationale: it is the one in use.
```

Fix: write an entry for the question, or say what is done without asking.

Source: R-002, R-014.
"""

from __future__ import annotations

from collections.abc import Iterator

from correctless.lint.subject import ask_points
from correctless.lint.subject.subject import SKILL, Skill
from correctless.syntax.finding import Finding

ID = "ask-point-uncovered"
SEVERITY = "warning"
READS = (SKILL,)


def check(skill: Skill) -> Iterator[Finding]:
    """Report questions without a decision point."""
    stated = skill.contract
    if stated.interaction_mode != "hybrid" or stated.context == "fork" or not skill.entries:
        return  # a fork is reported by autonomous-asks, and without entries all of them are missing
    for place in ask_points.uncovered(skill):
        yield skill.at(
            place,
            "the skill asks here, but no entry has the default for unattended runs. write one: '- **AD-NNN**: ...'",
        )
