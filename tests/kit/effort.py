"""How much is tried: all of it where the campaigns run, a hundred examples where somebody waits."""

from __future__ import annotations

campaigns = True  # conftest says otherwise when they are not wanted


def examples(thorough: int) -> int:
    """How many examples Hypothesis tries of a test whose campaign has this many."""
    return thorough if campaigns else min(thorough, 100)
