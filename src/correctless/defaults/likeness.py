"""Likeness of two decisions by their wording.

Two texts that differ in a number, a name in backticks, a negation or what is done are never alike, however many words they share.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from correctless.base.exits import REFUSED, Stop

ALIKE = 0.8  # two texts at least so alike are the same decision
MOST = 1000  # different texts that are compared with each other
_LONGEST = 400  # characters of a text that are compared
_STEM = 5  # characters that two forms of a word share
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?|\d+(?:[.,]\d+)*")
_CODE = re.compile(r"`([^`]+)`")
_SILENT = frozenset(
    _WORD.findall(
        "a an and are as at be been but by did does do each for from had has have i in into is it its just of on only or so that the"
        " their them then there these they this those to was we were which will with would all any our out over up per one"
    )
)
_NOT = frozenset(
    _WORD.findall(
        "not no never none nothing without cannot don't didn't doesn't isn't wasn't won't don’t didn’t doesn’t"
    )
)
# What is done, by the words that are used for it.
_DONE = {
    "keep": "keep keeps kept leave leaves left retain retains retained preserve preserved stay stays stayed remain remained unchanged untouched",
    "remove": "remove removes removed removing delete deletes deleted deleting drop drops dropped dropping erase erased",
    "add": "add adds added adding include included introduce introduced append appended",
    "skip": "skip skips skipped skipping omit omits omitted ignore ignored bypass bypassed",
    "mark": "mark marks marked marking flag flags flagged note noted label labelled labeled",
    "rename": "rename renames renamed renaming",
    "use": "use uses used using choose chose chosen pick picks picked take takes took taken select selected prefer preferred",
    "move": "move moves moved moving relocate relocated",
    "split": "split splits splitting separate separated divide divided",
    "merge": "merge merges merged merging combine combined join joined",
    "write": "write writes wrote written writing document documented describe described record recorded",
    "raise": "raise raises raised throw throws threw fail fails failed reject rejects rejected refuse refused",
    "retry": "retry retries retried",
    "revert": "revert reverts reverted undo undid undone",
    "pin": "pin pins pinned lock locked freeze froze frozen",
    "return": "return returns returned answer answers answered respond responds responded",
    "round": "round rounds rounded rounding truncate truncated",
    "sort": "sort sorts sorted ordered",
    "store": "store stores stored save saves saved persist persisted",
    "run": "run runs ran execute executed",
    "make": "make makes made create creates created build builds built generate generated",
    "change": "change changes changed edit edited modify modified update updates updated rewrite rewrote replace replaced",
}  # fmt: skip
_VAGUE = frozenset({"change", "make", "use"})  # what is changed, made or used says more
_ACTION = {word: action for action, words in _DONE.items() for word in words.split()}
_COUNT = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_NUMBERS = {word: str(number) for number, word in enumerate(_COUNT)}


@dataclass(frozen=True, slots=True)
class Wording:
    """What two texts are compared by."""

    stems: tuple[str, ...]
    actions: frozenset[str]
    numbers: frozenset[str]
    names: frozenset[str]
    negated: bool


@lru_cache(4 * MOST)
def wording(text: str) -> Wording:
    """Return the words of a text that say what was decided."""
    text = text[:_LONGEST]
    words = [word.casefold() for word in _WORD.findall(text)]
    content = [word for word in words if word not in _SILENT and word not in _NOT]
    return Wording(
        stems=tuple(_ACTION.get(word, word[:_STEM]) for word in content),
        actions=frozenset(_ACTION[word] for word in content if word in _ACTION) - _VAGUE,
        numbers=frozenset(_NUMBERS.get(word, word) for word in words if word[0].isdigit() or word in _NUMBERS)
        - {"1"},
        names=frozenset(name.strip().casefold() for name in _CODE.findall(text)),
        negated=any(word in _NOT for word in words),
    )


def likeness(one: str, other: str) -> float:
    """Return how alike two texts are, from 0 to 1."""
    a, b = wording(one), wording(other)
    if one == other or (a == b and a.stems):
        return 1.0
    if a.numbers != b.numbers or a.negated != b.negated or not a.stems or not b.stems:
        return 0.0
    for mine, theirs in ((a.actions, b.actions), (a.names, b.names)):
        if mine and theirs and mine.isdisjoint(theirs):
            return 0.0
    fuzz = _fuzz()
    left, right = " ".join(a.stems), " ".join(b.stems)
    score: float = fuzz.token_set_ratio(left, right) + fuzz.token_sort_ratio(left, right)
    return score / 200


def groups(texts: Sequence[str]) -> list[list[str]]:
    """Return the different texts in groups of what is alike, each in the order given; every text is like the group's average."""
    found: list[list[str]] = []
    for text in list(dict.fromkeys(texts))[:MOST]:
        scores = [sum(likeness(text, each) for each in group) / len(group) for group in found]
        if scores and max(scores) >= ALIKE:
            found[scores.index(max(scores))].append(text)
        else:
            found.append([text])
    return found


def typical(group: Sequence[str]) -> list[str]:
    """Return the texts of a group, the most typical first: by how often, how like the others, how short."""
    counts = {text: group.count(text) for text in group}

    def rank(text: str) -> tuple[float, float, int, str]:
        return -counts[text], -sum(likeness(text, each) for each in counts), len(text), text

    return sorted(counts, key=rank)


def _fuzz() -> Any:
    # Only what compares texts needs it, and it is an extra.
    try:
        from rapidfuzz import fuzz
    except ImportError:
        raise Stop(REFUSED, "rapidfuzz is missing. install it: pip install 'correctless[defaults]'") from None
    return fuzz
