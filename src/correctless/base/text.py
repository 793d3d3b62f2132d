"""Texts from outside: made safe to show, and checked for invisible characters."""

from __future__ import annotations

# Printable by Unicode's categories, and still nothing to see: fillers, joiners, variation selectors.
_CODES = (0x34F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0)
_INVISIBLE = frozenset(
    map(chr, (*_CODES, *range(0x180B, 0x1810), *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)))
)
_SPACES = {0x9: "    "} | dict.fromkeys((0xA0, 0x1680, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000), " ")


def hidden(text: str) -> str | None:
    """Return the first character that is invisible, or that reorders or splits the visible text; None without one."""
    if text.isascii() and text.isprintable():
        return None
    return next((c for c in text if c != "\n" and (not c.isprintable() or c in _INVISIBLE)), None)


def printable(text: str) -> str:
    """Return a text with line ends, control, bidirectional, invisible and lone surrogate characters written as escapes."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else _escape(ord(c)) for c in text)


def printable_lines(text: str) -> str:
    """Return a text of several lines, each of them printable, with plain spaces for tabs and for spaces of other widths."""
    if text.isprintable():
        return text
    lines = text.replace("\r\n", "\n").replace("\r", "\n").translate(_SPACES).split("\n")
    return "\n".join(map(printable, lines))


def one_line(text: str, most: int = 300) -> str:
    """Return a text as one printable line of at most `most` characters, with one space for each run of white space."""
    line = printable(" ".join(text[: most * 4].split()))
    return line if len(line) <= most else line[: most - 1] + "…"


def duration(seconds: float) -> str:
    """Return a time span as 0.4s, 42s, 12m03s or 1h08m: without a space, so that no table breaks it."""
    if seconds < 10:
        return f"{seconds:.1f}".removesuffix(".0") + "s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:,}h{minutes:02}m" if hours else f"{minutes}m{rest:02}s" if minutes else f"{rest}s"


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return a number with its noun: "1 step", "2 steps"; `plural` is needed where "s" does not make it."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"


def _escape(code: int) -> str:
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
