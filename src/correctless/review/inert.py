"""Text of a model in Markdown: shown as itself, and nothing more."""

from __future__ import annotations

import re

from correctless.base.text import printable


def inert(text: str) -> str:
    """Return text as one line of Markdown that renders as itself and does nothing.

    It mentions, closes, links and loads nothing.
    """
    # GitHub searches for references after it resolved escapes: a backslash does not stop it, a zero-width break does.
    # `printable` escapes hidden characters of the text itself, so no text contains its own breaks.
    line = _TRIGGER.sub(lambda match: match[0] + _BREAK, printable(" ".join(text.split())))
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    line = _ACTIVE.sub(r"\\\g<0>", line)
    return _LEADING.sub(r"\1\\", line)  # a list, a rule, a heading: only where the text starts a line


_BREAK = "\u200b"
# owner/repo#1, #1 and gh-1 are references; after a closing keyword they close. What follows is matched by lookahead
# only: in #GH-4 it is a reference of its own.
_TRIGGER = re.compile(r"@|:(?=//)|www(?=\.)|(?:mailto|xmpp)(?=:)|#(?=\w)|gh-(?=\d)", re.IGNORECASE)
_ACTIVE = re.compile(r"[\\`*_\[\]|~$]")
_LEADING = re.compile(r"^(\d+(?=[.)])|(?=[-+=#]))")
