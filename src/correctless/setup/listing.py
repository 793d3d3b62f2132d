"""Names and texts of a repository's files, read without following a link or waiting for a pipe."""

from __future__ import annotations

import json
import os
import stat
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from correctless.base import below
from correctless.base.text import hidden

_MOST_BYTES = 1 << 20
_MOST_NAMES = 5000  # of one folder
_MOST_FOLDERS = 500
# Folders whose projects are not the repository's own: examples, copies, results.
_OTHERS = frozenset(
    {
        *(
            "build",
            "demo",
            "demos",
            "dist",
            "doc",
            "docs",
            "example",
            "examples",
            "fixtures",
            "node_modules",
            "out",
        ),
        *("samples", "target", "test", "testdata", "tests", "third_party", "vendor", "venv"),
    }
)


@dataclass(frozen=True, slots=True)
class Listing:
    """The plain files and real folders below `top`; everything else is as if it were missing."""

    top: str

    def files(self, folder: str = "") -> tuple[str, ...]:
        """Return the names of the plain files in a folder, sorted."""
        return tuple(name for name, mode in self._entries(folder) if stat.S_ISREG(mode))

    def folders(self, folder: str = "") -> tuple[str, ...]:
        """Return the names of the folders in a folder, sorted."""
        return tuple(name for name, mode in self._entries(folder) if stat.S_ISDIR(mode))

    def own_folders(self, depth: int) -> Iterator[str]:
        """Yield each folder of the repository's own down to `depth`, the upper ones first."""
        level, seen = [""], 0
        for _ in range(depth):
            level = [
                f"{above}/{name}".lstrip("/")
                for above in level
                for name in self.folders(above)
                if name[0] not in "._" and name.lower() not in _OTHERS
            ]
            for folder in level:
                seen += 1
                if seen > _MOST_FOLDERS:
                    return
                yield folder

    def text(self, path: str) -> str:
        """Return the text of a plain UTF-8 file of at most 1 MiB; "" for anything else."""
        with suppress(OSError, UnicodeDecodeError, ValueError):
            data = below.read(os.path.join(self.top, path), _MOST_BYTES + 1, root=self.top)
            return data.decode() if len(data) <= _MOST_BYTES else ""
        return ""

    def toml(self, path: str) -> Mapping[str, Any]:
        """Return the values of a TOML file; none of an invalid one."""
        with suppress(tomllib.TOMLDecodeError, RecursionError):
            return tomllib.loads(self.text(path))
        return {}

    def json(self, path: str) -> Mapping[str, Any]:
        """Return the values of a JSON file that is an object; none of any other."""
        with suppress(ValueError, RecursionError):
            values = json.loads(self.text(path) or "null")
            return values if isinstance(values, dict) else {}
        return {}

    def _entries(self, folder: str) -> Iterator[tuple[str, int]]:
        found: list[tuple[str, int]] = []
        with (
            suppress(OSError, ValueError),
            below.folder_of(self.top, os.path.join(self.top, folder, "any")) as (fd, _),
            os.scandir(fd) as listing,
        ):
            for _, entry in zip(range(_MOST_NAMES), listing, strict=False):
                # A name that cannot be shown is not one to write into a command.
                if hidden(entry.name) is None and "\n" not in entry.name:
                    with suppress(OSError):
                        found.append((entry.name, entry.stat(follow_symlinks=False).st_mode))
        yield from sorted(found)


def value(values: Mapping[str, Any], *keys: str) -> Any:
    """Return the value below keys of nested tables; None where one is missing or not a table."""
    current: Any = values
    for key in keys:
        current = current.get(key) if isinstance(current, dict) else None
    return current
