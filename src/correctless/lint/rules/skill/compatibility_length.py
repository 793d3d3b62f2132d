"""`compatibility` is a text of at most 500 characters.

agentskills.io tools refuse a longer one, or one that is a list (an error in that dialect). Claude Code does not read the key.

Wrong:

```agentskills.md
---
name: my-skill
description: Sorts a reading list. Use when someone has more to read than time.
compatibility:
  - Python 3.11
---
```

Right:

```agentskills.md
---
name: my-skill
description: Sorts a reading list. Use when someone has more to read than time.
compatibility: Needs Python 3.11 or newer.
---
```

Fix: name what is needed in one sentence, and move the rest into the text.

Source: agentskills.io specification; skills-ref 0.1.1, run on 2026-11-30.
"""

from __future__ import annotations

from collections.abc import Iterator

from correctless.lint.subject.frontmatter import stated
from correctless.lint.subject.subject import AGENTSKILLS, SKILL, Skill
from correctless.syntax import yaml_text
from correctless.syntax.finding import Finding

ID = "compatibility-length"
SEVERITY = "error"
READS = (SKILL,)

ALLOWED = 500


def check(skill: Skill) -> Iterator[Finding]:
    """Report a `compatibility` that is too long or no text."""
    node = stated(skill, "compatibility") if skill.dialect == AGENTSKILLS else None
    if node is None:
        return
    if node.kind != yaml_text.SCALAR:
        yield skill.at(node, f"'compatibility' is {yaml_text.KINDS[node.kind]}. write one text")
    elif len(node.text) > ALLOWED:
        message = f"'compatibility' has {len(node.text)} characters. write at most {ALLOWED}"
        yield skill.at(node, message)
