"""A name is 1 to 64 characters long: lower-case letters, digits, and single hyphens between them.

Letters may be of any script; the name is compared in the Unicode form NFKC.

agentskills.io tools refuse any other name (an error in that dialect). Claude Code starts the skill by its folder, and shows such
a name beside it.

Wrong:

```markdown
---
name: My Skill
---
```

Right:

```markdown
---
name: my-skill
---
```

Fix: `--fix` writes the name of the folder if the two differ only in case, blanks and signs; else choose a name.

Source: agentskills.io specification; skills-ref 0.1.1, run on 2026-11-30; `name: a--b-` in Claude Code 2.1.329, run on 2026-11-25.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from correctless.lint.subject.frontmatter import normal
from correctless.lint.subject.subject import AGENTSKILLS, SKILL, Skill
from correctless.syntax import yaml_text
from correctless.syntax.finding import Edit, Finding

ID = "name-format"
SEVERITY = "warning"
READS = (SKILL,)

LONGEST = 64
_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*\Z")


def is_name(name: str) -> bool:
    """Return whether agentskills.io tools accept a name, apart from its length."""
    if name.isascii():
        return _NAME.match(name) is not None
    words = normal(name).split("-")
    return all(word.isalnum() and word == word.lower() for word in words)


def check(skill: Skill) -> Iterator[Finding]:
    """Report an invalid name."""
    node = skill.frontmatter.get("name") if skill.frontmatter else None
    if node is None or node.kind == yaml_text.ALIAS:
        return
    name = node.text.strip()
    if node.kind == yaml_text.SCALAR and (not name or (is_name(name) and len(normal(name)) <= LONGEST)):
        return  # another rule reports a missing name
    severity = "error" if skill.dialect == AGENTSKILLS else ""
    if node.kind != yaml_text.SCALAR:
        yield skill.at(node, f"the name is {yaml_text.KINDS[node.kind]}. write one word", severity)
    elif len(normal(name)) > LONGEST:
        yield skill.at(
            node, f"the name has {len(normal(name))} characters. write at most {LONGEST}", severity
        )
    else:
        near = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") if name.isascii() else ""
        advice = f"write '{near}'" if near else "write a word of them"
        same = near == skill.folder and node.style in ("", "'", '"') and not skill.md.recovered
        fix = (Edit(node.start, node.end, near),) if same else ()
        message = f"the name '{name}' is not only lower-case letters, digits and single hyphens. {advice}"
        yield skill.at(node, message, severity, fix=fix)
