"""A skill that runs unattended lists its decision points under `## Autonomous Defaults`; an interactive one does not.

The dispatcher gives the agent exactly this list and checks its decisions against it. Without the section every decision is
unlisted and needs your confirmation; under a heading of another level or name the section is not found. In a skill without
decisions it says "None." A code fence that nothing closes does not hide it; one that is closed below it does.

Wrong:

```markdown
---
name: my-skill
interaction_mode: autonomous
---
# My skill

### Autonomous defaults
```

Right:

```markdown
---
name: my-skill
interaction_mode: autonomous
---
## Autonomous Defaults

- **AD-001**: Naming — keep the old name (default). Rationale: renaming is easy later.
```

Fix: write the section, one entry for each decision.

Source: R-002, R-003, R-004.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from correctless.lint.subject.subject import SKILL, Skill
from correctless.skill import defaults
from correctless.skill.contract import mode_nodes
from correctless.skill.defaults import SECTION
from correctless.syntax.finding import Finding
from correctless.syntax.markdown import CODE, COMMENT, Section

ID = "defaults-section"
SEVERITY = "error"
READS = (SKILL,)

_HEADING = rf"(?i) {{0,3}}##[ \t]+{SECTION.replace(' ', '[ ]+')}[ \t#]*\Z"
_FORM = "- **AD-001**: Subject — what is done (default). Rationale: why that is safe."


def check(skill: Skill) -> Iterator[Finding]:
    """Report a missing, duplicate or needless section of defaults."""
    stated, sections = skill.contract, skill.sections
    for other in sections[1:]:
        message = f"a second '## {SECTION}', the first is on line {sections[0].line}. make them one"
        yield skill.at(other, message)
    if stated.interaction_mode == "interactive":
        if sections:
            message = (
                f"an interactive skill has no '## {SECTION}'. delete it, or write 'interaction_mode: hybrid'"
            )
            yield skill.at(sections[0], message)
    elif not sections:
        yield from _missing(skill)
    elif not stated.defaults and not re.search(r"(?i)\b(none|no decision)", _texts(sections)):
        message = f"'## {SECTION}' lists no decision point. write '{_FORM}', or 'None.'"
        yield skill.at(sections[0], message)


def _missing(skill: Skill) -> Iterator[Finding]:
    headings = defaults.headings(skill.md)
    close = next((s for s in headings if "autonomousdefault" in re.sub("[^a-z]", "", s.title.lower())), None)
    mode = skill.contract.interaction_mode
    if close:
        heading = f"{'#' * close.level} {close.title[:60]}"
        yield skill.at(close, f"'{heading}' is not read as the defaults. write '## {SECTION}'")
    elif mode:
        fenced = next((ln for ln in skill.md.lines if ln.kind == CODE and re.match(_HEADING, ln.text)), None)
        where = f" (the one on line {fenced.number} is in a code fence)" if fenced else ""
        message = f"the mode is '{mode}', but section '## {SECTION}' is missing{where}. write it, one entry for each decision"
        yield skill.at(mode_nodes(skill.frontmatter)[0], message)


def _texts(sections: list[Section]) -> str:
    return " ".join(line.text for s in sections for line in s.lines if line.kind not in (CODE, COMMENT))
