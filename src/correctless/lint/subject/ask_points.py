"""Instructions of a skill to ask a person, and whether a decision point covers each one."""

from __future__ import annotations

from collections.abc import Iterator

from correctless.base.lazy_re import lazily
from correctless.lint.subject.prose import sentences
from correctless.lint.subject.subject import Skill
from correctless.skill import contract

TOOL = "AskUserQuestion"

_WHO = r"(?:the\s+|your\s+)?(?:user|person|human|operator|developer|maintainer|requester)\b(?!-|\s+stor)"
_ASKS = lazily(
    rf"(?i)\b(?:(?:ask|consult|prompt)\s+{_WHO}"
    rf"|(?:wait|pause)\s+for\s+(?:an?\s+(?:answer|reply|response)\s+(?:from|of|by)\s+)?{_WHO}"
    r"|(?:get|obtain|request|seek)\s+(?:the\s+|explicit\s+|a\s+)*(?:user|human|person|operator)(?:['’]s)?\s+(?:confirmation|approval|consent|permission|input)\b"
    rf"|(?:confirm|check|clarify|agree)\s+(?:[\w-]+\s+){{0,4}}with\s+{_WHO}"
    rf"|(?:use|call|invoke)\s+(?:the\s+)?[`*]*{TOOL}\b)"
)
# The text itself limits the question to attended runs, or says what unattended ones do.
_RESOLVED = lazily(
    r"(?i)\b(?:interactive(?:ly)?|attended|autonomous(?:ly)?|unattended|AD-\d+|defaults?|escalat\w+|defer\w*|nobody|by\s+hand|"
    r"(?:person|some(?:one|body))\s+is)\b"
)
_MENTIONS = ("user", "person", "human", "operator", "developer", "maintainer", "requester")
_WORD = lazily(r"[A-Za-z][a-z]{3,}")
# Words that do not show what the question is about.
_EMPTY = (
    "about after again also answer answers approval before being choice choose clarify confirm confirmation consent consult "
    "continue could decide decision decisions does done each either else ever every explicit first from have here input into "
    "invoke just keep kept leave left like list make more most must need needed needs never none once only option options "
    "operator other over pause permission person please proceed prompt question questions reply request response should "
    "skill skip some something step steps stop such sure take task tell than that their them then there these they this those "
    "time until used user users using very wait want wants what when where whether which while will with work would your"
)


def tools(skill: Skill) -> Iterator[tuple[int, int]]:
    """Yield each place of `TOOL` in `allowed-tools`."""
    for item, tool in contract.tools(skill.frontmatter):
        if tool == TOOL:
            at = skill.text.find(TOOL, item.start, item.end)
            yield (at, at + len(TOOL)) if at >= 0 else (item.start, item.end)


def uncovered(skill: Skill) -> Iterator[tuple[int, int]]:
    """Yield the place of each instruction to ask a person that no decision point answers in an unattended run.

    A decision point covers it when the two share a significant word: in doubt nothing is reported.
    """
    if not any(who in skill.md.body for who in _MENTIONS) and TOOL not in skill.md.body:
        return
    covered: set[str] | None = None
    paragraph, is_resolved = "", False
    for sentence in sentences(skill):
        for match in _ASKS.finditer(sentence.text):
            if not sentence.commands(match):
                continue
            # Once for each paragraph: a hostile one has as many sentences as it is long.
            if paragraph is not sentence.paragraph:
                paragraph = sentence.paragraph
                is_resolved = bool(_RESOLVED.search(f"{sentence.above}\n{paragraph}"))
            if is_resolved:
                break
            if covered is None:
                covered = {
                    word for d in skill.contract.defaults for word in _stems(f"{d.subject} {d.choice}")
                }
            if not covered & _stems(f"{sentence.above} {sentence.text}"):
                yield sentence.span(match)
            break  # one finding a sentence


def _stems(text: str) -> set[str]:
    empty = _EMPTY.split()
    lowered = (word.lower() for word in _WORD.findall(text))
    return {word[:5] for word in lowered if word not in empty}
