"""Each key of the frontmatter is known.

A key that Claude Code doesn't know has no effect, without a message. That is harmless if you or another program read the key, so
it is an `info`, one for each file. agentskills.io tools refuse such a file: in that dialect it is an error, also for the keys that
only Claude Code knows. A misspelled key (`descripton`, or one with wrong case or hyphens) is a warning in each dialect: with
`disable_model_invocation: true` the model may start the skill all the same.

Wrong:

```markdown
---
name: my-skill
descripton: Sorts a reading list. Use when someone has more to read than time.
disable_model_invocation: true
---
```

Right:

```markdown
---
name: my-skill
description: Sorts a reading list. Use when someone has more to read than time.
disable-model-invocation: true
metadata:
  team: accounting
---
```

Fix: `--fix` corrects case and separators; correct swapped or missing letters yourself. Move other keys below `metadata`, which every tool accepts.

Source: agentskills.io specification; the misspelled keys in Claude Code 2.1.329, run on 2026-11-25.
"""

from __future__ import annotations

from collections.abc import Iterator

from correctless.lint.subject.frontmatter import MAX_MEANT, meant_key
from correctless.lint.subject.subject import AGENTSKILLS, COMMAND, SKILL, Skill
from correctless.skill.contract import misspelled
from correctless.syntax.finding import Edit, Finding

ID = "unknown-key"
SEVERITY = "error"
READS = (COMMAND, SKILL)

_PORTABLE = frozenset({"name", "description", "license", "compatibility", "metadata", "allowed-tools"})
_CLAUDE_CODE = _PORTABLE | {
    "when_to_use", "argument-hint", "arguments", "disable-model-invocation", "user-invocable",
    "disallowed-tools", "disallowedTools", "model", "effort", "context", "agent", "background", "hooks",
    "paths", "shell", "version",
}  # fmt: skip
_OF_COMMANDS = frozenset({"hide-from-slash-command-tool"})
_OURS = "interaction_mode"
_MAX_KEYS = 8  # keys that are named


def check(skill: Skill) -> Iterator[Finding]:
    """Report unknown keys."""
    front = skill.frontmatter
    if front is None:
        return
    known = _PORTABLE if skill.dialect == AGENTSKILLS else _CLAUDE_CODE | {_OURS}
    if skill.kind == COMMAND:
        known |= _OF_COMMANDS
    unknown = [key for key, _ in front.pairs if key.text not in known]
    if not unknown:
        return
    contracts = {id(key) for key, _ in misspelled(front)}  # another rule reports those
    unknown = [key for key in unknown if id(key) not in contracts]
    counts: dict[str, int] = {}  # how many keys are spelled alike
    for key, _ in front.pairs:
        counts[_bare(key.text)] = counts.get(_bare(key.text), 0) + 1
    severity = "" if skill.dialect == AGENTSKILLS else "warning"
    others = []
    for number, key in enumerate(unknown):
        right = _BARE.get(_bare(key.text), "")
        if right == key.text or right not in known:
            meant = meant_key(key.text) if number < MAX_MEANT else ""
            if meant in known and front.get(meant) is None:
                yield skill.at(key, f"'{key.text[:40]}' is not read. write '{meant}'", severity)
            else:
                others.append(key)
            continue
        fix = (Edit(key.start, key.end, right),) if counts[_bare(right)] == 1 else ()
        message = f"'{key.text[:40]}' is not read as '{right}'. write '{right}'"
        yield skill.at(key, message, severity, fix)
    if others:
        names = ", ".join(f"'{key.text[:40]}'" for key in others[:_MAX_KEYS])
        more = f" and {len(others) - _MAX_KEYS} more" if len(others) > _MAX_KEYS else ""
        if skill.dialect == AGENTSKILLS:
            yield skill.at(
                others[0], f"agentskills.io does not know {names}{more}. move them below 'metadata'"
            )
        else:
            message = (
                f"Claude Code does not read {names}{more}. move them below 'metadata', or leave them out"
            )
            yield skill.at(others[0], message, "info")


def _bare(key: str) -> str:
    return key.lower().replace("-", "").replace("_", "").replace(" ", "")


# Keys that have an effect.
_NO_EFFECT = {"disallowedTools", "license", "compatibility", "metadata", "version"}
_BARE = {_bare(key): key for key in _CLAUDE_CODE - _NO_EFFECT}
