"""The only signal of an unattended run is `mode: autonomous` within the first 10 lines of the task prompt.

The dispatcher gives this signal and no other; without it, the run is attended. A skill that looks at a variable, a flag, a
file or the terminal instead may take an unattended run for attended, ask, and get no answer; or take your session for an
unattended run and decide without you. Further down, such a line may be a quotation, so the 10 lines matter.

Wrong:

```markdown
---
name: my-skill
interaction_mode: autonomous
---
If `$CI` is set, run in autonomous mode.

## Autonomous Defaults

None.
```

Right:

```markdown
---
name: my-skill
interaction_mode: autonomous
---
If the task prompt says `mode: autonomous` within its first 10 lines, apply the defaults.

## Autonomous Defaults

None.
```

Fix: write that `mode: autonomous` within the first 10 lines of the task prompt means it, and nothing else.

Source: R-005.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from correctless.base.lazy_re import lazily
from correctless.lint.subject.prose import NEGATED, sentences
from correctless.lint.subject.subject import SKILL, Skill
from correctless.syntax.finding import Finding

ID = "own-mode-detection"
SEVERITY = "warning"
READS = (SKILL,)

_WORDS = ("autonomous", "unattended", "headless", "interactive", "nobody")

_RIGHT = r"[`\"']?\bmode:\s*autonomous\b[`\"']?"
_MODE = (
    r"\b(?:autonomous(?:ly)?\b(?!\s+defaults)|unattended\b|non-?interactive(?:ly)?\b|headless\s+(?:mode|run)\b|"
    r"nobody\s+(?:is\s+)?(?:there|attached|present)|no\s+(?:person|user|human)\s+(?:is\s+)?(?:there|attached|present))"
)
_SIGNAL = (
    r"(?P<signal>(?-i:\$\{?[A-Za-z_]\w*\}?|\b[A-Z0-9_]*(?:AUTONOMOUS|UNATTENDED|HEADLESS|INTERACTIVE)[A-Z0-9_]*\b|\bCI\b|\bTTY\b)"
    r"|\b(?:environment|env)\s+variable\b|--(?:autonomous|auto|unattended|headless|non-interactive|no-input|yes)\b"
    r"|\b(?:flag|marker|sentinel|lock)\s+file\b|\bisatty\b|\bterminal\s+is\s+attached"
    r"|(?<![_\w])autonomous\s*[:=]\s*(?:true|yes|1|on)\b|(?<![_\w])mode\s*=\s*autonomous\b"
    r"|(?<![_\w])mode:\s*(?:auto|unattended|headless|non-interactive)\b)"
)
_IS_MODE = r"(?:run|switch|go|enter|act|work|proceed|behave|operate|assume|treat|you\s+are|it\s+is|this\s+is|the\s+run\s+is)\b"
# Sentences where a signal decides the mode. "In autonomous mode, read the token from $TOKEN" decides nothing.
_DECIDES = tuple(
    lazily(f"(?i){pattern}")
    for pattern in (
        rf"\b(?:if|when|whenever)\b[^.;]{{0,50}}?{_SIGNAL}[^.;]{{0,60}}?(?:,|\bthen\b|:)[^.;]{{0,20}}?{_IS_MODE}[^,.;]{{0,40}}?{_MODE}",
        rf"{_MODE}[^,.;]{{0,30}}?\b(?:if|when|whenever|(?:detected|signall?ed|indicated|set|enabled|requested|chosen|turned\s+on|switched\s+on)\s+(?:by|via|with|through))\b[^,.;]{{0,40}}?{_SIGNAL}",
        rf"{_SIGNAL}[^,.;]{{0,30}}?\b(?:means|signals|indicates|turns\s+on|switches|enables|selects)\b[^.;]{{0,40}}?{_MODE}",
        rf"\b(?:check|look\s+at|test)\b[^.;]{{0,30}}?{_SIGNAL}[^.;]{{0,40}}?\b(?:to|whether|for|if)\b[^.;]{{0,30}}?{_MODE}",
        rf"\b(?:detect|recogni[sz]e|infer|determine|decide)\b[^.;]{{0,30}}?{_MODE}[^.;]{{0,30}}?\b(?:from|by|via|with|through)\b[^.;]{{0,20}}?{_SIGNAL}",
    )
)
_WINDOW = lazily(
    rf"(?i){_RIGHT}[^.;]{{0,60}}?\b(?:(?:first|top)\s+(?P<lines>\d+|line\b|\w+(?=\s+lines))|(?P<anywhere>anywhere|somewhere))"
)
_ADVICE = "write that `mode: autonomous` within the first 10 lines of the task prompt is"


def check(skill: Skill) -> Iterator[Finding]:
    """Report other ways to detect the autonomous mode."""
    stated = skill.contract
    if stated.interaction_mode not in ("autonomous", "hybrid") and not stated.has_section:
        return
    body = skill.md.body.lower()
    if not any(word in body for word in _WORDS):
        return
    for sentence in sentences(skill):
        if match := _window(sentence.text):
            yield skill.at(
                sentence.span(match),
                "it is a signal only within the first 10 lines of the task prompt. write 'within its first 10 lines'",
            )
        elif match := _own(sentence.text, sentence.above):
            start, end = match.span("signal")
            message = f"'{match['signal']}' is not the signal for autonomous mode. {_ADVICE}"
            yield skill.at((sentence.start + start, sentence.start + end), message)


def _window(text: str) -> re.Match[str] | None:
    match = _WINDOW.search(text)
    if match is None or NEGATED.search(text) or match["lines"] in ("10", "ten"):
        return None
    return match


def _own(text: str, above: str) -> re.Match[str] | None:
    match = next((m for pattern in _DECIDES if (m := pattern.search(text))), None)
    # "No person is there" is the mode itself; any other "no" or "not" says that this is not a signal.
    if match is None or NEGATED.search(re.sub(f"(?i){_MODE}", "", text)) or NEGATED.search(above):
        return None
    right = re.search(f"(?i){_RIGHT}", text)
    if right is None or match["signal"] in right[0]:
        return match
    first, second = sorted((right.span(), match.span("signal")))
    return match if re.search(r"(?i)\b(?:or|also)\b", text[first[1] : second[0]]) else None
