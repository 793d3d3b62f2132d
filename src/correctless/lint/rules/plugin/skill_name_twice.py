"""Skills in the same folder have different names.

A skill is started by the name of its folder, and listed with the `name` that it states. If two state the same name, that name
starts only the first of them.

Wrong:

```markdown
---
name: review
---
```

Beside it, `../other-skill/SKILL.md`:

```markdown
---
name: review
---
```

Right:

```markdown
---
name: my-skill
---
```

Fix: give each skill the name of its folder.

Source: Claude Code 2.1.329, a session in which `review` was called, 2026-11-25.
"""

from __future__ import annotations

from collections.abc import Iterator

from correctless.lint.subject.subject import SKILL, Skill
from correctless.syntax import yaml_text
from correctless.syntax.finding import Finding

ID = "skill-name-twice"
SEVERITY = "warning"
READS = (SKILL,)


def check(skill: Skill) -> Iterator[Finding]:
    """Report a name that another skill has."""
    node = skill.frontmatter.get("name") if skill.frontmatter else None
    if node is None or node.kind != yaml_text.SCALAR:
        return
    name = node.text.strip()
    # Names of folders are unique: if two skills have one name, one of them differs from its folder.
    if not name or name == skill.folder:
        return
    if folder := skill.facts.skill_named("..", name, skill.folder):
        yield skill.at(
            node,
            f"'{name[:60]}' is also the name of the skill in '../{folder[:60]}'. write '{skill.folder[:60]}'",
        )
