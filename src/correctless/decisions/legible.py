"""Text in one spelling, without entities, escapes, colours or invisible signs.

The result is only searched, never recorded: the text is recorded as it was written.
"""

from __future__ import annotations

import html
import re
import unicodedata

# The same in each Python: later releases of Unicode have more characters with a plain form.
_UNICODE = unicodedata.ucd_3_2_0
_ALIKE = dict(
    zip(
        map(ord, "АВЕЅІЈКМНОРСТУХаеѕіјорсухԁΑΒΕΖΗΙΚΜΝΟΡΤΥΧο“”„«»‘’‚‐‑‒–—―−"),
        map(ord, 'ABESIJKMHOPCTYXaesijopcyxdABEZHIKMNOPTYXo"""""\'\'\'-------'),
        strict=True,
    )
)
_COLOUR = re.compile(r"\x1b\[[0-9;?]{0,40}[@-~]")
_UNSEEN = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\x00-\x08\x0e-\x1f]")
_LINE_END = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]|(?<!\\\\)\\\\+[nr](?![a-z])")
_CODE = re.compile(r"(?<!\\)\\+u([0-9a-fA-F]{4})")
_PERCENT = re.compile(r"%([2-7][0-9A-Fa-f])")
_ESCAPE = re.compile(r"(?<!\\)\\+(?=[^0-9A-Za-z\s])")


class PlainCharacters(dict[int, int]):
    """Table that maps each character to its plain one.

    A full-width letter becomes that letter; all other characters are unchanged.
    """

    def __missing__(self, char: int) -> int:
        plain = _ALIKE.get(char, char)
        if plain == char and char > 0x7F:
            typed = _UNICODE.normalize("NFKC", chr(char))
            digit = _UNICODE.decimal(chr(char), None)
            plain = (
                ord(typed) if len(typed) == 1 and typed.isascii() else char if digit is None else 48 + digit
            )
        self[char] = plain
        return plain


def legible(text: str) -> str:
    """Return text in plain characters, without what a terminal, a page or a JSON string would not show."""
    for _ in range(2):  # what was escaped once more
        if "&" in text:
            text = html.unescape(text)
    if "%" in text:
        text = _PERCENT.sub(lambda code: chr(int(code[1], 16)), text)
    text = _COLOUR.sub("", text)
    if "\\" in text:
        text = _CODE.sub(lambda code: chr(int(code[1], 16)), text)
        text = _ESCAPE.sub("", _LINE_END.sub("\n", text))
    text = _UNSEEN.sub("", _LINE_END.sub("\n", text))
    return text if text.isascii() else text.translate(PlainCharacters())
