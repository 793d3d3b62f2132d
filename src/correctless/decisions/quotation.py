"""Test of whether a sentence only names the attempt's nonce or opens a block.

In doubt it is a block: an unneeded entry costs you a minute, and a lost decision cannot be restored.
"""

from __future__ import annotations

import re

from correctless.decisions import objects, words

_LONGEST = 400  # characters of a sentence
_STOP = re.compile(r"[.!?][)\"'`*]*(?=\s)")
_BEGIN = re.compile(r"[\s>\-*+]*")
_WORD = re.compile(r"\w+(?:'\w+)?")
_OTHER = re.compile(r"[^\w\s.,;:!?'\"`*()_-]")
_MARKER = re.compile(r"AUTONOMOUS_DECISIONS_(?:START|END)")


def quotes(plain: str, line: int, start: int, end: int, nonce: str) -> bool:
    """Return whether the nonce from `start` to `end` is only named in a sentence.

    `line` is where its line begins. The sentence ends with its stop, a block of the same nonce, or the answer,
    over lines and blank lines: what follows a heading or a colon is content.
    """
    begin = max([line, *(stop.end() for stop in _STOP.finditer(plain, max(line, start - _LONGEST), start))])
    window = end + _LONGEST
    block = re.compile(rf"^[\s>*+-]*AUTONOMOUS_DECISIONS_START {nonce}\s*$", re.MULTILINE).search(
        plain, end, window
    )
    limit = block.start() if block else min(len(plain), window + 1)
    ended = _STOP.search(plain, end, limit)
    stop = ended.end() if ended else limit
    if start - begin > _LONGEST or stop > window:
        return False
    sentence = _MARKER.sub(" ", plain[begin:start] + " " + plain[end:stop])
    sentence = re.sub(rf"\b{nonce}\b|^[ \t>]*(?:```|~~~)[a-z]*$", " ", sentence, flags=re.MULTILINE)
    sentence_words = _WORD.findall(sentence.lower())
    before_block = block is not None and not ended  # it leads to the block itself
    if not sentence_words:
        return before_block and plain[begin:start].rstrip().endswith("_START")
    return (
        (before_block or (len(sentence_words) > 1 and not words.VERBS.isdisjoint(sentence_words)))
        and words.PLAIN.issuperset(sentence_words)
        and not _OTHER.search(sentence, objects.match_end(_BEGIN, sentence, 0, len(sentence)))
    )
