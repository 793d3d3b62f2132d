"""A hook that guards a call also blocks it when the hook itself fails.

Only exit code 2 of a PreToolUse hook blocks. Exit 1, a crash, a missing interpreter and a timeout let the call through. So a
command that always ends with `|| true` or `exit 0` never blocks anything.

Wrong:

```hooks.json
{"hooks": {"PreToolUse": [{"hooks": [{"type": "command", "command": "./guard.sh || true"}]}]}}
```

Right:

```hooks.json
{"hooks": {"PreToolUse": [{"hooks": [{"type": "command", "command": "./guard.sh || exit 2"}]}]}}
```

Fix: turn each failure into exit 2, as in `guard.sh || exit 2`.

Source: Claude Code 2.1.329, found by running hooks that end in each way.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from correctless.lint.subject import hook_set
from correctless.lint.subject.subject import Subject
from correctless.syntax import yaml_text
from correctless.syntax.finding import Finding
from correctless.syntax.yaml_text import Node

ID = "hook-fails-open"
SEVERITY = "warning"
READS = hook_set.READS

_OPEN = r"(?:\|\|\s*(?:true|:|exit\s+0)|;\s*(?:true|exit\s+0))\s*;?\s*\Z"


def check(file: Subject) -> Iterator[Finding]:
    """Report hooks that fail open."""
    for event, matcher in hook_set.matchers(file):
        for command in _commands(matcher) if event == "PreToolUse" else ():
            if match := re.search(_OPEN, command.text):
                ending = match[0].strip()
                message = f"'{ending}' lets the call through when the hook fails. write '|| exit 2'"
                yield file.at(command, message)


def _commands(matcher: Node) -> Iterator[Node]:
    each = matcher.get("hooks")
    for hook in each.items if each else ():
        command = hook.get("command")
        if command is not None and command.kind == yaml_text.SCALAR:
            yield command
