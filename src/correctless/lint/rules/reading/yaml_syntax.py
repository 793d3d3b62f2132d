"""The frontmatter is YAML.

Hosts with a strict reader refuse such a skill. Claude Code repairs a single value that lacks its quotes, most often one with
`: ` in it. If it can't repair the frontmatter (a tab, text behind a closing quote), it drops every field without a message, and
the skill runs without its allowed tools and its description. The linter still reads the other keys and checks them.

Wrong:

```markdown
---
name: my-skill
description: Audits code. Presets: QA, UX
---
```

Right:

```markdown
---
name: my-skill
description: "Audits code. Presets: QA, UX"
---
```

Fix: `--fix` puts a value in quotes if nothing else is wrong with it.

Source: Claude Code 2.1.329, `plugin validate`, 2026-11-25: "all frontmatter fields silently dropped"; the agentskills.io specification asks for YAML.
"""

from __future__ import annotations

from collections.abc import Iterable

from correctless.lint.subject.subject import MARKDOWN, MarkdownSubject
from correctless.syntax.finding import Finding

ID = "yaml-syntax"
SEVERITY = "error"
READS = MARKDOWN


def check(file: MarkdownSubject) -> Iterable[Finding]:
    """Report YAML syntax errors."""
    return file.notes_of(ID)
