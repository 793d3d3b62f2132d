"""A value that YAML 1.1 and YAML 1.2 read differently is in quotes.

`on`, `no`, `10:30` and `012` are a boolean or a number in one version and text in the other, and hosts use both: the meaning of
the file then depends on the host.

Wrong:

```markdown
---
name: my-skill
disable-model-invocation: yes
---
```

Right:

```markdown
---
name: my-skill
disable-model-invocation: true
---
```

Fix: write `true` or `false`, or put the value in quotes if text is meant.

Source: YAML 1.1, YAML 1.2.2 chapter 10.
"""

from __future__ import annotations

from collections.abc import Iterable

from correctless.lint.subject.subject import MARKDOWN, MarkdownSubject
from correctless.syntax.finding import Finding

ID = "yaml-scalar"
SEVERITY = "error"
READS = MARKDOWN


def check(file: MarkdownSubject) -> Iterable[Finding]:
    """Report values that YAML 1.1 and 1.2 read differently."""
    return file.notes_of(ID)
