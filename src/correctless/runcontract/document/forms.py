"""Forms of the values of a contract, each with what to write instead of an invalid one."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, TypeAlias

from correctless.base.lazy_re import lazily
from correctless.base.text import hidden
from correctless.base.values import frozen

MANY = 500  # items of one array
CENT = 0.01  # the smallest amount: a budget of less would be used up by nothing
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@frozen
class ValueForm:
    """A form as metadata of a type: `kinds` are compared exactly, so that true is no number."""

    what: str  # the fix: "write ..."
    kinds: tuple[type, ...]
    test: Callable[[Any], bool] = lambda _: True
    pattern: str = ""

    def check(self, value: Any) -> Any:
        """Return the value, or raise `ValueError` with what to write."""
        if type(value) not in self.kinds or not self.test(value):
            raise ValueError(self.what)
        return value

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        # Called by pydantic: this module itself does not import it.
        from pydantic_core import core_schema

        return core_schema.no_info_before_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> Any:
        description = {**handler(schema), "description": self.what}
        return {**description, "pattern": self.pattern} if self.pattern else description


def _matching(pattern: str, what: str) -> ValueForm:
    compiled = lazily(rf"(?:{pattern})\Z", re.ASCII)
    return ValueForm(what, (str,), lambda text: compiled.match(text) is not None, f"^(?:{pattern})$")


def _within(low: float, high: float, what: str, *kinds: type) -> ValueForm:
    # By comparisons alone: they are exact, false for nan, and an int of 400 digits has no float.
    return ValueForm(what, kinds or (int, float), lambda n: low <= n <= high)


def _line(text: str) -> bool:
    return "\n" not in text and _text(text, 1000)


def _text(text: str, longest: int = 8000) -> bool:
    return len(text.strip()) > 0 and len(text) <= longest and hidden(text) is None


def _ascii(text: str) -> bool:
    return 0 < len(text) <= 4096 and text.isascii() and text.isprintable()


def _path(text: str) -> bool:
    parts = text.split("/")
    return _ascii(text) and not text.startswith("/") and not {"", ".", ".."} & set(parts)


Id: TypeAlias = Annotated[
    str, _matching("[A-Za-z][A-Za-z0-9_-]{0,63}", "write ASCII letters, digits, - and _, a letter first")
]
RunId: TypeAlias = Annotated[
    str, _matching("[a-z0-9][a-z0-9-]{0,63}", "write lower-case ASCII letters, digits and -")
]
Line: TypeAlias = Annotated[str, ValueForm("write one line of visible text", (str,), _line)]
Text: TypeAlias = Annotated[str, ValueForm("write visible text", (str,), _text)]
AsciiText: TypeAlias = Annotated[str, ValueForm("write printable ASCII", (str,), _ascii)]
FilePath: TypeAlias = Annotated[
    str, ValueForm("write a path of printable ASCII below the repository", (str,), _path)
]
ReachedPath: TypeAlias = Annotated[
    str,
    ValueForm(
        "write a path that begins with / or ~/", (str,), lambda t: _ascii(t) and t.startswith(("/", "~/"))
    ),
]
Repository: TypeAlias = Annotated[
    str,
    _matching(
        r"(?:[a-z0-9][a-z0-9.-]*/)?[A-Za-z0-9_][A-Za-z0-9_.-]*/[A-Za-z0-9_][A-Za-z0-9_.-]*",
        "write owner/name or host/owner/name",
    ),
]
Branch: TypeAlias = Annotated[
    str, _matching(r"[A-Za-z0-9_][A-Za-z0-9_./-]{0,199}", "write the branch's name in ASCII")
]
Flag: TypeAlias = Annotated[bool, ValueForm("write true or false", (bool,))]
Count: TypeAlias = Annotated[int, _within(1, 10**9, "write a whole number from 1", int)]
Seconds: TypeAlias = Annotated[int, _within(0, 86400, "write whole seconds from 0 to 86400", int)]
Age: TypeAlias = Annotated[int, _within(1, 600, "write whole seconds from 1 to 600", int)]
Number: TypeAlias = Annotated[float, _within(-1e15, 1e15, "write a finite number, at most 1e15")]
Money: TypeAlias = Annotated[float, _within(CENT, 1e9, f"write an amount from {CENT} to 1e9")]
Ratio: TypeAlias = Annotated[float, _within(1e-4, 1e9, "write a ratio from 0.0001 to 1e9")]
Moment: TypeAlias = Annotated[
    datetime,
    ValueForm(
        "write a date and time with its zone, from 2000 to 9998",
        (datetime,),
        lambda at: at.utcoffset() is not None and 2000 <= at.year <= 9998,
    ),
]
Duration: TypeAlias = Annotated[
    str, _matching("[1-9][0-9]{0,5}[smhd]", 'write a number and s, m, h or d, as in "15m"')
]
Pull: TypeAlias = Annotated[
    Any,
    ValueForm(
        'write numbers of pull requests, or ["*"] for any',
        (int, str),
        lambda n: n == "*" if type(n) is str else 1 <= n <= 10**9,
    ),
]
Pattern: TypeAlias = Annotated[
    str,
    _matching(
        r"(?:\*|[a-z][a-z0-9_*-]*(?:\.[a-z0-9_*-]+)*)(?::[!-~]{1,200})?",
        "write a pattern of actions such as deploy.* or git.push:main",
    ),
]
Raise: TypeAlias = Annotated[
    str,
    _matching(
        "agent|authorize|counter:two_failed_(?:fixes|deploys)",
        "write agent, authorize, counter:two_failed_fixes or counter:two_failed_deploys",
    ),
]
Schema: TypeAlias = Annotated[int, _within(1, 1, "write 1", int)]


def seconds(duration: str) -> int:
    """Return the seconds of a `Duration`."""
    return int(duration[:-1]) * _UNITS[duration[-1]]
