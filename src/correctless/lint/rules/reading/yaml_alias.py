"""The frontmatter uses no aliases.

Some readers follow `*name`, others refuse it, and a few lines of aliases can expand to gigabytes. The linter does not follow it.

Wrong:

```markdown
---
name: &name my-skill
description: *name
---
```

Right:

```markdown
---
name: my-skill
description: my-skill
---
```

Fix: write the value out.

Source: YAML 1.2.2, section 7.1.
"""

from __future__ import annotations

from collections.abc import Iterable

from correctless.lint.subject.subject import MARKDOWN, MarkdownSubject
from correctless.syntax.finding import Finding

ID = "yaml-alias"
SEVERITY = "warning"
READS = MARKDOWN


def check(file: MarkdownSubject) -> Iterable[Finding]:
    """Report aliases."""
    return file.notes_of(ID)
