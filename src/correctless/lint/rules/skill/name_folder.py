"""A skill's `name` is the name of its folder.

agentskills.io tools refuse a skill whose name differs from its folder, except in its Unicode form (file systems change that). If the
names of all skills beside it have the same prefix before the folder's name (`acme-review` in `review`), or all folders one before the
name, that is meant, and it is an `info`. Claude Code's validator does not report it.

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
from correctless.skill import skill_text
from correctless.syntax import yaml_text
from correctless.syntax.finding import Finding

ID = "name-folder"
SEVERITY = "warning"
_LISTED = 200  # names of neighbours that are looked at
_MOST = 20  # skills of them that are read
READS = (SKILL,)


def check(skill: Skill) -> Iterator[Finding]:
    """Report a name that is not the folder's."""
    node = skill.frontmatter.get("name") if skill.frontmatter else None
    if node is None or node.kind != yaml_text.SCALAR or not node.text.strip():
        return
    name = node.text.strip()
    if normal(name) != normal(skill.folder):
        severity = "error" if skill.dialect == AGENTSKILLS else "info" if _shared(skill, name) else ""
        message = f"the name is '{name[:64]}' and the folder '{skill.folder}'. write '{skill.folder}', or rename the folder"
        yield skill.at(node, message, severity)


def _prefix(name: str, folder: str) -> tuple[str, bool]:
    """Return the prefix that the name has before the folder's, or the folder before the name; and which of both."""
    by_name = len(name) > len(folder)
    longer, shorter = (name, folder) if by_name else (folder, name)
    prefix = longer.removesuffix(shorter)
    return (prefix, by_name) if prefix != longer and prefix[-1:] in ("-", ":", "_", ".") else ("", by_name)


def _shared(skill: Skill, name: str) -> bool:
    """Return whether every skill beside this one differs from its folder by the same prefix, and there is one."""
    difference = _prefix(name, skill.folder)
    others = 0
    for folder in skill.facts.names("..")[:_LISTED] if difference[0] else ():
        path = f"../{folder}/SKILL.md"
        if folder == skill.folder or not skill.facts.kind(path):
            continue
        front = skill_text.read(skill.facts.read(path) or b"", path).frontmatter
        node = front.get("name") if front else None
        if node is None or _prefix(node.text.strip(), folder) != difference:
            return False
        others += 1
        if others == _MOST:
            break
    return others > 0
