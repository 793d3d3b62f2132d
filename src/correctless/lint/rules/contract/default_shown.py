"""A hybrid skill tells how a person sees the default: beside the options, marked as `(default)`.

The same decision points serve both cases. With nobody there the default is applied; with a person there it is one option among
others, and they should see which one an unattended run would take. The dispatcher's prompt says nothing of this, and Claude
Code neither: only the skill's own text can.

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
Where a person is there, put the options before them with the default marked as `(default)`.

## Autonomous Defaults

- **AD-001**: Names — `escalate: always`. Default if deferred: keep them. Rationale: others rely on them.
```

Fix: say once, outside of the entries, that the options are shown with the default marked as `(default)`.

Source: R-008.
"""

from __future__ import annotations

from correctless.lint.subject.subject import SKILL, Skill
from correctless.syntax.finding import Finding
from correctless.syntax.markdown import CODE, COMMENT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

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
