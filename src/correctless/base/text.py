"""A text in; whether a reader sees all of it as it is out."""

from __future__ import annotations

# Printable by Unicode's categories, and still nothing to see: fillers, joiners, variation selectors.
_INVISIBLE = frozenset(
    map(
        chr,
        (
            0x34F,
            0x115F,
            0x1160,
            0x17B4,
            0x17B5,
            *range(0x180B, 0x1810),
            *range(0xFE00, 0xFE10),
            0x2800,
            0x3164,
            0xFFA0,
            *range(0xE0100, 0xE01F0),
        ),
    )
)


def hidden(text: str) -> str | None:
    """The first character that a reader can't see, or that reorders or splits what they see; None without one."""
    if text.isascii() and text.isprintable():
        return None
    return next((c for c in text if c != "\n" and (not c.isprintable() or c in _INVISIBLE)), None)


def shown(text: str) -> str:
    """The beginning of a text from outside, with nothing in it that a terminal would obey."""
    return "".join(c if c.isprintable() else "?" for c in text)[:100]
