"""The event of a hook exists.

Claude Code ignores the hooks of an unknown event, so they never run. Names are spelled exactly: `PreToolUse`, not
`pretooluse` or `BeforeTool`.

Wrong:

```hooks.json
{"hooks": {"preToolUse": [{"hooks": [{"type": "command", "command": "./guard.sh"}]}]}}
```

Right:

```hooks.json
{"hooks": {"PreToolUse": [{"hooks": [{"type": "command", "command": "./guard.sh"}]}]}}
```

Fix: write the event's name. If it is newer than this list, suppress the rule for the file.

Source: Claude Code 2.1.329, `plugin validate` with each name, 2026-11-25.
"""

from __future__ import annotations

from collections.abc import Iterator

from correctless.lint.subject import hook_set, shapes
from correctless.lint.subject.subject import Subject
from correctless.syntax.finding import Finding

ID = "hook-event-unknown"
SEVERITY = "warning"
READS = hook_set.READS


def check(file: Subject) -> Iterator[Finding]:
    """Report unknown events."""
    for event, _ in hook_set.events(file):
        if event.text not in hook_set.EVENTS:
            meant = shapes.near(event.text[:60].lower(), hook_set.EVENTS, 0.8)
            advice = f"write '{meant}'" if meant else "correct the name, or delete it"
            yield file.at(
                event, f"Claude Code knows no event '{event.text[:60]}' and ignores its hooks. {advice}"
            )
