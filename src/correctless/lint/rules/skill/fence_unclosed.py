"""A code fence that is opened is closed.

Without its end, everything below is code to whoever reads the file: headings, links, and a section of defaults are then not
there, neither for the linter nor for the dispatcher. Often the cause stands above: a fence around text that has fences itself
is closed by the first of those, unless it has more backticks than they have.

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

from correctless.lint.subject.subject import AGENT, SKILL, MarkdownSubject
from correctless.syntax.finding import Finding
from correctless.syntax.markdown import unclosed_fence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

ID = "fence-unclosed"
SEVERITY = "warning"
READS = (AGENT, SKILL)

_BACKTICKS = re.compile(r"```+[^\n]*")  # letters first: the search leaps from one to the next
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
    # Without a language it was more likely meant to close a block, which a fence inside of it had closed already.
    bare = not line.text.strip(" \t`~>")
    advice = (
        "close it, or give the fence of the block it ends one backtick more"
        if bare
        else "write its closing line"
    )
    yield file.at(line, f"this code fence is never closed. {advice}")


def _may_be_open(body: str) -> bool:
    """Whether the fences alone, without lists and quotes, leave one open; only then every line is worth a look."""
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
