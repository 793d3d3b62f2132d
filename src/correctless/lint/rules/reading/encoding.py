"""A file is UTF-8 text without a byte order mark.

Hosts read bytes that are not UTF-8, and NUL, in different ways. With a byte order mark before `---`, readers that look for three
dashes find no frontmatter (a warning). CRLF works in all known hosts and is an `info`.

Wrong:

```markdown
---
name: my-skill
description: one\0two
---
```

Right:

```markdown
---
name: my-skill
description: one two
---
```

Fix: save the file as UTF-8 with LF.

Source: YAML 1.2.2, section 5.1, for NUL. A byte order mark passes Claude Code 2.1.329, `plugin validate`, 2026-11-25.
"""

from __future__ import annotations

from collections.abc import Iterable

from correctless.lint.subject.subject import JSON, MARKDOWN, Subject
from correctless.syntax.finding import Finding

ID = "encoding"
SEVERITY = "error"
READS = (*JSON, *MARKDOWN)


def check(subject: Subject) -> Iterable[Finding]:
    """Report encoding errors and byte order marks."""
    return subject.notes_of(ID)
