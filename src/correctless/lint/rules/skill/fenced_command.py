"""A command in an example is not run.

Claude Code runs each `` !`command` `` of a skill or command file when that is loaded, also inside a code fence, a comment, or a
code span, and puts the output in its place. If the command needs a permission that is missing, the skill is not loaded at all. Only a
`!` at the start of a line or behind a blank counts. A fence without a language that holds nothing but commands is an `info` if the
file allows Bash: then you probably want their output in a fence.

Wrong:

````markdown
---
name: my-skill
---
A command of yours may look like this:

```markdown
Look at these files: !`git status`
```
````

Right:

````markdown
---
name: my-skill
---
A command of yours may look like this:

```markdown
Look at these files: \\!`git status`
```
````

Fix: write a backslash before the `!` of an example. If the command is meant to run, move it out of the code.

Source: Claude Code 2.1.329 and 2.1.332, 20 spellings in a skill and a command, run on 2026-11-30.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator

from correctless.base.lazy_re import lazily
from correctless.lint.subject.frontmatter import ALLOWED, named
from correctless.lint.subject.subject import COMMAND, SKILL, Skill
from correctless.syntax.finding import Finding
from correctless.syntax.markdown import CODE, COMMENT, MarkdownLine, code_spans

ID = "fenced-command"
SEVERITY = "warning"
READS = (COMMAND, SKILL)

_COMMAND = lazily(r"!(?:(?<=\s!)|(?<=^!))`[^`\r\n]+`")
_FENCE = re.compile(r"[ \t]*(`{3,}|~{3,})[ \t]*([^`\r\n]*)")


def check(skill: Skill) -> Iterator[Finding]:
    """Report commands in code and comments."""
    body_text = skill.md.body
    # One character first: it is found fifteen times as fast as two.
    if "!" not in body_text or not ("```!" in body_text or _COMMAND.search(body_text)):
        return
    opened, bare, runs = "", False, False
    body: list[MarkdownLine] = []
    for line in skill.md.lines:
        if line.kind != CODE:
            yield from _of_block(skill, body, bare)
            opened, body = "", []
            yield from _spans(skill, line)
            continue
        fence = _FENCE.match(line.text)
        if not opened and fence:
            opened, bare, runs = fence[1], not fence[2].strip(), fence[2].startswith("!")
        elif opened and fence and fence[1].startswith(opened) and not fence[2].strip():
            yield from _of_block(skill, body, bare)
            opened, body = "", []
        elif not (opened and runs):
            body.append(line)
    yield from _of_block(skill, body, bare)


def _of_block(skill: Skill, lines: list[MarkdownLine], bare: bool) -> Iterator[Finding]:
    """Report the commands in the lines of one block of code; `bare`: it states no language."""
    alone = bare and all(not _COMMAND.sub("", line.text).strip() for line in lines)
    meant = alone and bool(lines) and any(name == "Bash" for name, *_ in named(skill, ALLOWED))
    for line in lines:
        for match in _COMMAND.finditer(line.text):
            yield _finding(skill, line, match.span(), "code", "info" if meant else "")
        fence = _FENCE.match(line.text)
        if fence and fence[1][0] == "`" and fence[2].startswith("!"):
            yield _finding(skill, line, fence.span(), "code")


def _spans(skill: Skill, line: MarkdownLine) -> Iterator[Finding]:
    matches = list(_COMMAND.finditer(line.text)) if "!`" in line.text else []
    spans = code_spans(line.text) if matches else []
    starts = [start for start, _ in spans]
    for match in matches:
        before = bisect_left(starts, match.start()) - 1  # the last span that begins before it
        if line.kind == COMMENT or (before >= 0 and match.start() < spans[before][1]):
            yield _finding(skill, line, match.span(), "a comment" if line.kind == COMMENT else "code")


def _finding(
    skill: Skill, line: MarkdownLine, span: tuple[int, int], where: str, severity: str = ""
) -> Finding:
    excerpt = line.text[slice(*span)].strip()[:60]
    message = (
        f"'{excerpt}' runs when this file is loaded, although it is in {where}. write '\\!' in an example"
    )
    return skill.at(skill.within(line, *span), message, severity)
