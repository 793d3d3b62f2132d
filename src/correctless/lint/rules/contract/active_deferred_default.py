"""The default of a decision that needs a human is passive.

An `escalate: always` decision needs a human. Unattended, its default is applied first, and you confirm it afterwards. You can
still confirm or reject a default that skips, flags, stops or keeps; one that accepts, merges, deletes, publishes or approves
has already done what you were to decide.

Wrong:

```markdown
---
name: my-skill
interaction_mode: hybrid
---
## Autonomous Defaults

- **AD-001**: Stale branches — `escalate: always`. Default if deferred: delete them. Rationale: they are in the way.
```

Right:

```markdown
---
name: my-skill
interaction_mode: hybrid
---
## Autonomous Defaults

- **AD-001**: Stale branches — `escalate: always`. Default if deferred: keep them and list them. Rationale: a branch may still be needed.
```

Fix: write a default that changes nothing (skip, flag, stop, keep), or delete `escalate: always` if no human has to decide.

Source: R-011; the skill contract.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from correctless.base.lazy_re import lazily
from correctless.lint.subject.subject import SKILL, Skill
from correctless.syntax.finding import Finding

ID = "active-deferred-default"
SEVERITY = "warning"
READS = (SKILL,)

_DONE = (
    "accepted|approved|authorized|authorised|auto-?merged|confirmed|deleted|deployed|erased|granted|merged|overwritten|"
    "published|purged|pushed|released|removed|shipped|signed\\s+off"
)
_FORMS = (
    r"accept(?:s|ing)?|approv(?:es?|ing)|authori[sz](?:es?|ing)|auto-?merg(?:es?|ing)|confirm(?:s|ing)?(?!\s+(?:with|that|whether|by)\b)|delet(?:es?|ing)|"
    r"deploy(?:s|ing)?|eras(?:es?|ing)|force-?push(?:es|ing)?|grant(?:s|ing)?|merg(?:es?|ing)|overwrit(?:es?|ing)|"
    r"publish(?:es|ing)?|purg(?:es?|ing)|push(?:es|ing)?|releas(?:es?|ing)|remov(?:es?|ing)|ship(?:s|ping)?|sign(?:s|ing)?\s+off"
)
_LEAD = (
    r"(?:(?:the\s+)?(?:skill|agent|default|it|we|you|to|will|just|simply|silently|automatically|always|then|first|immediately|"
    r"directly|go\s+ahead\s+and|proceed\s+to|proceed\s+and|choose\s+to|choose|pick|select|answer)\s+)*"
)
_ACTS = lazily(rf"(?i)\A{_LEAD}(?P<verb>{_FORMS})\b(?P<rest>.*)\Z", re.DOTALL)
_IS_DONE = lazily(
    rf"(?i)\A[^,;]*?\b(?:is|are|gets|get|be|being)\s+(?:\w+ly\s+)?(?P<verb>{_DONE})\b(?P<rest>.*)\Z",
    re.DOTALL,
)
# Words that make a clause passive, with any verb.
_PASSIVE = lazily(
    r"(?i)\b(?:not|never|no|none|nothing|nobody|neither|nor|cannot|skip(?:s|ped|ping)?|flag(?:s|ged|ging)?|stop(?:s|ped)?|keeps?|kept|"
    r"stay(?:s|ed)?|wait(?:s|ed|ing)?|remains?|leaves?|left|list(?:s|ed)?|report(?:s|ed)?|refused?|declined?|rejects?|rejected|"
    r"postponed?|deferred|unchanged|untouched|undone|draft|as\s+(?:it|they)\s+(?:is|are|stands?)|status\s+quo|"
    r"(?:which|that|what|whatever|if|whether)\s+(?:is|are|was|were))\b|n't\b|n’t\b"
)
# It happens only after a person has decided.
_LATER = lazily(
    r"(?i)\b(?:once|after|until|unless|when|if|by)\b.*\b(?:persons?|humans?|people|reviewers?|owners?|maintainers?|users?|"
    r"some(?:body|one)|confirm\w*|approv\w*)\b",
    re.DOTALL,
)
# What separates the clauses that a passive verb governs from the next ones: "skip the merge, delete and publish steps".
_ANEW = lazily(r"(?:[;.!]\s|,?\s+(?:and\s+)?then\s|,?\s+but\s)")
_CLAUSE = lazily(r",\s+(?:and\s+|or\s+)?|\s+and\s+")
_OBJECT = lazily(
    r"(?i)\s+(?:the|a|an|all|any|every|each|it|them|this|that|these|those|its|their|whatever|everything)\b"
)
# The verb as a noun: "Merge conflicts ..." has its own verb further on.
_NOUN = lazily(
    r"(?i)\s*(?:-|of\b|requests?\b|conflicts?\b|commits?\b|notes?\b|keys?\b|steps?\b|jobs?\b|queues?\b|access\b|rights?\b|"
    r"permissions?\b|criteria\b|is\b|are\b|stays?\b|waits?\b)"
)


def check(skill: Skill) -> Iterator[Finding]:
    """Report deferred decisions whose default acts."""
    if not skill.entries or skill.contract.interaction_mode == "interactive":
        return
    for default, (line, _, _) in zip(skill.contract.defaults, skill.entries, strict=True):
        if default.escalate and (verb := _acting(default.choice)):
            name = default.id or "the entry"
            message = f"{name} needs a human decision, but its default acts: '{verb}'. write what leaves things as they are: skip, flag, stop or keep"
            yield skill.at(line, message)


def _acting(choice: str) -> str:
    """Return the verb by which a default acts, "" for a passive one."""
    if not re.search(rf"(?i)\b(?:{_FORMS}|{_DONE})\b", choice):
        return ""
    # A word in quotes may be the chosen option; a longer quote is only mentioned.
    bare = re.sub(r"`[^`]*`|\"[^\"]*\"|“[^”]*”|(?<!\w)'[^']*'", lambda m: _unquoted(m[0]), choice).strip(
        "*_ "
    )
    bare = re.sub(r"\([^()]*\)", "", bare)
    for part in _ANEW.split(bare):
        first = True
        for clause in _CLAUSE.split(part):
            if verb := _verb(clause.strip(" *_`"), first=first):
                return verb
            if first and not _opens_freely(clause):
                break  # its negation, or the verb that governs it, applies to the rest too
            first = False
    return ""


def _unquoted(quoted: str) -> str:
    inner = quoted.strip("`\"'“”")
    return inner if re.fullmatch(r"[\w-]+", inner) else "Q"


def _opens_freely(clause: str) -> bool:
    """Return whether the next clause is independent: "keep it and merge the rest", not "do not merge and delete"."""
    return not re.match(
        rf"(?i)\s*{_LEAD}(?:do(?:es)?\s+not|don't|don’t|never|no|not|neither|refuse\s+to|decline\s+to|wait\s+to)\b",
        clause,
    )


def _verb(clause: str, *, first: bool) -> str:
    if _LATER.search(clause):
        return ""
    for pattern in (_ACTS, _IS_DONE):
        match = pattern.match(clause)
        if match is None:
            continue
        object_text = clause if pattern is _IS_DONE else match["rest"]
        if _PASSIVE.search(object_text) or (pattern is _ACTS and _NOUN.match(match["rest"])):
            continue
        if pattern is _ACTS and not first and not _OBJECT.match(match["rest"]):
            continue
        return " ".join(match["verb"].split())
    return ""
