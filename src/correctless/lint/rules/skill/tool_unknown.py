"""A tool that is allowed or disallowed is one that Claude Code has.

An unknown name allows nothing and forbids nothing, without a message. With `allowed-tools: bash` every command needs a permission,
which an unattended run does not get; `disallowed-tools: bash` forbids nothing. Names of MCP tools (`mcp__server__tool`) are not
checked. A name that older clients had is an `info`.

Wrong:

```markdown
---
name: my-skill
allowed-tools: read, Bash(git log:*), SearchFiles
---
```

Right:

```markdown
---
name: my-skill
allowed-tools: Read, Bash(git log:*), mcp__search__files
---
```

Fix: `--fix` corrects upper and lower case. Otherwise write the right tool, or leave it out.

Source: the names in Claude Code 2.1.329 and 2.1.332 (`scripts/client-facts`) and what `bash`, `Shell` and `*` allow there, run on 2026-11-25.
"""

from __future__ import annotations

from collections.abc import Iterator

from correctless.lint import clients
from correctless.lint.subject.frontmatter import ALLOWED, DISALLOWED, SAME, named
from correctless.lint.subject.subject import CLAUDE_CODE, COMMAND, SKILL, Skill
from correctless.syntax.finding import Edit, Finding

ID = "tool-unknown"
SEVERITY = "warning"
READS = (COMMAND, SKILL)

_MOST = 20  # reported names of one list

_TOOLS = clients.known("TOOLS")
_FORMER = frozenset((
    "BashOutput", "LS", "MCPSearch", "MultiEdit", "NotebookRead", "SlashCommand", "TaskOutput", "TeamCreate",
    "TeamDelete", "TodoRead",
))  # fmt: skip
_LOWER = {name.lower(): name for name in (*_TOOLS, *SAME)}
_HAPPENS = {ALLOWED: "allows nothing", DISALLOWED: "forbids nothing"}


def check(skill: Skill) -> Iterator[Finding]:
    """Report unknown tools."""
    if skill.dialect != CLAUDE_CODE or "allowed" not in skill.md.raw:
        return
    for key in (ALLOWED, DISALLOWED):
        seen: set[str] = set()
        for name, _, (start, end) in named(skill, key):
            if name in _TOOLS or name in SAME or name.startswith("mcp__") or name in seen:
                continue
            if len(seen) == _MOST:
                break
            seen.add(name)
            excerpt = name[:60]
            if name in _FORMER:
                message = f"'{excerpt}' is a tool of older clients and {_HAPPENS[key]} now. leave it out"
                yield skill.at((start, end), message, "info")
            elif right := _LOWER.get(name.lower()):
                exact = skill.text[start:end] == name
                fix = (Edit(start, end, right),) if exact else ()
                yield skill.at(
                    (start, end),
                    f"Claude Code has no tool '{excerpt}', so it {_HAPPENS[key]}. write '{right}'",
                    fix=fix,
                )
            else:
                yield skill.at(
                    (start, end),
                    f"Claude Code has no tool '{excerpt}', so it {_HAPPENS[key]}. {_advice(name)}",
                )


def _advice(name: str) -> str:
    bare = name.strip("[](){}<>'\"`,;|&*+-. ")
    right = _LOWER.get(bare.lower())
    if right:
        return f"write '{right}', and only commas or blanks between tools"
    return "write the tool that is meant" if bare else "name the tools, with commas or blanks between them"
