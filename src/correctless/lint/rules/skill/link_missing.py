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
from bisect import bisect_right
from collections.abc import Iterator

from correctless.base.lazy_re import lazily
from correctless.lint.subject.subject import SKILL, Skill
from correctless.syntax.finding import Finding
from correctless.syntax.markdown import code_spans
from correctless.syntax.yaml_nodes import LineOffsets

ID = "link-missing"
SEVERITY = "warning"
READS = (SKILL,)

# In one line. A bare target is matched to its end only, so that a line without its closing parenthesis is not tried at each
# length. By a lookahead, as `re` before 3.11.5 matches possessive quantifiers wrongly.
_LINK = r"\]\([^\S\r\n]*(?P<target><[^<>\r\n]*>|[^\s()<>]+(?![^\s()<>]))[^()\r\n]*\)"
# An address, an anchor, an absolute path, or a placeholder.
_ELSEWHERE = lazily(r"[A-Za-z][A-Za-z0-9+.-]*:|[#/~$]|.*[{}<>*$\\]|(?i:(?:url|link|path)\Z)")


def check(skill: Skill) -> Iterator[Finding]:
    """Report links to missing files."""
    body = skill.md.body
    if "](" not in body:
        return
    targets = ((match, _missing(skill, match)) for match in re.finditer(_LINK, body))
    missing = [(match, target) for match, target in targets if target]
    if not missing:  # nearly every link is valid: code is only looked for when one is not
        return
    places, last = LineOffsets(body), 0
    for match, target in missing:
        row, column = places.place(match.start())
        if row != last:
            last, line = row, skill.md.body_line + row - 1
            text = skill.text_of(line)
            is_code, spans = skill.md.is_code(row - 1, match.start() - column + 1), code_spans(text)
        before = bisect_right(spans, (column - 1, len(text)))  # the spans of code that begin before it
        if is_code or (before and spans[before - 1][1] >= column):
            continue
        start, end = (column + at - match.start() for at in match.span("target"))
        message = f"'{target[:80]}' does not exist. correct the path, or add the file"
        yield Finding("", line, start, "", message, "", line, end, source=text)


def _missing(skill: Skill, match: re.Match[str]) -> str:
    """Return the file of a link if it should be beside the skill and is not, else ""."""
    target = match["target"].strip("<>").partition("#")[0].partition("?")[0]
    if not target or _ELSEWHERE.match(target) or skill.facts.kind(_decoded(target)):
        return ""
    return target


def _decoded(target: str) -> str:
    if "%" not in target:
        return target
    from urllib.parse import unquote

    return unquote(target)
