"""A file has no character that you can't see but a model can read.

Tag characters (U+E0000 to U+E007F) spell whole sentences that no editor shows, and Claude Code passes them to the model. With
bidirectional overrides a line is shown in another order than it is read. Both are errors. Other invisible characters (zero width
spaces, marks of direction without a text that needs them, runs of variation selectors) are a warning: they break searches, and
can hide a message too. Characters that a script or an emoji needs are no finding.

Wrong:

```markdown
---
name: my-skill
---

There is a zero width space before \u200bthis word.
```

Right:

```markdown
---
name: my-skill
---

Sort the papers 👩‍🔬 ✈️ می‌خواهم.
```

Fix: `--fix` deletes them, but not in front of a code fence, which would then become one. Read the message first: it spells out
the text of tag characters.

Source: Unicode 16, sections 23.2 and 23.9; tag characters, U+202E and U+200B in a text that Claude Code 2.1.329 sent to a model, run on
2026-11-25.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from correctless.lint.subject.subject import JSON, MARKDOWN, Subject
from correctless.syntax.finding import Edit, Finding

ID = "hidden-character"
SEVERITY = "error"
READS = (*JSON, *MARKDOWN)

_ASCII = bytes(range(128))
_MOST = 1000  # edits of one fix

_SELECTORS = "\ufe00-\ufe0f\U000e0100-\U000e01ef"
_TAGS = "\U000e0000-\U000e007f"
_OTHERS = (
    "\xad\u034f\u061c\u115f\u1160\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb"
)
# One variation selector belongs to the sign before it. Text, not compiled: `re` compiles it on first use.
_HIDDEN = f"[{_TAGS}]+|[{_OTHERS}]|[{_SELECTORS}]{{2,}}"
_RTL = "[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]"
# The flags of England, Scotland and Wales.
_FLAGS = {"gbeng\x7f", "gbsct\x7f", "gbwls\x7f"}

_JOINERS = "\u200c\u200d"
_DIRECTIONS = "\u061c\u200e\u200f\u202a\u202b\u202c\u2066\u2067\u2068\u2069"
_OVERRIDES = "\u202d\u202e"
_NAMES = {
    "\xad": "soft hyphen",
    "\u200b": "zero width space",
    "\u200c": "zero width non-joiner",
    "\u200d": "zero width joiner",
    "\u202d": "left-to-right override",
    "\u202e": "right-to-left override",
    "\u2060": "word joiner",
    "\ufeff": "byte order mark",
}


def check(subject: Subject) -> Iterator[Finding]:
    """Report hidden characters."""
    text = subject.text
    if text.isascii():
        return
    # Most of a text is ASCII, and a search in what is left takes a tenth of the time.
    rest = text.encode(errors="replace").translate(None, _ASCII).decode()
    if re.search(_HIDDEN, rest) is None:
        return
    spans: dict[str, list[tuple[int, int]]] = {}
    lines = _Lines(text)
    for match in re.finditer(_HIDDEN, text):
        char = match[0][0]
        if _is_tag(char):
            if text[match.start() - 1 : match.start()] != "\U0001f3f4" or _decoded(match[0]) not in _FLAGS:
                spans.setdefault("tags", []).append(match.span())
        elif len(match[0]) > 1:
            spans.setdefault("selectors", []).append((match.start() + 1, match.end()))
        elif not _belongs(text, match.start(), lines):
            spans.setdefault(char, []).append(match.span())
    for kind, places in spans.items():
        yield _finding(subject, kind, places)


def _finding(subject: Subject, kind: str, places: list[tuple[int, int]]) -> Finding:
    text = subject.text
    # You should look at a file with more than that; and text behind a hidden character may become a code fence.
    plain = len(places) <= _MOST and not any(text.startswith(("```", "~~~"), end) for _, end in places)
    fix = tuple(Edit(start, end, "") for start, end in places) if plain else ()
    count = sum(end - start for start, end in places)
    if kind == "tags":
        decoded = "".join(_decoded(text[start:end]) for start, end in places)
        message = f"{_counted(count, 'tag character')}, invisible to humans, that a model reads as '{decoded[:60]}'. delete"
        return subject.at(places[0], message, fix=fix)
    if kind == "selectors":
        message = f"{_counted(count, 'variation selector')} in a row, invisible. delete"
        return subject.at(places[0], message, "warning", fix)
    name = _NAMES.get(kind) or ("mark of direction" if kind in _DIRECTIONS else "")
    name = f"U+{ord(kind):04X} ({name})" if name else f"U+{ord(kind):04X}"
    if kind in _OVERRIDES:
        message = f"{_counted(count, f'character {name}', f'characters {name}')}: what is read is not what is shown. delete"
        return subject.at(places[0], message, fix=fix)
    message = f"{_counted(count, f'character {name}', f'characters {name}')}, invisible. delete"
    return subject.at(places[0], message, "warning", fix)


def _counted(count: int, one: str, many: str = "") -> str:
    return f"1 {one}" if count == 1 else f"{count} {many or f'{one}s'}"


def _is_tag(char: str) -> bool:
    return "\U000e0000" <= char <= "\U000e007f"


def _decoded(tags: str) -> str:
    return "".join(chr(ord(tag) - 0xE0000) for tag in tags)


def _belongs(text: str, at: int, lines: _Lines) -> bool:
    """Return whether the script around an invisible character needs it."""
    char = text[at]
    before, after = text[at - 1 : at], text[at + 1 : at + 2]
    if char in _JOINERS:
        # Between letters of a script that joins them, and between emoji; not in a run of invisible characters.
        return (
            before >= "\u0590" and not re.match(_HIDDEN, before) and (before < "\u2000" or after > "\u2000")
        )
    if char == "\u200b":  # scripts without blanks between words
        return "\u0e00" <= before < "\u1b00" or "\u0e00" <= after < "\u1b00"
    return char in _DIRECTIONS and lines.need_direction(at)


class _Lines:
    """Lines of a text, to be queried in order."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._end = -1  # of the last queried line
        self._answer = False

    def need_direction(self, at: int) -> bool:
        """Return whether the line of an offset has right-to-left text and no override."""
        if at > self._end:
            end = self._text.find("\n", at)
            start = self._text.rfind("\n", max(self._end, 0), at) + 1
            self._end = len(self._text) if end < 0 else end
            line = self._text[start : self._end]
            self._answer = re.search(_RTL, line) is not None and not any(each in line for each in _OVERRIDES)
        return self._answer
