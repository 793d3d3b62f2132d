"""An autonomous skill does not hand over to an interactive skill.

The other skill runs in the same unattended run: it asks, gets no answer, and the step ends or continues with an invention. The
rule reports a skill beside this one whose contract is `interactive`, if the text says to run it (as `/name` or as "the name
skill") or `allowed-tools` names it (`Skill(name)`).

Wrong:

```markdown
---
name: my-skill
interaction_mode: autonomous
---
Run the `interview` skill first.
```

Beside it, `../interview/SKILL.md`:

```markdown
---
name: interview
interaction_mode: interactive
---
```

Right:

```markdown
---
name: my-skill
interaction_mode: autonomous
---
Read what the `interview` skill wrote.
```

Fix: hand over to a skill that is `autonomous` or `hybrid`, or write what to do instead.

Source: R-001; the skill contract.
"""

from __future__ import annotations

from collections.abc import Iterator

from correctless.base.lazy_re import lazily
from correctless.lint.subject.prose import sentences
from correctless.lint.subject.subject import SKILL, Skill
from correctless.skill import skill_text
from correctless.skill.contract import of_skill, tools
from correctless.syntax.finding import Finding

ID = "delegates-to-interactive"
SEVERITY = "error"
READS = (SKILL,)

_NAME = r"(?P<name>[A-Za-z0-9][\w-]*(?::[A-Za-z0-9][\w-]*)?)"
_ALLOWED = lazily(rf"Skill\(\s*/?{_NAME}(?:[ :]\*)?\s*\)\Z")
_RUNS = lazily(
    r"(?i)\b(?:run|use|invoke|call|start|launch|execute|load|(?:hand|pass)\s+(?:it\s+|this\s+|the\s+\w+\s+)?(?:over|off)?\s*to|continue\s+with|"
    rf"go\s+on\s+with|delegate\s+(?:it\s+|this\s+)?to)\s+(?:the\s+)?(?:skill\s+)?[`*\"'“]*(?P<slash>/?){_NAME}[`*\"'”]*(?P<skill>\s+skill\b)?"
)

_ATTENDED = lazily(
    r"(?i)\b(?:if|when|where|unless|once)\b[^.]{0,60}\b(?:person|user|human|some(?:body|one)|interactive(?:ly)?|attended)\b"
)


def check(skill: Skill) -> Iterator[Finding]:
    """Report delegation to an interactive skill."""
    if skill.contract.interaction_mode != "autonomous":
        return
    for name, place in (*_allowed(skill), *_instructed(skill)):
        if _is_interactive(skill, name):
            message = f"'{name[:64]}' is interactive, but this run is unattended. hand over to a skill that is autonomous or hybrid"
            yield skill.at(place, message)


def _allowed(skill: Skill) -> Iterator[tuple[str, tuple[int, int]]]:
    for item, tool in tools(skill.frontmatter):
        match = _ALLOWED.match(tool)
        if match and (at := skill.text.find(tool, item.start, item.end)) >= 0:
            yield match["name"], (at + match.start("name"), at + match.end("name"))


def _instructed(skill: Skill) -> Iterator[tuple[str, tuple[int, int]]]:
    body = skill.md.body
    if "/" not in body and "skill" not in body.lower():
        return
    for sentence in sentences(skill):
        if _ATTENDED.search(sentence.text):
            continue
        for match in _RUNS.finditer(sentence.text):
            if (match["slash"] or match["skill"]) and sentence.commands(match):
                start, end = match.span("name")
                yield match["name"], (sentence.start + start, sentence.start + end)


def _is_interactive(skill: Skill, name: str) -> bool:
    plugin, _, own = name.rpartition(":")
    if plugin and plugin != _plugin(skill):
        return False
    data = skill.facts.read(f"../{own}/SKILL.md")
    if data is None or b"interactive" not in data:
        return False
    return of_skill(skill_text.read(data, f"{own}/SKILL.md")).interaction_mode == "interactive"


def _plugin(skill: Skill) -> str:
    """Return the name of the plugin of this skill."""
    import json  # most skills hand over to none

    try:
        manifest = json.loads(skill.facts.read("../../.claude-plugin/plugin.json") or b"{}")
    except (ValueError, RecursionError):
        return ""
    return str(manifest.get("name", "")) if isinstance(manifest, dict) else ""
