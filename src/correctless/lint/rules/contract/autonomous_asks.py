"""An autonomous or forked skill does not ask.

An autonomous skill runs unattended, and a fork never gets an answer. The tool `AskUserQuestion` does not exist in a headless
run, and a question in the answer ends the step before its work is done. Make such a question a decision point with a
default, or make the skill hybrid.

Wrong:

```markdown
---
name: my-skill
interaction_mode: autonomous
allowed-tools: Read, AskUserQuestion
---
Ask the user which files they mean.

## Autonomous Defaults

None.
```

Right:

```markdown
---
name: my-skill
interaction_mode: autonomous
allowed-tools: Read
---
Take the files that the branch changed.

## Autonomous Defaults

- **AD-001**: Files — those the branch changed (default). Rationale: the others were reviewed before.
```

Fix: write the question as an entry with a default, and leave the tool out.

Source: R-001, R-011; Claude Code 2.1.329: no `AskUserQuestion` in `-p`.
"""

from __future__ import annotations

from collections.abc import Iterator

from correctless.lint.subject import ask_points
from correctless.lint.subject.subject import SKILL, Skill
from correctless.syntax.finding import Finding

ID = "autonomous-asks"
SEVERITY = "warning"
READS = (SKILL,)


def check(skill: Skill) -> Iterator[Finding]:
    """Report questions in an autonomous skill."""
    stated = skill.contract
    autonomous = stated.interaction_mode == "autonomous"
    if not autonomous and (stated.context != "fork" or stated.interaction_mode == "interactive"):
        return
    kind = "an autonomous" if autonomous else "a forked"
    for place in ask_points.tools(skill):
        message = f"{kind} skill gets no answer, and may use '{ask_points.TOOL}'. leave the tool out"
        yield skill.at(place, message, "error" if autonomous else "")
    for place in ask_points.uncovered(skill):
        yield skill.at(
            place,
            f"{kind} skill asks here, and no default says what is done instead. write one as an entry of '## Autonomous Defaults'",
        )
