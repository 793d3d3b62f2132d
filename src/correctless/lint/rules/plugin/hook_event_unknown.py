"""The event of a hook exists.

Claude Code ignores the hooks of an unknown event, so they never run. Names are spelled exactly: `PreToolUse`, not
`pretooluse` or `BeforeTool`. An event that only newer versions know (`PreSkillShellCommand`) is an `info`.

Wrong:

```hooks.json
{"hooks": {"preToolUse": [{"hooks": [{"type": "command", "command": "./guard.sh"}]}]}}
```

Right:

```hooks.json
{"hooks": {"PreToolUse": [{"hooks": [{"type": "command", "command": "./guard.sh"}]}]}}
```

Fix: write the event's name. If it is newer than this list, suppress the rule for the file.

Source: Claude Code 2.1.329 and 2.1.332, `plugin validate` with each name (`scripts/client-facts`), 2026-11-30.
"""

from __future__ import annotations

from collections.abc import Iterator

from correctless.lint import clients
from correctless.lint.subject import hook_set, shapes
from correctless.lint.subject.subject import Subject
from correctless.syntax.finding import Finding

ID = "hook-event-unknown"
SEVERITY = "warning"
READS = hook_set.READS


def check(file: Subject) -> Iterator[Finding]:
    """Report unknown events."""
    for event, _ in hook_set.events(file):
        if version := clients.since("EVENTS", event.text):
            message = f"Claude Code before {version} does not know the event '{event.text}' and ignores its hooks. demand that version"
            yield file.at(event, message, "info")
        elif event.text not in hook_set.EVENTS:
            meant = shapes.near(event.text[:60].lower(), hook_set.EVENTS, 0.8)
            advice = f"write '{meant}'" if meant else "correct the name, or delete it"
            yield file.at(
                event, f"Claude Code knows no event '{event.text[:60]}' and ignores its hooks. {advice}"
            )
