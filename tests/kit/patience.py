"""How long a test waits for what must come: only a hang may end it, on however busy a machine."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE = 300  # seconds


def until(holds: Callable[[], object], what: str = "it never came to be") -> None:
    """Return as soon as something holds."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)
