"""A file that a skill links to exists.

The model opens links when the text says so. A missing file costs a turn, and then the model guesses its content. The rule checks
only links to files beside the skill: no addresses, no placeholders, nothing inside code.

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

Source: the tree itself; no host reports it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from correctless.lint.subject.subject import SKILL, Skill
from correctless.syntax.finding import Finding
from correctless.syntax.markdown import CODE, COMMENT, code_spans

ID = "link-missing"
SEVERITY = "warning"
READS = (SKILL,)

# A bare target is matched to its end only, so that a line without its closing parenthesis is not tried at each length. By
# a lookahead, as `re` before 3.11.5 matches possessive quantifiers wrongly.
_LINK = r"\]\(\s*(?P<target><[^<>\n]*>|[^\s()<>]+(?![^\s()<>]))[^()\n]*\)"
# An address, an anchor, an absolute path, or a placeholder.
_ELSEWHERE = r"[A-Za-z][A-Za-z0-9+.-]*:|[#/~$]|.*[{}<>*$\\]|(?i:(?:url|link|path)\Z)"


def check(skill: Skill) -> Iterator[Finding]:
    """Report links to missing files."""
    body = skill.md.body
    # Nearly every link is valid: code is only looked for when one is not.
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
    """Return the file of a link if it should be beside the skill and is not, else ""."""
    target = match["target"].strip("<>").partition("#")[0].partition("?")[0]
    if not target or re.match(_ELSEWHERE, target) or skill.facts.kind(_decoded(target)):
        return ""
    return target


def _decoded(target: str) -> str:
    if "%" not in target:
        return target
    from urllib.parse import unquote

    return unquote(target)
