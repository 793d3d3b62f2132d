"""Faults of a configuration, in the words of its YAML file and with the way to write it."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

# pydantic's words for what a user of YAML writes.
_TERMS = {
    "Input should be a valid dictionary": "must be keys and values",
    "Input should be a valid boolean": "must be true or false",
    "Input should be a valid": "must be a",
    "Input should be": "must be",
}
_PYDANTIC = re.compile("|".join(_TERMS))
_PLAIN = re.compile(r"-{0,2}[A-Za-z./][\w./=+-]*\Z")
_EMPTY = "must not be empty"
_RESERVED = {"true", "false", "yes", "no", "on", "off", "null", "y", "n"}  # by some version of YAML


def describe(errors: Iterable[Mapping[str, Any]], keys: Callable[[Sequence[Any]], Sequence[str]]) -> str:
    """Return all errors of a pydantic validation in one line; `keys` are those known at a place."""
    faults: dict[str, list[str]] = {}
    for error in errors:
        # The kinds of a union are no part of a place: literal['gh','skip'], tuple[str, ...].
        path = [part for part in error["loc"] if "[" not in str(part)]
        faults.setdefault(".".join(map(str, path)), []).append(_fault(error, path, keys))
    return "; ".join(f"'{place}' {', or '.join(dict.fromkeys(faults[place]))}" for place in _shown(faults))


def _shown(faults: Mapping[str, Sequence[str]]) -> Iterator[str]:
    for place in faults:
        below = any(other.startswith(f"{place}.") for other in faults)
        if not (below and faults[place] == [_EMPTY]):  # empty only because its one item is at fault
            yield place


def _fault(
    error: Mapping[str, Any], path: Sequence[Any], keys: Callable[[Sequence[Any]], Sequence[str]]
) -> str:
    kind, given = error["type"], error["input"]
    if kind == "extra_forbidden":
        near = difflib.get_close_matches(str(path[-1]), keys(path[:-1]), n=1)
        return f"is not a key{f'. did you mean {near[0]}' if near else ''}"
    if kind == "tuple_type":
        words = ", ".join(map(_yaml_word, given.split())) if isinstance(given, str) else "WORD, WORD"
        return f"must be a list. write: [{words}]"
    if kind == "too_short":
        return _EMPTY
    if kind == "model_type" and path and path[-2:-1] == ["steps"]:
        return f"must be keys and values. write: skill: {given if isinstance(given, str) else 'NAME'}"
    if kind == "value_error":
        return str(error["ctx"]["error"])
    if kind == "string_pattern_mismatch":
        return "must begin with / or ~/"
    what = _PYDANTIC.sub(lambda found: _TERMS[found[0]], error["msg"]).partition(" or instance of ")[0]
    return what[:1].lower() + what[1:]


def _yaml_word(word: str) -> str:
    return word if _PLAIN.match(word) and word.lower() not in _RESERVED else json.dumps(word)
