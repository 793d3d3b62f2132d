"""A skill states how it behaves in an unattended run.

`interaction_mode` is `autonomous` (runs unattended), `interactive` (needs a conversation) or `hybrid` (has defaults, and at
least one decision that always needs a human). Write it at the top level, or in `metadata` for tools that refuse unknown
top-level keys; if it is in both, they agree.

The dispatcher refuses a skill without a valid mode. Claude Code ignores the key and does not report a wrong one. In a project
that does not use correctless, a skill without any key of the contract is only an `info`.

Wrong:

```markdown
---
name: my-skill
interaction_mode: automatic
---
```

Right:

```markdown
---
name: my-skill
interaction_mode: interactive
---
```

Fix: write one of the three words.

Source: R-001; ENV-007, found by running Claude Code 2.1.329.
"""

from __future__ import annotations

from collections.abc import Iterator

from correctless.lint.subject.subject import SKILL, Skill
from correctless.skill.contract import MODES, misspelled, mode_nodes
from correctless.syntax import yaml_text
from correctless.syntax.finding import Finding
from correctless.syntax.yaml_text import Node

ID = "interaction-mode"
SEVERITY = "error"
READS = (SKILL,)

_ALLOWED = "write 'autonomous', 'interactive' or 'hybrid'"


def check(skill: Skill) -> Iterator[Finding]:
    """Report a missing or invalid `interaction_mode`."""
    nodes = mode_nodes(skill.frontmatter)
    if not nodes:
        yield from _missing(skill)
    for node in nodes:
        if fault := _fault(node):
            yield skill.at(node, f"'interaction_mode' is {fault}. {_ALLOWED}")
    if len(nodes) == 2 and nodes[0].text.strip() != nodes[1].text.strip():
        at_top, portable = nodes[0].text, nodes[1].text
        message = f"'interaction_mode' is '{at_top}' at the top and '{portable}' in metadata. keep one"
        yield skill.at(nodes[1], message)


def _missing(skill: Skill) -> Iterator[Finding]:
    severity = "" if skill.adopted or skill.contract.has_section else "info"
    if not skill.md.has_frontmatter:
        message = "no frontmatter, so no 'interaction_mode'. start the file with it between two lines '---'"
        yield skill.at(None, message, severity)
    elif "interaction_mode" not in {right for _, right in misspelled(skill.frontmatter)}:
        yield skill.at(None, f"no 'interaction_mode'. {_ALLOWED}", severity)


def _fault(node: Node) -> str:
    if node.kind != yaml_text.SCALAR:
        return yaml_text.KINDS[node.kind]
    mode = node.text.strip()
    return "" if mode in MODES else f"'{mode}'" if mode else "empty"
