"""A skill's `name` is the name of its folder.

agentskills.io tools refuse a skill whose name differs from its folder, except in its Unicode form (file systems change that). Claude Code's validator does not report it.

Wrong:

```markdown
---
name: another
---
```

Right:

```markdown
---
name: my-skill
---
```

Fix: rename the folder, or write its name. You choose, so `--fix` does not change it.

Source: agentskills.io specification; Claude Code 2.1.329, `plugin validate`, 2026-11-25.
"""

from __future__ import annotations

from collections.abc import Iterator

from correctless.lint.subject.frontmatter import normal
from correctless.lint.subject.subject import AGENTSKILLS, SKILL, Skill
from correctless.syntax import yaml_text
from correctless.syntax.finding import Finding

ID = "name-folder"
SEVERITY = "warning"
READS = (SKILL,)


def check(skill: Skill) -> Iterator[Finding]:
    """Report a name that is not the folder's."""
    node = skill.frontmatter.get("name") if skill.frontmatter else None
    if node is None or node.kind != yaml_text.SCALAR or not node.text.strip():
        return
    if normal(node.text.strip()) != normal(skill.folder):
        severity = "error" if skill.dialect == AGENTSKILLS else ""
        message = f"the name is '{node.text.strip()[:64]}' and the folder '{skill.folder}'. write '{skill.folder}', or rename the folder"
        yield skill.at(node, message, severity)
