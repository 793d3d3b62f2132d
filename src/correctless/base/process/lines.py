"""Lines of a program's output, put together from pieces as they arrive."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

Stream = Literal["out", "err"]

LONG = 8 << 20  # bytes of a line that are buffered: a longer one comes in pieces


@dataclass(frozen=True, slots=True)
class OutputLine:
    """One line of output without its newline, or a piece of a long one; each but the `last` has the full length."""

    stream: Stream
    data: bytes
    first: bool = True
    last: bool = True


def split(chunks: Iterable[bytes]) -> Iterator[OutputLine]:
    """Yield the lines of a recorded output, as `Process.lines` would."""
    partial = Partial("out", LONG)
    for data in chunks:
        yield from partial.feed(data)
    if partial.begun:
        yield partial.take(last=True)


class Partial:
    """The line of one stream that has not ended yet."""

    def __init__(self, stream: Stream, long: int) -> None:
        self._stream: Stream = stream
        self._long = long
        self._data = bytearray()
        self._first = True
        self.begun = False

    def feed(self, data: bytes) -> Iterator[OutputLine]:
        """Yield the lines, or parts of lines, that are complete with this piece."""
        *whole, rest = data.split(b"\n")
        for piece in whole:
            yield from self._keep(piece)
            yield self.take(last=True)
        if rest:
            yield from self._keep(rest)

    def take(self, *, last: bool) -> OutputLine:
        """Return what was collected as a line, or a part of one."""
        line = OutputLine(self._stream, bytes(self._data), self._first, last)
        self._data, self._first, self.begun = bytearray(), last, not last
        return line

    def _keep(self, piece: bytes) -> Iterator[OutputLine]:
        self.begun = True
        while len(self._data) + len(piece) > self._long:
            room = self._long - len(self._data)
            self._data += piece[:room]
            piece = piece[room:]
            yield self.take(last=False)
        self._data += piece
