"""An answer in pieces of text in; the file it fills, its hash, and how it begins out, whatever its size in flat memory."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import tempfile
from collections.abc import Iterator
from typing import IO

from correctless.agents import Answer
from correctless.base.files import replace_file

HEAD = 800  # characters of the beginning that are held
_HELD = 1 << 20  # bytes of it in memory; a longer one lies in a file without a name
_PIECE = 1 << 16


class Spool:
    """Filled while the agent lives, out of its reach; put into a file by `store` when it has ended."""

    def __init__(self, answer: str) -> None:
        """`answer` is the path `store` writes to: what is too long for memory waits in its folder."""
        self._path = answer
        self._file: IO[bytes] = io.BytesIO()
        self._held = True
        self._sha256 = hashlib.sha256()
        self._size = 0
        self._half = ""
        self._stored: Answer | None = None
        self.head = ""
        self.blank = True  # as far as it was heard: nothing but white space

    def add(self, text: str) -> None:
        if self._half and text:
            # Half of a pair at the end of one piece and half at the beginning of the next are one character.
            pair = self._half + text[:1]
            text = pair.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass") + text[1:]
        elif self._half:
            return
        self._half = text[-1:] if "\ud800" <= text[-1:] <= "\udbff" else ""
        self._write(text.removesuffix(self._half))

    def finish(self) -> None:
        """Nothing more comes: half of a pair stays one."""
        self._write(self._half)
        self._half = ""

    def store(self) -> Answer:
        """The whole answer in its file, durable."""
        if self._stored is not None:
            return self._stored
        self.finish()
        self._file.seek(0)
        replace_file(self._path, self._pieces(), mode=0o600)
        self.close()
        self._stored = Answer(self._path, self._sha256.hexdigest(), self._size)
        return self._stored

    def close(self) -> None:
        self._file.close()

    def _write(self, text: str) -> None:
        data = text.encode("utf-8", "surrogatepass")
        if self._held and self._size + len(data) > _HELD:
            self._move()
        self._file.write(data)
        self._sha256.update(data)
        self._size += len(data)
        self.head += text[: HEAD - len(self.head)]
        self.blank = self.blank and not text.strip()

    def _move(self) -> None:
        held = self._file
        self._file = tempfile.TemporaryFile(dir=os.path.dirname(self._path))  # noqa: SIM115 `close` is its end
        self._held = False
        held.seek(0)
        shutil.copyfileobj(held, self._file)

    def _pieces(self) -> Iterator[bytes]:
        while piece := self._file.read(_PIECE):
            yield piece
