"""A skill has a description.

The model chooses skills by their descriptions. Claude Code does not show the model a plugin's skill without one, so it is started
only by its name; a project's skill is shown with the first line of its text. agentskills.io tools refuse the file (an error in
that dialect). If the model may not start the skill anyway, this is an `info`.

Wrong:

```markdown
---
name: my-skill
---

# My skill
```

Right:

```markdown
---
name: my-skill
description: Sorts a reading list. Use when someone has more to read than time.
---

# My skill
```

Fix: write one sentence about what comes out of it, and one about when to use it.

Source: agentskills.io specification; Claude Code 2.1.329, run on 2026-11-25 with a plugin and with a project; its `plugin
validate` warns.
"""

from __future__ import annotations

from collections.abc import Iterator

from correctless.lint.subject.frontmatter import MODEL, meaning, means, stated
from correctless.lint.subject.subject import AGENTSKILLS, SKILL, Skill
from correctless.syntax import yaml_text
from correctless.syntax.finding import Finding

ID = "description-missing"
SEVERITY = "warning"
READS = (SKILL,)

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_ADVICE = "write what comes out of it, and when to use it"


def check(skill: Skill) -> Iterator[Finding]:
    """Report a missing description."""
    front = skill.frontmatter
    if front is None and skill.md.raw.strip():
        return  # no readable key: another rule reports it
    node = front.get("description") if front else None
    if node is not None and (
        node.kind == yaml_text.ALIAS or (node.kind == yaml_text.SCALAR and not _empty(node))
    ):
        return
    if node is None and front and means(front, "description"):
        return  # misspelled: another rule reports and fixes it
    hidden = bool(meaning(stated(skill, MODEL)))  # from the model, which then never reads it
    severity = "error" if skill.dialect == AGENTSKILLS else "info" if hidden else ""
    if node is not None and node.kind != yaml_text.SCALAR:
        yield skill.at(
            node,
            f"the description is {yaml_text.KINDS[node.kind]}, which counts as none. {_ADVICE}",
            severity,
        )
    else:
        yield skill.at(node, f"the skill has no description. {_ADVICE}", severity)


def _empty(node: yaml_text.Node) -> bool:
    return not node.text.strip() or (not node.style and node.text in _NULL)
