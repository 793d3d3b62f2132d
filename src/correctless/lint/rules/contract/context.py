"""`context` is `fork`, `inline`, or missing.

`context: fork` runs a skill isolated from the conversation. Claude Code reads any other word as "no fork" without a message, so
`context: frok`, `Fork` and `forked` run in the conversation and see all of it; `inline` says so itself. Any other word has no
effect and is a warning.

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

Source: Claude Code 2.1.329, whose `plugin validate --strict` is silent about `frok`; 8 values, run on 2026-11-30.
"""

from __future__ import annotations

from collections.abc import Iterator

from correctless.lint.subject import shapes
from correctless.lint.subject.subject import COMMAND, SKILL, Skill
from correctless.syntax import yaml_text
from correctless.syntax.finding import Edit, Finding

ID = "context"
SEVERITY = "error"
READS = (COMMAND, SKILL)


def check(skill: Skill) -> Iterator[Finding]:
    """Report an invalid `context`."""
    node = skill.frontmatter.get("context") if skill.frontmatter else None
    if node is None:
        return
    if node.kind != yaml_text.SCALAR:
        yield skill.at(node, f"'context' is {yaml_text.KINDS[node.kind]}. write 'fork', or leave it out")
        return
    context = node.text.strip()
    if context in ("", "fork", "inline"):
        return
    message = f"'context' is '{context[:40]}', which is not 'fork'"
    if sorted(context.lower()) == sorted("fork") or shapes.near(context[:40].lower(), ("fork",), 0.8):
        fix = (Edit(node.start, node.end, "fork"),) if not node.style else ()
        yield skill.at(node, f"{message}. write 'fork'", fix=fix)
    else:
        yield skill.at(node, f"{message} and has no effect. write 'fork', or leave it out", "warning")
