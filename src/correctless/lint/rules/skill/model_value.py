"""`model` is a model that Claude Code knows.

It knows `sonnet`, `opus`, `haiku`, `fable`, `best`, `opusplan` (also `sonnet[1m]`) and `inherit`, and full names such as
`claude-sonnet-5-5`. Any other word is sent to the API unchanged, which refuses the whole turn for an unknown model; so `sonet`,
and also `default`, end a run. A list or a number is dropped without a message.

Wrong:

```markdown
---
name: my-skill
model: sonet
---
```

Right:

```markdown
---
name: my-skill
model: sonnet
---
```

Fix: write one of the short names, a full name, or leave the key out to keep the model of the conversation.

Source: 23 values in Claude Code 2.1.329 and the model it then asked for, run on 2026-11-25; the short names of 2.1.332
(`scripts/client-facts`), 2026-11-30.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from correctless.lint import clients
from correctless.lint.subject.frontmatter import stated
from correctless.lint.subject.subject import CLAUDE_CODE, COMMAND, SKILL, Skill
from correctless.syntax import yaml_text
from correctless.syntax.finding import Finding

ID = "model-value"
SEVERITY = "warning"
READS = (COMMAND, SKILL)

_KNOWN = {name.removesuffix("[1m]") for name in clients.known("MODELS")} | {"inherit"}
# A full name, or one of a cloud or a gateway: with a prefix, a version or a path.
_FULL = r"claude-[\w.@:\[\]-]+\Z|[\w-]+[.:/@][^\s]*claude[^\s]*\Z|arn:[^\s]+\Z"
_LONGEST = 200  # characters: the pattern is slow on more


def check(skill: Skill) -> Iterator[Finding]:
    """Report an unknown `model`."""
    node = stated(skill, "model") if skill.dialect == CLAUDE_CODE else None
    if node is None:
        return
    if node.kind != yaml_text.SCALAR:
        yield skill.at(node, f"'model' is {yaml_text.KINDS[node.kind]}, which is dropped. write one name")
        return
    name = node.text.strip()
    if name and name.lower().removesuffix("[1m]") not in _KNOWN and not _is_full(name):
        message = f"'{name[:60]}' is not a model that Claude Code knows. write sonnet, opus, haiku, inherit, or a full name"
        yield skill.at(node, message)


def _is_full(name: str) -> bool:
    return len(name) <= _LONGEST and re.match(_FULL, name, re.IGNORECASE) is not None
