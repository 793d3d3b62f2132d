"""`context` is `fork`, or missing.

`context: fork` runs a skill isolated from the conversation. Claude Code reads any other word as "no fork" without a message, so
`context: frok` runs in the conversation and sees all of it.

Wrong:

```markdown
---
name: my-skill
context: frok
---
```

Right:

```markdown
---
name: my-skill
context: fork
---
```

Fix: `--fix` corrects a misspelled `fork`.

Source: Claude Code 2.1.329, whose `plugin validate --strict` is silent about `frok`.
"""

from __future__ import annotations

from collections.abc import Iterator

from correctless.lint.subject.subject import SKILL, Skill
from correctless.syntax import yaml_text
from correctless.syntax.finding import Edit, Finding

ID = "context"
SEVERITY = "error"
READS = (SKILL,)


def check(skill: Skill) -> Iterator[Finding]:
    """Report an invalid `context`."""
    node = skill.frontmatter.get("context") if skill.frontmatter else None
    if node is None:
        return
    if node.kind != yaml_text.SCALAR:
        yield skill.at(node, f"'context' is {yaml_text.KINDS[node.kind]}. write 'fork', or leave it out")
    context = skill.contract.context
    if context and context != "fork" and sorted(context.lower())[:4] == sorted("fork"):
        fix = (Edit(node.start, node.end, "fork"),) if not node.style else ()
        yield skill.at(node, f"'context' is '{context}', which is not 'fork'. write 'fork'", fix=fix)
