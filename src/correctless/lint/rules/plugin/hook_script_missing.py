"""The script of a hook exists and is executable.

A hook whose script is missing or not executable does not end with exit code 2: before a tool this lets the call through, for
other events the hook does nothing. The rule checks commands that start a path in `${CLAUDE_PLUGIN_ROOT}`, directly or with an
interpreter; a path in a folder that a build makes (`dist/`) is only a warning, and so is a missing execute bit.

Wrong:

```hooks.json
{"hooks": {"PreToolUse": [{"hooks": [{"type": "command", "command": "sh \\"${CLAUDE_PLUGIN_ROOT}/scripts/gone.sh\\""}]}]}}
```

Beside it, `../scripts/guard.sh`:

```sh
exit 0
```

Right:

```hooks.json
{"hooks": {"PreToolUse": [{"hooks": [{"type": "command", "command": "sh \\"${CLAUDE_PLUGIN_ROOT}/scripts/guard.sh\\""}]}]}}
```

Fix: correct the path, add the script, or set its execute bit (`git update-index --chmod=+x`).

Source: Claude Code 2.1.329, run with hooks whose script is missing or has no execute bit: the call went through, 2026-11-25.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from correctless.base.lazy_re import lazily
from correctless.lint.subject import hook_set, shapes
from correctless.lint.subject.subject import HOOKS, PLUGIN, JsonSubject
from correctless.syntax.finding import Finding
from correctless.syntax.yaml_text import Node

ID = "hook-script-missing"
SEVERITY = "error"
READS = (HOOKS, PLUGIN)

_ROOT = r"[\"']?\$(?:\{CLAUDE_PLUGIN_ROOT\}|CLAUDE_PLUGIN_ROOT\b)[\"']?/(?P<path>[A-Za-z0-9._/@+-]+)(?=[\"'\s;|&)]|\Z)"
_RUNNERS = r"bash|sh|zsh|dash|python3?|node|bun|ruby|perl|php|pwsh|source|\."
_STARTED = lazily(
    rf"(?:\A|&&|\|\||;|\|)\s*(?:[A-Z_]+=[^\s;|&]*\s+)*(?:exec\s+)?(?P<runner>(?:{_RUNNERS})(?:\s+-[\w-]+)*\s+)?{_ROOT}"
)
_ARGUMENT = lazily(rf"{_ROOT}\Z")
_BUILT = lazily(r"(?:\A|/)(?:dist|build|out|target|bin|node_modules|\.venv|venv)/")


def check(file: JsonSubject) -> Iterator[Finding]:
    """Report scripts that are missing or not executable."""
    if "CLAUDE_PLUGIN_ROOT" not in file.text:
        return
    for handler in hook_set.handlers(file):
        command = handler.get("command")
        if command is None or not shapes.is_text(command):
            continue
        for match in _STARTED.finditer(command.text):
            # `[ -x script ] && script` checks for it.
            if not re.search(rf"(?:\[|\btest)\s+-[efrx]\s+\S*{re.escape(match['path'])}", command.text):
                yield from _missing(file, command, match["path"], starts=not match["runner"])
        args = handler.get("args")
        first = args.items[0] if args is not None and args.items else None
        if (
            first is not None
            and re.fullmatch(_RUNNERS, command.text)
            and (argument := _ARGUMENT.match(first.text))
        ):
            yield from _missing(file, first, argument["path"], starts=False)


def _missing(file: JsonSubject, place: Node, path: str, *, starts: bool) -> Iterator[Finding]:
    at = hook_set.root(file) + path
    if not file.facts.kind(at):
        severity = "warning" if _BUILT.search(path) else ""
        yield file.at(
            place,
            f"'{path[:80]}' does not exist in the plugin. correct the path, or add the script",
            severity,
        )
    elif starts and not file.facts.runnable(at):
        yield file.at(
            place,
            f"'{path[:80]}' is not executable. set its execute bit, or start it with its interpreter",
            "warning",
        )
