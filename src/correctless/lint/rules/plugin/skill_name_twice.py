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

import re
from collections.abc import Iterator

from correctless.lint.subject.subject import SKILL, Skill
from correctless.skill import skill_text
from correctless.syntax import yaml_text
from correctless.syntax.finding import Finding

ID = "skill-name-twice"
SEVERITY = "warning"
READS = (SKILL,)

_MOST = 200  # neighbours that are read


def check(skill: Skill) -> Iterator[Finding]:
    """Report a name that another skill has."""
    node = skill.frontmatter.get("name") if skill.frontmatter else None
    if node is None or node.kind != yaml_text.SCALAR:
        return
    name = node.text.strip()
    # Names of folders are unique: if two skills have one name, one of them differs from its folder.
    if not name or name == skill.folder:
        return
    for folder in skill.facts.names("..")[:_MOST]:
        if folder != skill.folder and _name(skill, folder) == name:
            yield skill.at(
                node,
                f"'{name[:60]}' is also the name of the skill in '../{folder[:60]}'. write '{skill.folder[:60]}'",
            )
            return


def _name(skill: Skill, folder: str) -> str:
    """Return the name of a neighbour, "" for a folder without a skill."""
    path = f"../{folder}/SKILL.md"
    if not skill.facts.kind(path):
        return ""
    data = skill.facts.read(path) or b""
    if not re.search(rb"(?m)^name[ \t]*:", data):
        return folder
    front = skill_text.read(data, path).frontmatter
    node = front.get("name") if front else None
    return node.text.strip() if node is not None and node.kind == yaml_text.SCALAR else folder
