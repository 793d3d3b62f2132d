"""A path in a hook's command is in double quotes.

A shell replaces `${CLAUDE_PLUGIN_ROOT}`. If the path has a space, an argument is split into two words, the script is not found, and
the hook does nothing: before a tool this lets the call through. The same is true of `CLAUDE_PLUGIN_DATA` and `CLAUDE_PROJECT_DIR`.
Where a shell splits nothing, as in an assignment, in `[[ ]]`, in the word of `case` or in a here-document, no quotes are needed, and
none with `args`, where no shell runs. Of a command with a construction that the linter cannot read nothing is reported.

Wrong:

```hooks.json
{"hooks": {"PreToolUse": [{"hooks": [{"type": "command", "command": "sh ${CLAUDE_PLUGIN_ROOT}/guard.sh"}]}]}}
```

Beside it, `../guard.sh`:

```sh
exit 0
```

Right:

```hooks.json
{"hooks": {"PreToolUse": [{"hooks": [{"type": "command", "command": "sh \\"${CLAUDE_PLUGIN_ROOT}/guard.sh\\""}]}]}}
```

Fix: write `\\"${CLAUDE_PLUGIN_ROOT}/guard.sh\\"`.

Source: Claude Code 2.1.329, run with a plugin and a project in a folder with a space; its `plugin validate` warns, 2026-11-30.
"""

from __future__ import annotations

from collections.abc import Iterator

from correctless.base.lazy_re import lazily
from correctless.lint.subject import hook_set, shapes
from correctless.lint.subject.shell_splits import split_expansions
from correctless.lint.subject.subject import Subject
from correctless.syntax.finding import Finding

ID = "hook-unquoted-path"
SEVERITY = "warning"
READS = hook_set.READS

_NAMES = r"CLAUDE_(?:PLUGIN_ROOT|PLUGIN_DATA|PROJECT_DIR)"
# `${NAME+x}` is another text.
_PATH = lazily(rf"\$\{{?{_NAMES}(?![A-Za-z0-9_]|:?\+)")


def check(file: Subject) -> Iterator[Finding]:
    """Report paths outside of quotes."""
    if hook_set.stated(file) is None or "CLAUDE_P" not in file.text:
        return
    for handler in hook_set.handlers(file):
        command, shell = handler.get("command"), handler.get("shell")
        if command is None or not shapes.is_text(command) or handler.get("args") is not None:
            continue
        if shell is not None and shell.text == "powershell":
            continue
        path = next(filter(_PATH.match, split_expansions(command.text)), "")
        if path:
            message = f"'{path}' is not in quotes, so a path with a space is split. write it in double quotes"
            yield file.at(command, message)
