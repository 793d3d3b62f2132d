"""Each key of an agent is one that Claude Code reads.

Claude Code does not report an unknown key. The dangerous one is `allowed-tools`: skills have it, agents have `tools`, and an agent
with the wrong key may use every tool. A misspelled key (`descripton`, `Tools`) is a warning: with
`Tools: Read` the agent may use every tool, too. Other unknown keys have no effect, or are newer than this list; they are an `info`.

Wrong:

```agent
---
name: reviewer
description: Reviews a change. Use before a merge.
allowed-tools: Read, Grep
---
You review changes.
```

Right:

```agent
---
name: reviewer
description: Reviews a change. Use before a merge.
tools: Read, Grep
---
You review changes.
```

Fix: `--fix` renames `allowed-tools`, unless `tools` is there too. Delete other unknown keys, or move them into `metadata`.

Source: Claude Code 2.1.329, a session that lists its agents with their tools, 2026-11-25; misspelled keys also with 2.1.332,
2026-11-30.
"""

from __future__ import annotations

from collections.abc import Iterator

from correctless.lint.subject.frontmatter import MAX_MEANT, is_near
from correctless.lint.subject.subject import AGENT, MarkdownSubject
from correctless.syntax.finding import Edit, Finding

ID = "agent-key"
SEVERITY = "warning"
READS = (AGENT,)

_KEYS = frozenset((
    "background", "color", "description", "disallowedTools", "effort", "hooks", "initialPrompt",
    "isolation", "maxTurns", "mcpServers", "memory", "metadata", "model", "name", "permissionMode",
    "skills", "tools",
))  # fmt: skip

_SHORT = 7  # letters


def check(agent: MarkdownSubject) -> Iterator[Finding]:
    """Report unknown keys of an agent."""
    front = agent.frontmatter
    for number, (key, _) in enumerate(front.pairs if front else ()):
        if key.text == "allowed-tools":
            fix = (Edit(key.start, key.end, "tools"),) if front and front.get("tools") is None else ()
            yield agent.at(
                key, "an agent has no 'allowed-tools', so it may use every tool. write 'tools'", fix=fix
            )
        elif (
            key.text not in _KEYS
            and number < MAX_MEANT
            and (meant := _meant(key.text))
            and front
            and front.get(meant) is None
        ):
            yield agent.at(key, f"'{key.text[:60]}' is not read. write '{meant}'")
        elif key.text not in _KEYS:
            yield agent.at(
                key,
                f"'{key.text[:60]}' is not a known key of an agent. fix it, or delete it",
                "info",
            )


def _meant(key: str) -> str:
    """Return the key that a misspelled one means, "" if it is none; short ones are too much like other words."""
    bare = key[:60].lower().replace("-", "").replace("_", "")
    for right in sorted(_KEYS):
        if is_near(bare, right.lower(), 2 if len(right) > _SHORT else 0):
            return right
    return ""
