"""The frontmatter is YAML.

Hosts with a strict reader refuse such a skill. Claude Code mends a single value that lacks its quotes, as most often one with
`: ` in it; of a frontmatter that it can't mend (a tab, text behind a closing quote) it drops every field in silence, and the
skill runs without its allowed tools and its description. The other keys are still read here, so that the other rules apply
to them.

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

Fix: `--fix` puts a value in quotes where that is all it lacks.

Source: Claude Code 2.1.329, `plugin validate`, 2026-11-25: "all frontmatter fields silently dropped"; the agentskills.io specification asks for YAML.
"""

from __future__ import annotations

from correctless.lint.subject.subject import AGENT, SKILL, MarkdownSubject
from correctless.syntax.finding import Finding

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

ID = "yaml-syntax"
SEVERITY = "error"
READS = (AGENT, SKILL)


def check(file: MarkdownSubject) -> Iterable[Finding]:
    """Report YAML syntax errors."""
    return file.notes_of(ID)
