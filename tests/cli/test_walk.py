"""A page of the review with hostile texts: what reaches the terminal is what one can see."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from correctless.cli.display import walk
from correctless.decisions.decision import Decision
from correctless.review import summary
from correctless.review.changes import DiffLine, FileDiff, Hunk
from correctless.review.pages import Page
from correctless.review.summary import Item
from hostile_texts import TEXTS

COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def shown(text: str, *, plain: bool, width: int = 80) -> str:
    """What a page writes whose every field is this text."""
    pen = walk.Pen(width, plain=plain)
    out = io.StringIO()
    pen._console = Console(
        file=out, width=width, highlight=False, markup=False, emoji=False, force_terminal=not plain
    )
    decision = Decision(
        text, text, text, text, "2026-11-30T07:00:00.000Z", True, text, "r", text, 1, extra={"kept": text}
    )
    details = tuple(summary.details(Item(decision, 1, open=True, branch=text, rejected=text), "r"))
    diff = FileDiff(text, 1, 0, (Hunk(1, 1, text, (DiffLine("+", None, 1, text.split("\n")[0]),)),), 1)
    page = Page("k", text, f"{text} {text}", details, (diff,), (diff,), text, text, (text,), 1.0, 0.0)
    walk._show(page, 1, 1, None, pen)
    return out.getvalue()


@pytest.mark.parametrize("plain", [True, False], ids=["plain", "with colours"])
@pytest.mark.parametrize("name", TEXTS)
def test_a_hostile_text_is_shown_as_text_on_a_page(name: str, plain: bool) -> None:
    out = shown(TEXTS[name][:20_000], plain=plain)
    bare = out if plain else COLOURS.sub("", out)
    assert bare.replace("\n", "").isprintable(), [c for c in bare if not c.isprintable() and c != "\n"][:3]
    assert "1 of 1: " in bare
