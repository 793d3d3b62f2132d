"""Hooks have the form that Claude Code reads: an event, a list of matchers, in each a list of hooks.

An entry of another form is ignored at run time. Under `PreToolUse` and `PermissionRequest` the whole file is ignored, because the
invalid hook may be the one that guards the rest; of `settings.json` that is also each permission, and of a skill each of its
hooks. The usual mistakes are a command directly under the event, without the list `hooks`, and events outside of the object
`hooks`.

Wrong:

```hooks.json
{"hooks": {"PreToolUse": [{"type": "command", "command": "./guard.sh"}]}}
```

Right:

```hooks.json
{"hooks": {"PreToolUse": [{"matcher": "Bash", "hooks": [{"type": "command", "command": "./guard.sh"}]}]}}
```

Fix: write the form that the finding names.

Source: Claude Code 2.1.329, `plugin validate` with each form, 2026-11-25; settings and skills with each form, run with 2.1.329 and
2.1.332 on 2026-11-30.
"""

from __future__ import annotations

from collections.abc import Iterator

from correctless.lint.subject import hook_set, shapes
from correctless.lint.subject.subject import HOOKS, PLUGIN, JsonSubject, Subject
from correctless.syntax.finding import Finding
from correctless.syntax.yaml_text import MAP, Node

ID = "hooks-schema"
SEVERITY = "error"
READS = hook_set.READS


def check(file: Subject) -> Iterator[Finding]:
    """Report values of invalid form."""
    hooks = hook_set.stated(file)
    if (hooks is None and file.kind != HOOKS) or hook_set.recovered(file):
        return  # of a recovered file, what seems missing may be in the unread part
    if isinstance(file, JsonSubject) and file.kind == HOOKS:
        yield from _top(file)
    elif hooks is not None and file.kind != PLUGIN and hooks.kind != MAP:
        yield _no_object(file, hooks)
    for event, value in hook_set.events(file):
        if event.text in hook_set.EVENTS:
            for place, message in hook_set.faults(event, value):
                yield file.at(place, message)


def _top(file: JsonSubject) -> Iterator[Finding]:
    root = file.root
    if root is None:
        if file.document.root is not None:
            yield file.at(
                file.document.root, f"the file is {shapes.describe(file.document.root)}. write an object"
            )
        return
    outside = [key for key, _ in root.pairs if key.text in hook_set.EVENTS]
    for key in outside:
        yield file.at(key, f"'{key.text}' is outside of 'hooks' and ignored. move it there")
    hooks = root.get("hooks")
    modules = root.get("modules")
    for place, wanted in shapes.list_of(shapes.text)(modules) if modules is not None else ():
        yield file.at(place, f"'modules' is {shapes.describe(place)}. write {wanted}")
    if hooks is not None and hooks.kind != MAP:
        yield _no_object(file, hooks)
    elif hooks is None and modules is None and not outside:
        yield file.at(None, "no 'hooks'. write \"hooks\": {}")


def _no_object(file: Subject, hooks: Node) -> Finding:
    return file.at(hooks, f"'hooks' is {shapes.describe(hooks)}. write an object whose keys are events")
