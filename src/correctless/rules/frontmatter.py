"""The frontmatter starts on line 1, is closed, and holds keys.

Claude Code looks for `---` at the very start of the file. Blank lines above it, or a block that nothing closes, and the skill has
neither name nor description: it is listed under its folder's name, and no key of it has an effect.

Wrong:

```markdown
---
name: my-skill

# My skill
```

Right:

```markdown
---
name: my-skill
---

# My skill
```

Fix: start the file with `---`, and write a line `---` after the last key.

Source: agentskills.io specification; Claude Code 2.1.329 run on such files, 2026-11-21.
"""

from __future__ import annotations

from correctless.finding import Finding
from correctless.subject import AGENT, SKILL, MarkdownSubject

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

ID = "frontmatter"
SEVERITY = "error"
READS = (AGENT, SKILL)


def check(file: MarkdownSubject) -> Iterable[Finding]:
    return file.noted(ID)
