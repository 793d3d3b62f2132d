"""A code fence is closed.

Without its end, everything below is code: other readers see no headings and links there. The linter and the dispatcher still read
the sections below, from the next heading of level 2. Often the cause is further up: a fence around text that has fences itself is
closed by the first of these, unless it has more backticks.

Wrong:

```markdown
---
name: my-skill
---

~~~sh
git status

## Afterwards
```

Right:

```markdown
---
name: my-skill
---

~~~sh
git status
~~~

## Afterwards
```

Fix: write the closing line, or give the outer fence one backtick more.

Source: CommonMark 0.31.2, section 4.5.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from correctless.lint.subject.subject import MARKDOWN, MarkdownSubject
from correctless.syntax.finding import Finding
from correctless.syntax.markdown import unclosed_fence

ID = "fence-unclosed"
SEVERITY = "warning"
READS = MARKDOWN

_BACKTICKS = re.compile(r"```+[^\n]*")  # literal characters first make the search fast
_EITHER = re.compile(r"(?:```+|~~~+)[^\n]*")


def check(file: MarkdownSubject) -> Iterator[Finding]:
    """Report unclosed code fences."""
    body = file.md.body
    if not _may_be_open(body):
        return
    number = unclosed_fence(file.md.lines)
    if number is None:
        return
    line = file.md.lines[number - file.md.body_line]
    # Without a language it was probably meant to close a block that an inner fence had already closed.
    bare = not line.text.strip(" \t`~>")
    advice = (
        "close it, or give the fence of the block it ends one backtick more"
        if bare
        else "write its closing line"
    )
    below = next((each for each in file.md.sections if each.line > number), None)
    lost = f", so '## {below.title[:60]}' on line {below.line} is code" if below else ""
    yield file.at(line, f"this code fence is never closed{lost}. {advice}")


def _may_be_open(body: str) -> bool:
    """Return whether a fence is open if lists and quotes are ignored; only then each line is read."""
    opened, outside = "", 0
    for match in (_EITHER if "~" in body and "~~~" in body else _BACKTICKS).finditer(body):
        start, text = match.start(), match[0]
        indent = start - body.rfind("\n", 0, start) - 1 if start and body[start - 1] != "\n" else 0
        if indent and body[start - indent : start].strip(" \t"):
            continue
        rest = text.lstrip(text[0])
        if not opened:
            opened = text[: len(text) - len(rest)] if text[0] == "~" or "`" not in rest else ""
            outside = indent
        elif text.startswith(opened) and not rest.strip() and indent - outside < 4:
            opened = ""
    return bool(opened)
