"""A suppression names a rule, gives its reason, and still has something to suppress.

`<!-- correctless: ignore RULE until 2027-01-01 -- reason -->` on a line of its own switches one rule off in that file, up to and
including the day; `until` is optional. In a frontmatter, write it behind `#`. Without a reason, with an unknown rule, or after
its day it suppresses nothing. Delete one that is not needed any more: it would hide the next real finding.

Wrong:

```markdown
---
name: my-skill
---
<!-- correctless: ignore name-folder -->
```

Right:

```markdown
---
name: another
---
<!-- correctless: ignore name-folder -- the folder keeps its old name until readers have moved -->
```

Fix: write the reason after ` -- `, renew the day, or delete the line.

Source: this linter; `#` and `<!-- -->` are comments in YAML 1.2.2 and CommonMark 0.31.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from correctless.base.named import NamedTuple
from correctless.lint.subject.subject import AGENT, SKILL, MarkdownSubject
from correctless.syntax.finding import Finding
from correctless.syntax.markdown import CODE, MarkdownLine

ID = "suppression"
SEVERITY = "warning"
READS = (AGENT, SKILL)

_FORM = "write 'correctless: ignore RULE until 2027-01-01 -- reason'"
_MARK = "correctless:"
_WHOLE = r"\s*correctless:\s*ignore\s+(?P<rule>[a-z][a-z0-9-]*)(?:\s+until\s+(?P<until>\S+))?(?:\s+--\s+(?P<reason>\S.*?))?\s*\Z"
_DAY = r"(?a)\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])\Z"


class Suppression(NamedTuple):
    """One rule switched off in one file; `until` is the last day, such as 2027-01-01, or ""."""

    rule: str
    until: str
    finding: Finding  # its place; the message is empty


def check(file: MarkdownSubject) -> Iterator[Finding]:
    """Report invalid suppressions."""
    for each in _read(file):
        if isinstance(each, Finding):
            yield each


def suppressions(file: MarkdownSubject) -> tuple[Suppression, ...]:
    """Return the complete suppressions of a file; whether they are needed depends on the day and the findings."""
    return tuple(each for each in _read(file) if isinstance(each, Suppression))


def _read(file: MarkdownSubject) -> Iterator[Finding | Suppression]:
    if _MARK not in file.text:
        return
    for place, comment in _comments(file):
        if not comment.lstrip().startswith(_MARK):
            continue
        match = re.match(_WHOLE, comment)
        if not match:
            yield file.at(place, f"this suppression is not understood. {_FORM}", "error")
        elif not match["reason"]:
            yield file.at(place, f"a suppression without a reason suppresses nothing. {_FORM}", "error")
        elif match["until"] and not re.match(_DAY, match["until"]):
            yield file.at(place, f"'{match['until'][:20]}' is not a date. {_FORM}", "error")
        else:
            yield Suppression(match["rule"], match["until"] or "", file.at(place, ""))


def _comments(file: MarkdownSubject) -> Iterator[tuple[MarkdownLine | tuple[int, int], str]]:
    md = file.md
    for match in re.finditer(r"(?m)^[ \t]*#(.*?)\r?$", md.raw):
        yield (md.raw_start + match.start(1) - 1, md.raw_start + match.end(1)), match[1]
    for line in md.lines if _MARK in md.body else ():
        text = line.text.strip()
        if line.kind != CODE and text.startswith("<!--") and text.endswith("-->"):
            yield line, text[4:-3]
