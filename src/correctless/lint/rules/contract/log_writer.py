"""No skill writes the decisions log.

The dispatcher is its only writer: it takes the decisions from the agent, corrects them against the contract and appends
them. A skill that writes the file could record itself as confirmed; at run time the hash chain shows an entry of another
writer, and the run ends. So `allowed-tools` allows no path that covers the log, also not by a wildcard such as
`Write(.correctless/artifacts/*)`, and no text says to append to it. `Write`, `Edit` and `Bash` without a path are no finding,
nor is a sentence that forbids it.

Wrong:

```markdown
---
name: my-skill
interaction_mode: autonomous
allowed-tools: Read, Write(.correctless/artifacts/*)
---
## Autonomous Defaults

None.
```

Right:

```markdown
---
name: my-skill
interaction_mode: autonomous
allowed-tools: Read, Write(.correctless/reports/*)
---
Never write to the decisions log.

## Autonomous Defaults

None.
```

Fix: name the folders that the skill needs to write, and have it report its decisions as the task prompt shows.

Source: R-006; ABS-030, ABS-036.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase

from correctless.base.lazy_re import lazily
from correctless.lint.subject.prose import NEGATED, sentences
from correctless.lint.subject.subject import SKILL, Skill
from correctless.skill.contract import tools
from correctless.syntax.finding import Finding
from correctless.syntax.markdown import CODE

ID = "log-writer"
SEVERITY = "error"
READS = (SKILL,)

_STEM = "autonomous-decision"  # of the log and of its writer
_LOG = (".correctless", "artifacts", "autonomous-decisions-slug.jsonl")
_WRITERS = ("Write", "Edit", "MultiEdit", "NotebookEdit")

_SHELL_WRITES = lazily(
    r"(?:>>?|\btee\b(?:\s+-a)?|\b(?:rm|mv|truncate)\b[^|;&]{0,200}?|\bsed\s+-i[^|;&]{0,200}?|\bcp\b[^|;&]{0,200}\s)\s*[\"']?[^\s\"'|;&<>]{0,200}autonomous-decisions(?!-log)"
)
_SHELL_APPENDS = lazily(
    r"autonomous-decision-writer\.sh|\bcorrectless[\"']?\s+(?:decisions\s+append|writer)\b"
)

_NAME = r"(?:the\s+|this\s+|a\s+|that\s+|its\s+)?(?:autonomous[\s-]+)?(?:run's\s+)?"
_FILE = r"[`*\"'(]*[^\s`\"'|]{0,200}autonomous-decisions[^\s`\"']{0,200}|decisions?\s+log\b(?!\s+(?:entry|line|format|summary))"
_WRITES = lazily(
    r"(?i)\b(?P<verb>append|write|add|save|record|log|put|insert|echo)\b(?P<what>[^.;:,]{0,80}?)\s(?:to|into|in|at\s+the\s+end\s+of)\s+"
    rf"{_NAME}(?P<log>{_FILE})"
)
_CHANGES = lazily(
    rf"(?i)\b(?P<verb>edit|update|create|truncate|delete|rewrite|overwrite|append\s+to)\s+{_NAME}(?P<log>{_FILE})"
)
_OTHER_VERB = lazily(
    r"(?i)\b(?:then|compare|read|look|find|check|see|listed|shown|found|recorded|named|is|are|was|were)\b"
)


def check(skill: Skill) -> Iterator[Finding]:
    """Report instructions to write the decisions log."""
    yield from _tools(skill)
    body = skill.md.body
    if _STEM in body:
        yield from _commands(skill)
    # Without a contract, "the decision log" may be another file.
    named = _STEM in body or (_states(skill) and re.search(r"(?i)\bdecisions?\s+log\b", body))
    if named:
        yield from _sentences(skill)


def _states(skill: Skill) -> bool:
    return skill.contract.interaction_mode is not None or skill.contract.has_section


def _tools(skill: Skill) -> Iterator[Finding]:
    for item, tool in tools(skill.frontmatter):
        name, _, pattern = tool.partition("(")
        pattern = pattern.removesuffix(")")
        if (name in _WRITERS and _covers_log(pattern)) or (
            name == "Bash" and (_SHELL_WRITES.search(pattern) or _SHELL_APPENDS.search(pattern))
        ):
            at = skill.text.find(tool, item.start, item.end)
            place = (at, at + len(tool)) if at >= 0 else item
            message = f"'{tool[:80]}' lets the skill write the decisions log, which only the dispatcher does. leave it out"
            yield skill.at(place, message)


def _covers_log(pattern: str) -> bool:
    """Return whether the path of a permission covers the log; one without a name (`**`) counts as no path."""
    pattern = pattern.strip().strip("\"'")
    if not re.search(r"[A-Za-z]", pattern):
        return False
    if "autonomous-decisions" in pattern:
        return True
    parts = [part for part in pattern.split("/") if part not in ("", ".", "~")]
    if ".correctless" in parts:
        parts = parts[parts.index(".correctless") :]
    elif len(parts) == 1:
        parts = ["**", *parts]  # a bare name is found at any depth
    return _covers(tuple(parts), _LOG)


def _covers(parts: tuple[str, ...], path: tuple[str, ...]) -> bool:
    if not parts or not path:
        return not parts  # a folder covers its files
    if parts[0] == "**":
        return (
            any(_covers(parts[1:], path[skipped:]) for skipped in range(len(path) + 1)) if parts[1:] else True
        )
    return fnmatchcase(path[0], parts[0]) and _covers(parts[1:], path[1:])


def _commands(skill: Skill) -> Iterator[Finding]:
    """Yield commands in code blocks that write the log, unless the text above the block forbids them."""
    lead = ""
    for line in skill.md.lines:
        if line.kind != CODE:
            lead = line.text if line.text.strip() else lead
        elif (
            _STEM in line.text and not NEGATED.search(lead) and not re.search(r"(?i)\bwrong\b|\bbad\b", lead)
        ):
            match = _SHELL_WRITES.search(line.text)
            if match and not line.text.lstrip().startswith("#"):
                yield skill.at(skill.within(line, *match.span()), _MESSAGE)


_MESSAGE = "this writes the decisions log, which only the dispatcher does. have the skill give its decisions as the task prompt shows"


def _sentences(skill: Skill) -> Iterator[Finding]:
    for sentence in sentences(skill):
        for pattern in (_WRITES, _CHANGES):
            for match in pattern.finditer(sentence.text):
                between = match.groupdict().get("what") or ""
                quiet = NEGATED.search(between) or _OTHER_VERB.search(between)
                if not quiet and sentence.commands(match):
                    yield skill.at(sentence.span(match), _MESSAGE)
