"""Text of agents made fit for a SKILL.md, which is a prompt: one inert line of a list item, or nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence

from correctless.base.text import hidden
from correctless.defaults.likeness import typical, wording

MOST = 160  # characters of a default
_MOST_SUBJECT = 60
# Whatever starts a block, a tag, a comment, a link, a mention or a marker, and what the notation of an entry gives a meaning.
# Claude Code runs !`...` of a skill when that is loaded, and replaces $ARGUMENTS and $1.
_ACTIVE = re.compile(
    r"[<>\[\]{}|\\#@$]|!`|\*|~~|``|://|\bwww\.|(?i:\bAD-\w|escalate\s*:|\(default\)|\brationale\s*:|default if deferred)"
    r"|(?i:AUTONOMOUS_DECISIONS|^\s*mode\s*:)"
)
_BEGIN = re.compile(r"[^\W_]|`")


def inert(text: str) -> str:
    """Return a text as the default of an entry, without its final stop; "" where it would be more than words."""
    line = " ".join(text.split()).rstrip(" .;,")
    if len(line) > MOST or hidden(line) or _ACTIVE.search(line) or not _BEGIN.match(line):
        return ""
    return line if line.count("`") % 2 == 0 and any(map(str.isalpha, line)) else ""


def default_of(texts: Sequence[str]) -> str:
    """Return the most typical wording that is inert; "" without one."""
    return next(filter(None, map(inert, typical(texts))), "")


def subject_of(default: str, texts: Sequence[str]) -> str:
    """Return a short subject: words of the default that most of the texts share."""
    shared = [wording(text).stems for text in texts]
    words: list[str] = []
    for word in re.findall(r"[^\W\d_]{3,}", default):
        stems = wording(word).stems
        names_a_thing = (
            stems and not wording(word).actions and word.casefold() not in map(str.casefold, words)
        )
        if names_a_thing and 2 * sum(stems[0] in each for each in shared) > len(shared):
            words.append(word)
    subject = " ".join(words[:4])[:_MOST_SUBJECT].strip().lower() or "recurring decision"
    return subject[0].upper() + subject[1:]
