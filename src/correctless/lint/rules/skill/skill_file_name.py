"""A skill is in a file named `SKILL.md`, in capitals.

Claude Code does not load a skill from `skill.md` or `Skill.md`: it is not listed and can't be started, without a message. A page
that is named so but has no frontmatter of a skill is not checked. agentskills.io tools accept `skill.md`.

Wrong:

```skill.md
---
name: my-skill
description: Sorts a reading list. Use when someone has more to read than time.
---
```

Right:

```markdown
---
name: my-skill
description: Sorts a reading list. Use when someone has more to read than time.
---
```

Fix: `git mv skill.md SKILL.md`; on a file system that ignores case, by way of a third name.

Source: Claude Code 2.1.329 and 2.1.332, whose list of skills was read on 2026-11-30; skills-ref 0.1.1.
"""

from __future__ import annotations

from collections.abc import Iterator

from correctless.lint.subject.frontmatter import is_skill
from correctless.lint.subject.subject import AGENTSKILLS, SKILL, Skill
from correctless.syntax.finding import Finding

ID = "skill-file-name"
SEVERITY = "error"
READS = (SKILL,)


def check(skill: Skill) -> Iterator[Finding]:
    """Report a file whose name is not in capitals."""
    if skill.name == "SKILL.md" or skill.name.lower() != "skill.md":
        return
    if skill.dialect == AGENTSKILLS and skill.name == "skill.md":
        return
    if is_skill(skill.frontmatter):
        yield skill.at(None, f"Claude Code loads no skill from '{skill.name}'. rename the file to 'SKILL.md'")
