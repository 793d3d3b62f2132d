"""Each value of `.claude/settings.json` has the form that Claude Code reads.

One value of another form makes Claude Code ignore the whole file without a message in a headless session: its permissions,
its variables and its hooks, so a guard guards nothing. Keys that are not in this list are not checked.

Wrong:

```settings.json
{"permissions": {"deny": "Read(.env)"}}
```

Right:

```settings.json
{"permissions": {"deny": ["Read(.env)"]}}
```

Fix: write the form that the finding names.

Source: Claude Code 2.1.329, 156 sessions with one value each and a hook that shows whether the file was read, 2026-11-30.
"""

from __future__ import annotations

from collections.abc import Iterator

from correctless.lint.subject import shapes
from correctless.lint.subject.subject import SETTINGS, JsonSubject
from correctless.syntax.finding import Finding
from correctless.syntax.yaml_text import LIST, MAP, Node

ID = "settings-schema"
SEVERITY = "error"
READS = (SETTINGS,)

_MODES = ("default", "acceptEdits", "plan", "bypassPermissions", "dontAsk", "auto", "delegate", "manual")


def check(file: JsonSubject) -> Iterator[Finding]:
    """Report values of invalid form."""
    root = file.document.root
    if root is None or file.document.recovered or file.facts.kind(".claude-plugin") == "folder":
        return  # a plugin's settings are others
    if root.kind != MAP:
        yield file.at(root, f"the file is {shapes.describe(root)}, so it is ignored. write an object")
        return
    yield from _faults(file, root, _FORMS)
    permissions = root.get("permissions")
    if permissions is not None and permissions.kind == MAP:
        yield from _faults(file, permissions, _PERMISSIONS)


def _faults(file: JsonSubject, node: Node, forms: dict[str, shapes.Form]) -> Iterator[Finding]:
    for place, message in shapes.faults(node, forms):
        yield file.at(place, f"{message}. until then the whole file is ignored")


def _mode(node: Node) -> Iterator[tuple[Node, str]]:
    right = {each.lower(): each for each in _MODES}.get(node.text.lower())
    if not shapes.is_text(node):
        yield node, "text in quotes"
    elif right and right != node.text:
        yield node, f"'{right}'"


def _status_line(node: Node) -> Iterator[tuple[Node, str]]:
    kind, command = node.get("type"), node.get("command")
    if kind is None or not shapes.is_text(kind) or kind.text != "command" or not shapes.is_text(command):
        yield node, '{"type": "command", "command": "..."}'


def _texts(node: Node) -> Iterator[tuple[Node, str]]:
    for each in node.items if node.kind == LIST else (node,):
        yield from shapes.text(each)


_FORMS: dict[str, shapes.Form] = {
    "$schema": shapes.text,
    "alwaysThinkingEnabled": shapes.yes_or_no,
    "apiKeyHelper": shapes.text,
    "attribution": shapes.an_object,
    "availableModels": shapes.list_of(shapes.text),
    "awsAuthRefresh": shapes.text,
    "cleanupPeriodDays": shapes.number,
    "disableAllHooks": shapes.yes_or_no,
    "disabledMcpjsonServers": _texts,
    "enabledMcpjsonServers": _texts,
    "enabledPlugins": shapes.an_object,
    "env": shapes.an_object,
    "includeCoAuthoredBy": shapes.yes_or_no,
    "language": shapes.text,
    "model": shapes.text,
    "outputStyle": shapes.text,
    "permissions": shapes.an_object,
    "plansDirectory": shapes.text,
    "respectGitignore": shapes.yes_or_no,
    "sandbox": shapes.an_object,
    "spinnerTipsEnabled": shapes.yes_or_no,
    "statusLine": _status_line,
}
_PERMISSIONS: dict[str, shapes.Form] = {
    "additionalDirectories": shapes.a_list,
    "allow": shapes.a_list,
    "ask": shapes.a_list,
    "defaultMode": _mode,
    "deny": shapes.a_list,
}
