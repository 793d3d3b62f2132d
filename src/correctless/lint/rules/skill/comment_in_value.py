"""A text is not cut off by ` #`.

Outside of quotes ` #` starts a comment, and YAML ends the value there: of `description: Fixes issue #12 and more` the model is
shown "Fixes issue". Claude Code's validator does not report it.

Wrong:

```markdown
---
name: my-skill
description: Closes issue #12 and tells its reporter. Use when an issue was fixed.
---
```

Right:

```markdown
---
name: my-skill
description: "Closes issue #12 and tells its reporter. Use when an issue was fixed."
---
```

Fix: put the value in quotes, or move the comment to a line of its own.

Source: YAML 1.2.2, section 6.6; Claude Code 2.1.329 and 2.1.332, whose list of skills was read on 2026-11-30.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from correctless.lint.subject.subject import MARKDOWN, MarkdownSubject
from correctless.syntax import yaml_text
from correctless.syntax.finding import Finding

ID = "comment-in-value"
SEVERITY = "warning"
READS = MARKDOWN

_TEXTS = ("description", "when_to_use", "argument-hint", "compatibility")
# A comment for a program is meant as one.
_COMMENT = re.compile(
    r"[ \t]+(#(?!\s*(?:correctless:|yamllint|noqa|prettier-|cspell:|spell-?checker:))[^\r\n]*)"
)


def check(file: MarkdownSubject) -> Iterator[Finding]:
    """Report texts that a comment cuts off."""
    if " #" not in file.md.raw and "\t#" not in file.md.raw:
        return
    if file.md.recovered:
        return  # the client puts such values in quotes itself
    for key in _TEXTS:
        node = file.frontmatter.get(key) if file.frontmatter else None
        if node is None or node.kind != yaml_text.SCALAR or node.style or not node.text:
            continue
        if match := _COMMENT.match(file.text, node.end):
            excerpt = match[1].rstrip()[:40]
            message = f"'{key}' ends before '{excerpt}', which is a comment. put the whole value in quotes"
            yield file.at(match.span(1), message)
