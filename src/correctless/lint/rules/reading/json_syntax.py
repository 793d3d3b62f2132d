"""A manifest is JSON, without comments and without a comma before a closing bracket.

Claude Code refuses a plugin with an invalid `plugin.json`. With an invalid `hooks.json` the whole plugin is not loaded, so
its hooks guard nothing.

Wrong:

```plugin.json
{
  "name": "my-plugin",
}
```

Right:

```plugin.json
{
  "name": "my-plugin"
}
```

Fix: `--fix` deletes a trailing comma.

Source: RFC 8259; Claude Code 2.1.329, `plugin validate`, 2026-11-25.
"""

from __future__ import annotations

from collections.abc import Iterable

from correctless.lint.subject.subject import JSON, JsonSubject
from correctless.syntax.finding import Finding

ID = "json-syntax"
SEVERITY = "error"
READS = JSON


def check(file: JsonSubject) -> Iterable[Finding]:
    """Report JSON syntax errors."""
    return file.notes_of(ID)
