"""`disable-model-invocation` and `user-invocable` are `true` or `false`.

Claude Code drops a word it can't read without a message. Then `disable-model-invocation: ture` lets the model start a skill that
only you should start, and `user-invocable: ture`, or one without a value, hides the skill from the `/` menu. In quotes, or as
`1`, it is read; for a program that expects a YAML boolean it is a text, and that is an `info`.

Wrong:

```markdown
---
name: my-skill
disable-model-invocation: ture
---
```

Right:

```markdown
---
name: my-skill
disable-model-invocation: true
---
```

Fix: `--fix` deletes quotes and corrects swapped letters; for other words, write `true` or `false`.

Source: 32 spellings in Claude Code 2.1.329, run on 2026-11-25.
"""

from __future__ import annotations

from collections.abc import Iterator

from correctless.lint.subject.frontmatter import MODEL, USER, meaning, place, stated
from correctless.lint.subject.subject import CLAUDE_CODE, COMMAND, SKILL, Skill
from correctless.syntax import yaml_text
from correctless.syntax.finding import Edit, Finding
from correctless.syntax.yaml_text import Node

ID = "boolean-value"
SEVERITY = "error"
READS = (COMMAND, SKILL)

# The effect of a value that the client cannot read.
_DROPPED = {MODEL: "the model may start the skill", USER: "the skill is hidden from the '/' menu"}


def check(skill: Skill) -> Iterator[Finding]:
    """Report values that are not true or false."""
    if skill.dialect != CLAUDE_CODE:
        return
    for key in (MODEL, USER):
        node = stated(skill, key)
        if node is None:
            continue
        text = node.text.strip()
        if node.kind != yaml_text.SCALAR:
            yield skill.at(
                node, f"'{key}' is {yaml_text.KINDS[node.kind]}, so {_DROPPED[key]}. write true or false"
            )
        elif not text and key == USER:
            yield skill.at(
                place(skill, key), f"'{key}' has no value, so {_DROPPED[key]}. write true or false"
            )
        elif text:
            yield from _value(skill, key, node, text.lower())


def _value(skill: Skill, key: str, node: Node, text: str) -> Iterator[Finding]:
    meant = meaning(node)
    if meant is None:
        near = next((right for right in ("true", "false") if sorted(text) == sorted(right)), None)
        fix = (Edit(node.start, node.end, near),) if near and node.style in ("", "'", '"') else ()
        message = (
            f"'{key}' is '{text[:40]}', which is neither, so {_DROPPED[key]}. write {near or 'true or false'}"
        )
        yield skill.at(node, message, fix=fix)
    elif node.style or text in "10":
        right = "true" if meant else "false"
        fix = (Edit(node.start, node.end, right),) if node.style not in ("|", ">") else ()
        message = f"'{key}' is written as text or number. write {right}, without quotes"
        yield skill.at(node, message, "info", fix)
