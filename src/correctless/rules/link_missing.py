"""A file that a skill links to exists.

The model opens links when it is told to. One that leads nowhere costs a turn, and then it guesses what the file would have
said. Only links to files beside the skill are looked at: no addresses, no placeholders, nothing inside code.

Wrong:

```markdown
---
name: my-skill
---

Read [the form](references/form.md) first.
```

Right:

```markdown
---
name: my-skill
---

Read [the form](https://example.com/form) first.
```

Fix: add the file, or correct the path.

Source: the tree itself; no host says anything of it.
"""

from __future__ import annotations

import re

from correctless.finding import Finding
from correctless.markdown import CODE, COMMENT
from correctless.subject import SKILL, Skill

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

ID = "link-missing"
SEVERITY = "warning"
READS = (SKILL,)

_LINK = r"\]\(\s*(?P<target><[^<>\n]*>|[^\s()<>]+)[^()\n]*\)"
_SPAN = r"(`+)(?!`).+?(?<!`)\1(?!`)"
# An address, an anchor, an absolute path, or a stand-in for what the reader fills in.
_ELSEWHERE = r"[A-Za-z][A-Za-z0-9+.-]*:|[#/~$]|.*[{}<>*$\\]|(?i:(?:url|link|path)\Z)"


def check(skill: Skill) -> Iterator[Finding]:
    if "](" not in skill.md.body:
        return
    for line in skill.md.lines:
        if "](" not in line.text or line.kind in (CODE, COMMENT):
            continue
        spans = [span.span() for span in re.finditer(_SPAN, line.text)] if "`" in line.text else []
        for found in re.finditer(_LINK, line.text):
            target = found["target"].strip("<>").partition("#")[0].partition("?")[0]
            inside = any(start <= found.start() < end for start, end in spans)
            if inside or not target or re.match(_ELSEWHERE, target):
                continue
            if not skill.facts.kind(_decoded(target)):
                place = skill.within(line, *found.span("target"))
                yield skill.at(place, f"'{target[:80]}' does not exist. correct the path, or add the file")


def _decoded(target: str) -> str:
    if "%" not in target:
        return target
    from urllib.parse import unquote

    return unquote(target)
