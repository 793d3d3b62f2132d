"""A hybrid skill tells the model to show the default with the options, marked as `(default)`.

The same decision points are used in both cases. Unattended, the default is applied. Attended, it is one option among others,
and you should see which one an unattended run takes. Neither the dispatcher's prompt nor Claude Code says this: the skill's own
text must.

Wrong:

```markdown
---
name: my-skill
interaction_mode: hybrid
---
## Autonomous Defaults

- **AD-001**: Names — `escalate: always`. Default if deferred: keep them. Rationale: others rely on them.
```

Right:

```markdown
---
name: my-skill
interaction_mode: hybrid
---
When attended, show the options with the default marked as `(default)`.

## Autonomous Defaults

- **AD-001**: Names — `escalate: always`. Default if deferred: keep them. Rationale: others rely on them.
```

Fix: write once, outside of the entries, that the options are shown with the default marked as `(default)`.

Source: R-008.
"""

from __future__ import annotations

from collections.abc import Iterator

from correctless.lint.subject.subject import SKILL, Skill
from correctless.syntax.finding import Finding
from correctless.syntax.markdown import CODE, COMMENT

ID = "default-shown"
SEVERITY = "warning"
READS = (SKILL,)


def check(skill: Skill) -> Iterator[Finding]:
    """Report a hybrid skill that does not mark its default."""
    if skill.contract.interaction_mode == "hybrid" and skill.entries and not _says_so(skill):
        message = "the skill does not tell the model to show the default. write once: 'show the options with the default marked as `(default)`'"
        yield skill.at(skill.sections[0], message)


def _says_so(skill: Skill) -> bool:
    if "(default)" not in skill.md.body.lower():
        return False
    # In an entry the mark states the default itself.
    first = skill.entries[0][0].number
    listed = {line.number for section in skill.sections for line in section.lines if line.number >= first}
    return any(
        "(default)" in line.text.lower() and line.number not in listed
        for line in skill.md.lines
        if line.kind not in (CODE, COMMENT)
    )
