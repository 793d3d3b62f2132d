"""A matcher of a hook matches a tool.

For events of a tool it is the name of the tool, several names (`Write|Edit`), or a regular expression; case matters. It is not the
pattern of a permission: `Bash(git *)` matches no tool, and the hook never runs. Nor does one with an invalid expression. `Stop`
and `UserPromptSubmit` take no matcher: their hooks always run.

Wrong:

```hooks.json
{"hooks": {"PreToolUse": [{"matcher": "Bash(git *)", "hooks": [{"type": "command", "command": "./guard.sh"}]}]}}
```

Right:

```hooks.json
{"hooks": {"PreToolUse": [{"matcher": "Bash", "hooks": [{"type": "command", "command": "./guard.sh"}]}]}}
```

Fix: write the name of the tool, and check its arguments in the hook.

Source: Claude Code 2.1.329, run with one hook for each of these matchers and a call of Bash, 2026-11-25.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from correctless.lint.subject import hook_set, shapes
from correctless.lint.subject.subject import Subject
from correctless.syntax.finding import Finding

ID = "hook-matcher"
SEVERITY = "warning"
READS = hook_set.READS

_OF_TOOLS = ("PreToolUse", "PostToolUse", "PostToolUseFailure", "PermissionRequest", "PermissionDenied")
_NONE = ("Stop", "UserPromptSubmit")
_ALL = ("", "*", ".*")
_TOOLS = (
    "Agent AskUserQuestion Bash BashOutput Edit ExitPlanMode Glob Grep KillShell LS MultiEdit NotebookEdit Read Skill Task "
    "TodoWrite WebFetch WebSearch Write"
)
# Syntax that only JavaScript has, or that Python reads differently.
_OTHER_DIALECT = re.compile(r"\(\?<|\\[pPukc]|\[\^?\]")


def check(file: Subject) -> Iterator[Finding]:
    """Report matchers that match nothing."""
    for event, each in hook_set.matchers(file):
        node = each.get("matcher")
        if node is None or not shapes.is_text(node) or node.text in _ALL:
            continue
        if event in _NONE:
            yield file.at(node, f"{event} takes no matcher, so this hook always runs. leave it out")
        elif event in _OF_TOOLS and (fault := _fault(node.text)):
            yield file.at(node, fault)


def _fault(matcher: str) -> str:
    excerpt = matcher[:60]
    tools = _TOOLS.split()
    if pattern := re.fullmatch(r"([A-Z]\w*)\(.*\)", matcher):
        if pattern[1] in tools:
            return f"'{excerpt}' is the pattern of a permission and matches no tool. write '{pattern[1]}', and look at its arguments in the hook"
        return ""
    if re.fullmatch(r"[\w\s|,]+", matcher):
        spelled = {tool.lower(): tool for tool in tools}
        for name in re.split(r"[|,\s]+", matcher):
            right = spelled.get(name.lower())
            if right and right != name:
                return f"'{name}' matches no tool, for case matters. write '{right}'"
        return ""
    if len(matcher) > 1000 or _OTHER_DIALECT.search(matcher):
        return ""
    try:
        re.compile(matcher)
    except (re.error, RecursionError, OverflowError):
        return f"'{excerpt}' is not a valid regular expression, so the hook never runs. write the names of tools, such as 'Write|Edit'"
    return ""
