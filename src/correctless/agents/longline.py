"""A JSON object on one long line in, in pieces; the object, and the text of its member `result` in a spool of its own, out.

That text may be of any length and is never held. The rest of the object is, and a line whose rest is long is unreadable.
"""

from __future__ import annotations

import codecs
import io
import json
import re
from collections.abc import Callable
from typing import Any

from correctless.agents.spool import Spool
from correctless.record import RecordError, strict_json

KEY = "result"
_MOST = 64 << 20  # bytes of a line
_REST = 4 << 20  # characters of it that are no text of a `result`
_KEY = 80  # characters of a key, however it is spelled

_MARK = re.compile(r'["{}\[\]:,]')
_STRING = re.compile(r'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)
# An escape that is not whole is left for when more of it has come.
_TEXT = re.compile(r'[^"\\]*+(?:\\(?:u[0-9a-fA-F]{4}|[^u])[^"\\]*+)*+', re.DOTALL)
_ESCAPE = 6  # characters of the longest


class LongLine:
    """`add` all of a line, then ask for its `event`. `spool` makes the place for a text."""

    def __init__(self, spool: Callable[[], Spool]) -> None:
        self._spool = spool
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self.size = 0
        self._readable = True
        self._rest = ""  # not understood yet
        self._kept = io.StringIO()
        self._room = _REST
        self._inside: str = ""  # "string" or "text", of a `result`; "" between them
        self._depth = 0
        self._value = False  # behind a colon of the outermost object
        self._key = ""  # the last key there, as far as it is held, as it is spelled
        self.answer: Spool | None = None  # the text of its last `result`

    def add(self, data: bytes) -> None:
        self.size += len(data)
        if not self._readable:
            return
        try:
            self._scan(self._rest + self._decoder.decode(data))
        except (ValueError, RecordError):  # no UTF-8, no JSON, or too much
            self._readable = False
        if not self._readable or self.size > _MOST:
            self._readable = False
            self._kept, self._rest = io.StringIO(), ""
            self._forget()

    def event(self) -> dict[str, Any] | None:
        """The object, its `result` the beginning of the text; None when it is none, or too long."""
        event = None
        if self._readable and not self._inside and not self._decoder.getstate()[0]:
            try:
                event = strict_json(self._kept.getvalue() + self._rest, max_size=None)
            except RecordError:
                event = None
        if not isinstance(event, dict):
            self._forget()
            return None
        if self.answer is not None:
            event[KEY] = self.answer.head
        return event

    def _scan(self, text: str) -> None:
        at = 0
        while at < len(text):
            before = at
            at = self._text(text, at) if self._inside == "text" else self._other(text, at)
            if at == before:
                break
        self._rest = text[at:]

    def _text(self, text: str, at: int) -> int:
        run = _TEXT.match(text, at)
        end = run.end() if run else at
        assert self.answer is not None
        # json itself says what each escape means, and refuses a control character.
        self.answer.add(json.loads(f'"{text[at:end]}"'))
        if text[end : end + 1] == '"':
            self._inside = ""
            self.answer.finish()
            return self._keep(text, end, end + 1)
        if end < len(text) and len(text) - end >= _ESCAPE:
            raise RecordError("an escape that is none")
        return end

    def _other(self, text: str, at: int) -> int:
        if self._inside:
            run = _STRING.match(text, at)
            end = run.end() if run else at
            if self._depth == 1 and not self._value:
                self._key += text[at : min(end, at + _KEY)]
            if text[end : end + 1] == '"':
                self._inside = ""
                end += 1
            return self._keep(text, at, end)
        mark = _MARK.search(text, at)
        if mark is None:
            return self._keep(text, at, len(text))
        match mark[0]:
            case "{" | "[":
                self._depth += 1
            case "}" | "]":
                self._depth -= 1
            case ":" if self._depth == 1:
                self._value = True
                if self._is_result():
                    self._forget()  # of two members with one key the last counts
            case "," if self._depth == 1:
                self._value = False
            case '"':
                self._open()
        return self._keep(text, at, mark.end())

    def _open(self) -> None:
        self._inside = "string"
        if self._depth == 1 and not self._value:
            self._key = ""
        elif self._depth == 1 and self._is_result():
            self._inside = "text"
            self._forget()
            self.answer = self._spool()

    def _is_result(self) -> bool:
        try:
            return len(self._key) <= _KEY and json.loads(f'"{self._key}"') == KEY
        except ValueError:
            return False

    def _forget(self) -> None:
        if self.answer is not None:
            self.answer.close()
        self.answer = None

    def _keep(self, text: str, start: int, end: int) -> int:
        self._room -= end - start
        if self._room < 0:
            raise RecordError(f"over {_REST} characters beside its text")
        self._kept.write(text[start:end])
        return end
