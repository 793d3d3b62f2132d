"""A skill states its name.

Without one, Claude Code uses the folder's name, and a moved or copied folder silently renames the skill. agentskills.io tools
refuse the file (an error in that dialect).

Wrong:

```markdown
---
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

Fix: `--fix` writes the name of the folder, if that is a valid name.

Source: agentskills.io specification; a skill without a name in Claude Code 2.1.329, run on 2026-11-25.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from correctless.lint.subject.frontmatter import means
from correctless.lint.subject.subject import AGENTSKILLS, SKILL, Skill
from correctless.syntax import yaml_text
from correctless.syntax.finding import Edit, Finding

ID = "name-missing"
SEVERITY = "warning"
READS = (SKILL,)

# Words that YAML does not read as text.
_NOT_TEXT = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n"})


def check(skill: Skill) -> Iterator[Finding]:
    """Report a missing name."""
    front = skill.frontmatter
    if front is None and skill.md.raw.strip():
        return  # no readable key: another rule reports it
    named = front.get("name") if front else None
    if named is None and front and means(front, "name"):
        return  # misspelled: another rule reports and fixes it
    if named is not None and (named.kind != yaml_text.SCALAR or named.text.strip()):
        return
    severity = "error" if skill.dialect == AGENTSKILLS else ""
    advice = f"write 'name: {skill.folder[:64]}'" if _is_name(skill.folder) else "write 'name:' and the name"
    message = f"the skill has no 'name', so its folder is its name. {advice}"
    yield skill.at(named, message, severity, fix=_fix(skill, named))


def _fix(skill: Skill, named: yaml_text.Node | None) -> tuple[Edit, ...]:
    md = skill.md
    if not _is_name(skill.folder) or not md.has_frontmatter or md.recovered or _faulty(skill):
        return ()
    if named is not None:
        return (Edit(named.start, named.end, skill.folder),) if named.style in ("'", '"') else ()
    front = skill.frontmatter
    if front is not None and (front.style or front.column != 1):
        return ()
    end = "\r\n" if md.text[: md.raw_start].endswith("\r\n") else "\n"
    return (Edit(md.raw_start, md.raw_start, f"name: {skill.folder}{end}"),)


def _faulty(skill: Skill) -> bool:
    return any(rule == "frontmatter" for _, rule, _, _ in skill.md.faults)


def _is_name(folder: str) -> bool:
    match = re.fullmatch(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*", folder)
    return match is not None and len(folder) <= 64 and folder not in _NOT_TEXT
