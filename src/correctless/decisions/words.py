"""Words by which a sentence states a choice, or that none was made.

In doubt a word is a choice: an unneeded entry costs you a minute, and a lost decision cannot be restored.
"""

from __future__ import annotations

import re

from correctless.skill.defaults import Default

_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)?")
VERBS = frozenset(
    _WORD.findall(
        "is are was were be been begins begin starts start ends end stands stand follows follow comes come goes go closes opens"
        " sits lies marks mark use using uses put write wrote print printed see find finish finishes give given gave copied copy include includes"
    )
)
# Words about the place and the form of a text.
PLAIN = VERBS | frozenset(
    _WORD.findall(
        "a an and any are around as ask asked at be because been before behind below above between both but by can copied"
        " decision decisions do does done each entries entry exactly file final finally first following for format from had has"
        " have here how i in inside instructed instruction instructions it its itself last line lines list listed machine marked"
        " marker markers may me must my next no nonce not now of on one only opening closing or our own point points prompt"
        " prompted quoted readable record recorded records report reported required requested same said say says section shown so"
        " string than that the their them then there these they this those to token two under verbatim very we what when where"
        " which will with within word words would nor neither json object objects per note everything starting beginning ending came applies arose occurred met reached stays remains you your answer answers block blocks message response reply tag tags task"
        " through text all also too if into out up us yes ad id ids document docs rule page skill contract"
    )
)
# The names of columns and keys that may hold a decision.
_LABELS = frozenset(
    _WORD.findall(
        "default defaults documented applied choice chosen choose taken took decided selected picked value rationale reason because used kept escalation"
        " deferred false true null escalate original name title td tr li dd dt span div code"
    )
)
CHOSE = re.compile(
    r"\b(?:took|taken?|takes|cho(?:se|sen|ose|oses|ice)|pick(?:ed|s)?|select(?:ed|s)?|appl(?:y|ied|ies)|decid(?:ed?|es)"
    r"|went (?:with|for)|go(?:es|ing)? with|settled|defer(?:red|s)?|escalated|resolved|opted|adopted|defaulted)\b",
    re.IGNORECASE,
)
# In a sentence about an id these state a choice as well; beside the words of a default they are everyday prose.
_DID = re.compile(r"\b(?:used?|kept|keep|set|left|changed|made|instead|became)\b", re.IGNORECASE)
_NONE = re.compile(
    r"\b(?:no|not|none|never|nothing|nicht|nichts|kein\w*|entfällt|n/a|na|skip(?:ped)?|un(?:used|reached|touched|needed|met))\b|n't\b",
    re.IGNORECASE,
)
_MET = re.compile(
    r"\b(?:un)?(?:reached|met|needed?|came|come|arise|arose|occurr?(?:ed)?|appl(?:y|icable|ies)|relevant|triggered|hit"
    r"|encountered|required|occasion|erreicht|n/a)\b|entfällt",
    re.IGNORECASE,
)
_DENIAL = frozenset(
    _WORD.findall(
        "no not none never nothing nicht nichts kein keine keinen entfällt n a na skip skipped unused unreached untouched unneeded"
        " unmet did does do was were is has have had been be being this that the point decision decisions to it reached needed need"
        " applicable relevant met triggered hit encountered required come came up arise arose apply applies occur occurred occasion"
        " conflict conflicts added report reported"
        " seen used taken made decide here there any yet in step run task at all i we so for erreicht nötig wurde war entscheidung anlass neue neuen"
    )
)
_BARE = frozenset(("no", "not", "none", "never"))  # alone they may be the default itself
_THEN = re.compile(r"[:=|>]\s*\w|\b(?:hence|thus|therefore)\b", re.IGNORECASE)
_OTHERWISE = re.compile(r"\b(?:instead|not|but|rather|changed|now|then)\b|[=-]>|→|⇒", re.IGNORECASE)
_CLAUSE = re.compile(r"[,;.(|\n]|\b(?:because|since|as)\b| - ")
_STEM = 5  # characters that two forms of a word share


def words(text: str) -> list[str]:
    """Return the words of a text in lower case."""
    return _WORD.findall(text.casefold())


def chosen(text: str) -> re.Match[str] | None:
    """Return the match where a sentence about an id says that something was chosen."""
    return CHOSE.search(text) or _DID.search(text)


def content(text: str) -> list[str]:
    """Return the words that can state a choice."""
    return [word for word in words(text) if word not in PLAIN and word not in _LABELS]


def denies(value: str, entry: Default | None) -> bool:
    """Return whether an id's value only says that its decision point was not reached."""
    value = re.sub(r"\bn\.\s?a\.?", "n/a", value, flags=re.IGNORECASE)
    clause = _CLAUSE.split(value, maxsplit=1)[0]
    if not _NONE.search(clause):
        return False
    about = set() if entry is None else {word[:_STEM] for word in words(entry.subject)}
    if not all(
        word in _DENIAL or word.removesuffix("n't") in _DENIAL or word[:_STEM] in about
        for word in words(clause)
    ):
        return False
    # Where the default itself is to do nothing, `skipped` and `no dependency` are the choice.
    if entry and _NONE.search(entry.choice) and not _MET.search(clause):
        return False
    rest = value[len(clause) :]
    if _BARE.issuperset(words(clause)) and content(rest):
        return False
    if _MET.search(clause):  # the cells behind it say why
        rest = rest.replace("|", " ")
    return not (chosen(rest) or _THEN.search(rest))


def same(value: str, recorded: str, default: str) -> bool:
    """Return whether most words of a value that can state a choice are in `recorded`, or its `default` is in the value."""
    folded, before = " ".join(words(value)), " ".join(words(default))
    if before and before in folded:
        return not _OTHERWISE.search(value)
    known = {word[:_STEM] for word in words(recorded)}
    clause = _CLAUSE.split(value.lstrip(" ,;.(|-"), maxsplit=1)[0]
    choice_words = content(clause) or content(value)
    return 2 * sum(word[:_STEM] in known for word in choice_words) >= len(choice_words)
