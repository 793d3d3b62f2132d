"""A regular expression that is compiled on first use: most runs need few of the many."""

from __future__ import annotations

import re

TYPE_CHECKING = False  # typing costs 2 ms to import
if TYPE_CHECKING:
    from typing import Any

    def lazily(text: str, flags: int = 0) -> re.Pattern[str]: ...

else:

    class lazily:  # noqa: N801 it takes the place of a call of re.compile
        """`re.compile(text, flags)`, put off until the first method is used."""

        def __init__(self, text: str, flags: int = 0) -> None:
            self._arguments = (text, flags)

        def __getattr__(self, name: str) -> Any:
            compiled = re.compile(*self._arguments)
            for each in ("search", "match", "fullmatch", "finditer", "findall", "split", "sub"):
                setattr(self, each, getattr(compiled, each))
            return getattr(compiled, name)
