"""The file of an attempt's answer in; its text once, in pieces where it is too long to be held, and its hash out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from correctless import block

_PIECE = 1 << 16


class AnswerFile:
    """Read once: whoever took it for the answer asks for `sha256` afterwards, and forgets it when that is another."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._sha256 = hashlib.sha256()

    def text(self) -> str | Iterator[str]:
        """All of it, in pieces if it is long; `UnicodeDecodeError` where it is no text of ours, nothing where it is gone."""
        held: list[str] = []
        size = 0
        pieces = self._pieces()
        for piece in pieces:
            held.append(piece)
            size += len(piece)
            if size > block.MOST:
                return _chain(held, pieces)
        return "".join(held)

    def sha256(self) -> str:
        """Of what was read so far."""
        return self._sha256.hexdigest()

    def _pieces(self) -> Iterator[str]:
        try:
            file = open(self._path, "rb")  # noqa: SIM115 two lines below
        except OSError:
            return  # the hash tells
        with file:
            rest = b""
            while data := file.read(_PIECE):
                self._sha256.update(data)
                data = rest + data
                end = _end(data)
                rest = data[end:]
                yield data[:end].decode("utf-8", "surrogatepass")
            yield rest.decode("utf-8", "surrogatepass")


def _chain(held: list[str], more: Iterator[str]) -> Iterator[str]:
    while held:
        yield held.pop(0)
    yield from more


def _end(data: bytes) -> int:
    """Where the last character begins, if more of it may come; an incremental decoder gives up half of a surrogate."""
    for back in range(1, min(4, len(data)) + 1):
        if data[-back] >= 0xC0:
            return len(data) - back
        if data[-back] < 0x80:
            break
    return len(data)
