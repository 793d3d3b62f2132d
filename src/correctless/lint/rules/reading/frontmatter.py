"""The frontmatter starts on line 1, is closed, and holds keys.

With blank lines above it, or without its closing line, Claude Code finds no frontmatter: no key of it has an effect.

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

Source: Claude Code 2.1.329, `plugin validate`, 2026-11-25: "No frontmatter block found".
"""

from __future__ import annotations

from collections.abc import Iterable

from correctless.lint.subject.subject import MARKDOWN, MarkdownSubject
from correctless.syntax.finding import Finding

ID = "frontmatter"
SEVERITY = "error"
READS = MARKDOWN


def check(file: MarkdownSubject) -> Iterable[Finding]:
    """Report missing or unclosed frontmatter."""
    return file.notes_of(ID)
