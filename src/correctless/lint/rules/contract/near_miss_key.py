"""A key of the contract is spelled as the contract spells it.

`interaction-mode`, `interactionMode` or `allowed_tools` look right and are never read: Claude Code does not report unknown
keys, so the line has no effect, and the dispatcher refuses the skill because its mode is missing.

Wrong:

```markdown
---
name: my-skill
interaction-mode: interactive
allowed_tools: Read
---
```

Right:

```markdown
---
name: my-skill
interaction_mode: interactive
allowed-tools: Read
---
```

Fix: `--fix` renames the key, unless the right one is there too.

Source: ENV-007, found by running Claude Code 2.1.329.
"""

from __future__ import annotations

from collections.abc import Iterator

from correctless.lint.subject.subject import COMMAND, SKILL, Skill
from correctless.skill.contract import key_maps, misspelled
from correctless.syntax.finding import Edit, Finding

ID = "near-miss-key"
SEVERITY = "error"
READS = (COMMAND, SKILL)


def check(skill: Skill) -> Iterator[Finding]:
    """Report misspelled contract keys."""
    faults = list(misspelled(skill.frontmatter))
    # When the right key is there too, or two keys mean the same, you choose.
    used = [key.text for keys in key_maps(skill.frontmatter) for key, _ in keys.pairs]
    used += [right for _, right in faults]
    for key, right in faults:
        fix = (Edit(key.start, key.end, right),) if used.count(right) == 1 else ()
        yield skill.at(key, f"unknown key '{key.text}'. write '{right}'", fix=fix)
