"""A script that a skill runs directly is executable.

`./scripts/build.sh` in a block of shell commands is run directly. Without the execute bit the shell says "Permission denied" (126),
and the agent loses turns, or changes the mode of a file that it was not to change. If only a sentence says to run it, this is an
`info`.

Wrong:

```markdown
---
name: my-skill
---

~~~sh
./scripts/build.sh --all
~~~
```

Right:

```markdown
---
name: my-skill
---

~~~sh
bash scripts/build.sh --all
~~~
```

Fix: `chmod +x` and `git update-index --chmod=+x`, or write its interpreter in front of it.

Source: POSIX, sh, exit status 126. Claude Code 2.1.329 fills in `${CLAUDE_SKILL_DIR}` and `${CLAUDE_PLUGIN_ROOT}` in the text, run on
2026-11-25.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator

from correctless.lint.subject.subject import SKILL, Skill
from correctless.syntax.finding import Finding
from correctless.syntax.markdown import CODE, line_starts

ID = "script-not-runnable"
SEVERITY = "warning"
READS = (SKILL,)

_DOT_SLASH = re.compile(r"\./")  # faster than a search for the text
# Text, not compiled: `re` compiles it on first use, and most files do not need it.
_PATH = r"(?:\./|\$\{CLAUDE_(?P<root>SKILL_DIR|PLUGIN_ROOT)\}/)?(?P<path>[\w.][\w./-]*)(?=[\"`\s]|\Z)"
_INSTRUCTION = r"\b(?:[Rr]un|[Ee]xecute|[Ii]nvoke)(?: the script)?:? `\Z"
_END = r"[ \t]*(?:`{3,}|~{3,})[ \t]*\Z"
_IN_FRONT = ' \t\r\n"`'
_BEFORE = 80  # characters of the line in front of a path that are read
_SHELL = (
    r"[ \t]*(?:`{3,}|~{3,})[ \t]*(?:bash|sh|shell|zsh|console|shell-session|shellsession|terminal)[ \t]*\Z"
)


def check(skill: Skill) -> Iterator[Finding]:
    """Report scripts without the execute bit."""
    body = skill.md.body
    if "`" not in body and "~~~" not in body:
        return
    commands: ShellBlocks | None = None
    seen = set()
    for at in _starts(body):
        if at and body[at - 1] not in _IN_FRONT:
            continue
        before = body[max(0, at - _BEFORE) : at].replace("\r", "\n").rpartition("\n")[2].rstrip('"')
        inline = before.endswith("`") and re.search(_INSTRUCTION, before) is not None
        match = re.compile(_PATH).match(body, at) if inline or before.strip(" \t") in ("", "$") else None
        if match is None or (match["path"], inline) in seen or not _is_dead(skill, match):
            continue
        commands = commands or ShellBlocks(skill)
        if inline or at in commands:
            seen.add((match["path"], inline))
            yield _finding(skill, match, inline=inline)


def _starts(body: str) -> Iterator[int]:
    """Yield the offsets at which the path of a script may begin."""
    yield from (match.start() for match in _DOT_SLASH.finditer(body))
    for start in ("scripts/", "${CLAUDE_"):
        at = body.find(start)
        while at >= 0:
            yield at
            at = body.find(start, at + 1)


def _is_dead(skill: Skill, match: re.Match[str]) -> bool:
    path = f"../../{match['path']}" if match["root"] == "PLUGIN_ROOT" else match["path"]
    return skill.facts.kind(path) == "file" and not skill.facts.runnable(path)


def _finding(skill: Skill, match: re.Match[str], *, inline: bool) -> Finding:
    before = len(skill.text) - len(skill.md.body)
    place = (before + match.start(), before + match.end())
    message = f"'{match[0][:80]}' is run directly and has no execute bit. chmod +x it, or write its interpreter in front of it"
    # A sentence does not say how to run it.
    return skill.at(place, message, "info" if inline else "")


class ShellBlocks:
    """Offsets in the body of a skill that are in a block of shell commands."""

    def __init__(self, skill: Skill) -> None:
        self._starts = line_starts(skill.md.body)
        self._shell = []
        inside = shell = False
        for line in skill.md.lines:
            if line.kind == CODE and not inside:
                shell = re.match(_SHELL, line.text) is not None
            inside = line.kind == CODE and not (inside and re.match(_END, line.text))
            self._shell.append(line.kind == CODE and shell)

    def __contains__(self, at: int) -> bool:
        return self._shell[bisect_right(self._starts, at) - 1]
