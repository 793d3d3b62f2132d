"""Line and column of each key and value of a valid TOML text, which tomllib does not give."""

from __future__ import annotations

import re
from collections.abc import Mapping

from correctless.base.lazy_re import lazily
from correctless.base.values import frozen

Path = tuple[str | int, ...]
_TABLE = lazily(r"[ \t]*(\[{1,2})([^\]]+)\]{1,2}")
_KEY = lazily(
    r"""[ \t]*((?:[A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*')(?:[ \t]*\.[ \t]*(?:[A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*'))*)[ \t]*=[ \t]*"""
)
_PART = lazily(r"""[A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*'""")
# Brackets and number signs inside of a string have no meaning.
_STRING = lazily(r'"""(?:[^\\]|\\.)*?"""|\'\'\'.*?\'\'\'|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'', re.DOTALL)


@frozen
class Places:
    """Positions of keys, values and table headers; lines count from 1 at the start of the TOML."""

    keys: Mapping[Path, tuple[int, int]]
    values: Mapping[Path, tuple[int, int]]

    def of(self, path: Path, *, key: bool = False) -> tuple[int, int]:
        """Return the place of the value at `path`, or of its key, else of the nearest parent."""
        table = self.keys if key else self.values
        for end in range(len(path), -1, -1):
            for places in (table, self.values, self.keys):
                if path[:end] in places:
                    return places[path[:end]]
        return (1, 1)


def places(toml: str) -> Places:
    """Return the positions of all keys and values of a valid TOML text, from 1."""
    keys: dict[Path, tuple[int, int]] = {(): (1, 1)}
    values: dict[Path, tuple[int, int]] = {(): (1, 1)}
    counts: dict[Path, int] = {}
    table: Path = ()
    at, line = 0, 1
    while at < len(toml):
        end = toml.find("\n", at)
        end = len(toml) if end < 0 else end
        if header := _TABLE.match(toml, at, end):
            table = _resolved(
                tuple(p.strip("\"'") for p in _PART.findall(header[2])), counts, array=len(header[1]) == 2
            )
            keys[table] = values[table] = (line, header.start(1) - at + 1)
        elif key := _KEY.match(toml, at, end):
            path = (*table, *(p.strip("\"'") for p in _PART.findall(key[1])))
            keys.setdefault(path, (line, key.start(1) - at + 1))
            values.setdefault(path, (line, key.end() - at + 1))
            stop = _behind(toml, key.end())
            line += toml.count("\n", at, stop)
            at = toml.find("\n", stop)
            if at < 0:
                break
            at, line = at + 1, line + 1
            continue
        at, line = end + 1, line + 1
    return Places(keys, values)


def _resolved(names: tuple[str, ...], counts: dict[Path, int], *, array: bool) -> Path:
    """Return the path of a header: `bar.review` below the second `[[bar]]` is bar, 1, review, and its own number."""
    path: Path = ()
    for name in names[:-1]:
        path = (*path, name)
        if path in counts:
            path = (*path, counts[path])
    path = (*path, *names[-1:])
    if array:
        counts[path] = counts.get(path, -1) + 1
        path = (*path, counts[path])
    return path


def _behind(toml: str, at: int) -> int:
    """Return the end of the value that begins at `at`, which may take several lines."""
    depth = 0
    while at < len(toml):
        char = toml[at]
        if char in "\"'" and (string := _STRING.match(toml, at)):
            at = string.end()
            continue
        if char == "#":
            stop = toml.find("\n", at)
            at = len(toml) if stop < 0 else stop
            continue
        if char in "[{":
            depth += 1
        elif char in "]}":
            depth -= 1
        elif char == "\n" and depth <= 0:
            return at
        at += 1
    return at
