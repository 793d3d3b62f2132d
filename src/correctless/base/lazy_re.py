"""A regular expression that is compiled on first use: most runs need few of the many."""

from __future__ import annotations

import re

TYPE_CHECKING = False  # typing costs 2 ms to import
if TYPE_CHECKING:
    from typing import Any

    def lazily(text: str, flags: int = 0) -> re.Pattern[str]: ...

else:

    class lazily:  # noqa: N801 it stands for a call of re.compile
        """`re.compile(text, flags)`, put off until its first method is asked for."""

        def __init__(self, text: str, flags: int = 0) -> None:
            self._given = (text, flags)

        def __getattr__(self, name: str) -> Any:
            compiled = re.compile(*self._given)
            for each in ("search", "match", "fullmatch", "finditer", "findall", "split", "sub"):
                setattr(self, each, getattr(compiled, each))
            return getattr(compiled, name)
