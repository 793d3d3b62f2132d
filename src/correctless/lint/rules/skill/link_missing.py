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

from correctless.lint.subject.subject import SKILL, Skill
from correctless.syntax.finding import Finding
from correctless.syntax.markdown import CODE, COMMENT, code_spans

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

ID = "link-missing"
SEVERITY = "warning"
READS = (SKILL,)

# A bare target is matched to its end only: a line that never closes its parenthesis is not tried again from every length
# of it. Said by what may not follow: `re` before 3.11.5 matches possessive quantifiers wrongly.
_LINK = r"\]\(\s*(?P<target><[^<>\n]*>|[^\s()<>]+(?![^\s()<>]))[^()\n]*\)"
# An address, an anchor, an absolute path, or a stand-in for what the reader fills in.
_ELSEWHERE = r"[A-Za-z][A-Za-z0-9+.-]*:|[#/~$]|.*[{}<>*$\\]|(?i:(?:url|link|path)\Z)"


def check(skill: Skill) -> Iterator[Finding]:
    """Report links to missing files."""
    body = skill.md.body
    # Nearly every link leads somewhere; only for one that does not is it worth asking what is code.
    if "](" not in body or not any(_missing(skill, match) for match in re.finditer(_LINK, body)):
        return
    for line in skill.md.lines:
        if "](" not in line.text or line.kind in (CODE, COMMENT):
            continue
        spans = code_spans(line.text)
        for match in re.finditer(_LINK, line.text):
            inside = any(start <= match.start() < end for start, end in spans)
            if not inside and (target := _missing(skill, match)):
                place = skill.within(line, *match.span("target"))
                yield skill.at(place, f"'{target[:80]}' does not exist. correct the path, or add the file")


def _missing(skill: Skill, match: re.Match[str]) -> str:
    """The file a link names, when it is to lie beside the skill and does not."""
    target = match["target"].strip("<>").partition("#")[0].partition("?")[0]
    if not target or re.match(_ELSEWHERE, target) or skill.facts.kind(_decoded(target)):
        return ""
    return target


def _decoded(target: str) -> str:
    if "%" not in target:
        return target
    from urllib.parse import unquote

    return unquote(target)
