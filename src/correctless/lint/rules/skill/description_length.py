"""A description is not longer than the part that the model sees.

Claude Code lists each skill to the model with its description and `when_to_use`, joined, and cuts that at 1,536 characters: the
rest is never read. agentskills.io tools refuse a description of more than 1,024 (an error in that dialect).

Wrong:

```markdown
---
name: my-skill
description: >-
  Sorts scanned papers into folders.
  ... 60 more lines ...
---
```

Right:

```markdown
---
name: my-skill
description: Sorts scanned papers into folders by kind, year and sender. Use when a pile of papers has been scanned.
---
```

Fix: write first what it is for and when to use it, and move the rest into the text.

Source: agentskills.io specification; Claude Code 2.1.329, whose setting `skillListingMaxDescChars` is 1,536 by default, run on
2026-11-25.
"""

from __future__ import annotations

from collections.abc import Iterator

from correctless.lint.subject.frontmatter import MODEL, meaning, stated
from correctless.lint.subject.subject import AGENTSKILLS, COMMAND, SKILL, Skill
from correctless.syntax import yaml_text
from correctless.syntax.finding import Finding

ID = "description-length"
SEVERITY = "warning"
READS = (COMMAND, SKILL)

LISTED = 1536
ALLOWED = 1024  # in agentskills
_JOINED = 3  # " - " between the two


def check(skill: Skill) -> Iterator[Finding]:
    """Report a description that is too long."""
    if len(skill.md.raw) <= ALLOWED or skill.frontmatter is None:
        return
    node = skill.frontmatter.get("description")
    length = len(node.text.strip()) if node is not None else 0
    if skill.dialect == AGENTSKILLS:
        if length > ALLOWED:
            message = f"the description has {length} characters. write at most {ALLOWED}"
            yield skill.at(node, message, "error")
        return
    subject = "the description has"
    more = stated(skill, "when_to_use")
    if length and more is not None and more.kind == yaml_text.SCALAR and more.text.strip():
        length += _JOINED + len(more.text.strip())
        subject = "description and when_to_use have"
    if length > LISTED and not meaning(stated(skill, MODEL)):
        message = f"{subject} {length} characters, and the model is shown {LISTED}. put what it is for first, and shorten it"
        yield skill.at(node, message)
