"""A key is not duplicated.

Some readers use the first value, some the last, some refuse the file; Claude Code's validator does not report it.

Wrong:

```markdown
---
name: my-skill
model: opus
model: haiku
---
```

Right:

```markdown
---
name: my-skill
model: haiku
---
```

Fix: keep one of them.

Source: YAML 1.2.2, section 3.2.1.3; RFC 8259, section 4; Claude Code 2.1.329, `plugin validate`, 2026-11-25.
"""

from __future__ import annotations

from collections.abc import Iterable

from correctless.lint.subject.subject import JSON, MARKDOWN, Subject
from correctless.syntax.finding import Finding

ID = "duplicate-key"
SEVERITY = "error"
READS = (*JSON, *MARKDOWN)


def check(subject: Subject) -> Iterable[Finding]:
    """Report duplicate keys."""
    return subject.notes_of(ID)
