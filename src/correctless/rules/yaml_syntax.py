"""The frontmatter is YAML.

Claude Code drops every field of a frontmatter that YAML refuses, in silence: the skill runs without its allowed tools, its
description and its mode. Most often a value without quotes contains `: `. The other keys are still read here, so that the other
rules apply to them.

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

Source: Claude Code 2.1.329, `plugin validate` and a run, 2026-11-21.
"""

from __future__ import annotations

from correctless.finding import Finding
from correctless.subject import AGENT, SKILL, MarkdownSubject

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

ID = "yaml-syntax"
SEVERITY = "error"
READS = (AGENT, SKILL)


def check(file: MarkdownSubject) -> Iterable[Finding]:
    return file.noted(ID)
