"""Tokens and estimated cost in US dollars of one model message."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# US dollars for a million tokens, input and output, of the dearest model of each family: an estimate should not be low.
_PRICES = {"haiku": (1.0, 5.0), "sonnet": (3.0, 15.0), "opus": (5.0, 25.0)}
_DEAREST = (15.0, 75.0)
_MOST = 10**12  # tokens of one message
CHARS_A_TOKEN = 3  # of output: the stream's own count is taken at the start of a message


class Usage:
    """Usage of one model message.

    The client repeats the message once for each of its content blocks.
    """

    def __init__(self, model: str) -> None:
        self._input, self._output = next((p for name, p in _PRICES.items() if name in model), _DEAREST)
        self._fresh = self._cached = self._stored = self._reported = 0
        self.written = 0  # characters

    def take(self, usage: Mapping[str, Any]) -> None:
        """Take the token counts of one repetition of the message."""
        self._fresh = max(self._fresh, _count(usage.get("input_tokens")))
        self._cached = max(self._cached, _count(usage.get("cache_read_input_tokens")))
        self._stored = max(self._stored, _count(usage.get("cache_creation_input_tokens")))
        self._reported = max(self._reported, _count(usage.get("output_tokens")))

    def _out(self) -> int:
        return max(self._reported, self.written // CHARS_A_TOKEN)

    def tokens(self) -> int:
        """Return all tokens so far, cached ones included."""
        return self._fresh + self._cached + self._stored + self._out()

    def cost(self) -> float:
        """Return the estimated cost in US dollars."""
        read = self._fresh + 0.1 * self._cached + 2.0 * self._stored
        return (read * self._input + self._out() * self._output) / 1e6


def _count(value: Any) -> int:
    # type() and not isinstance: true is not a count. An integer of hundreds of digits is JSON too, and would not be a price.
    return min(value, _MOST) if type(value) is int else 0
