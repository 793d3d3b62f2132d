"""The linter's settings from `correctless.yaml` and what it extends, cached so that YAML is not read twice.

The key `lint` is validated by `config`, which is slow to import; the values are stored under the digest of their file.
"""

from __future__ import annotations

import os

from correctless.base import exits
from correctless.base.exits import Stop
from correctless.base.files import Unreadable, read_plain
from correctless.base.named import NamedTuple
from correctless.lint import cache
from correctless.lint.discover import PROJECT
from correctless.lint.subject.kinds import CLAUDE_CODE
from correctless.skill.find import MAX_FILE

TYPE_CHECKING = False  # typing costs 7 ms to import
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

PATH = f"{PROJECT}/config/correctless.yaml"
_MAX_EXTENDED = 16

Levels = tuple[tuple[str, str], ...]  # rule -> ignore, info, warning or error


class Settings(NamedTuple):
    """Settings of the linter; `overrides` are patterns of paths with levels, of which a later one wins."""

    fail_on: str = "error"
    dialect: str = CLAUDE_CODE
    pedantic: bool = False
    contract: bool | None = None  # whether the skill contract is used; None: in projects with `.correctless`
    projects: tuple[str, ...] = ()  # the folders that have it, absolute
    exclude: tuple[str, ...] = ()
    rules: Levels = ()
    overrides: tuple[tuple[tuple[str, ...], Levels], ...] = ()
    top: str = ""  # what patterns are relative to

    def adopted(self, path: str) -> bool:
        """Return whether the project of a file uses the contract, so that a skill without it is a fault."""
        if self.contract is not None:
            return self.contract
        return bool(self.projects) and os.path.abspath(path).startswith(self.projects)

    def excluded(self, path: str) -> bool:
        """Return whether a path is excluded."""
        return bool(self.exclude) and self._matches(path, self.exclude)

    def levels(self, path: str) -> Levels:
        """Return the level of each rule that has one for this file."""
        levels = dict(self.rules)
        for patterns, changed in self.overrides:
            if self._matches(path, patterns):
                levels.update(changed)
        return tuple(sorted(levels.items()))

    def _matches(self, path: str, patterns: tuple[str, ...]) -> bool:
        from fnmatch import fnmatchcase

        relative = os.path.relpath(path, self.top or ".").replace(os.sep, "/")
        return any(fnmatchcase(relative, pattern) for pattern in patterns)


def load(cwd: str, file: str | None, store: str | None) -> Settings:
    """Return the settings for a working folder, from `file` or the nearest configuration upwards.

    `store` is the folder of the cache, None without one.

    Raises: Stop(3) for an invalid configuration.
    """
    top = project(cwd)
    path = file if file is not None else os.path.join(top, PATH) if top else None
    values: dict[str, Any] = {}
    if path is not None and (file is not None or os.path.lexists(path)):
        values = _lint_values(path, store)
    return Settings(
        fail_on=values.get("fail_on", "error"),
        dialect=values.get("dialect", CLAUDE_CODE),
        pedantic=values.get("pedantic", False),
        contract=values.get("contract"),
        exclude=tuple(values.get("exclude", ())),
        rules=tuple(sorted(values.get("rules", {}).items())),
        overrides=tuple(
            (tuple(each["paths"]), tuple(sorted(each["rules"].items())))
            for each in values.get("overrides", ())
        ),
        top=top or cwd,
    )


def projects(paths: Iterable[str], below: Iterable[str]) -> tuple[str, ...]:
    """Return the projects of files at or below `paths`, as prefixes of paths; `below` are those that a walk found."""
    above = (project(path if os.path.isdir(path) else os.path.dirname(path)) for path in paths)
    folders = {*filter(None, above), *map(os.path.abspath, below)}
    return tuple(sorted(f"{each.rstrip(os.sep)}{os.sep}" for each in folders))


def project(cwd: str) -> str | None:
    """Return the nearest folder upwards that has `.correctless`, not above the repository."""
    folder = os.path.abspath(cwd)
    while True:
        if os.path.isdir(os.path.join(folder, PROJECT)):
            return folder
        above = os.path.dirname(folder)
        if above == folder or os.path.lexists(os.path.join(folder, ".git")):
            return None
        folder = above


def _lint_values(path: str, store: str | None) -> dict[str, Any]:
    """Return the values of `lint` in a file, over those it extends."""
    data = _read(path)
    if b"lint" not in data:
        return {}
    key = cache.digest(data + cache.version()).hex()
    values = cache.load(store, f"settings-{key}") if store else None
    if not isinstance(values, dict):
        values = _validated(data, path)
        if store:
            cache.save(store, f"settings-{key}", values)
    base: dict[str, Any] = {}
    for number, each in enumerate(values["extends"]):
        if number == _MAX_EXTENDED:
            raise Stop(exits.REFUSED, f"{path}: extends more than {_MAX_EXTENDED} files. extend fewer")
        other = os.path.join(os.path.dirname(path), each)
        below = _read(other)
        if b"extends" in below:
            raise Stop(exits.REFUSED, f"{other} is extended and extends others. name them all in {path}")
        base = _merged(base, _lint_values(other, store))
    return _merged(base, values)


def _merged(base: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    merged = {**base, **{key: value for key, value in values.items() if value is not None}}
    merged["rules"] = {**base.get("rules", {}), **values.get("rules", {})}
    for key in ("exclude", "overrides"):
        merged[key] = [*base.get(key, ()), *values.get(key, ())]
    return merged


def _validated(data: bytes, path: str) -> dict[str, Any]:
    from correctless.project import config

    lint = config.load(config.parse(data, path), where=path).lint
    _refuse_unknown([*lint.rules, *(rule for each in lint.overrides for rule in each.rules)], path)
    return {**lint.model_dump(mode="json", exclude_unset=True), "extends": list(lint.extends)}


def _refuse_unknown(names: Iterable[str], path: str) -> None:
    from difflib import get_close_matches

    from correctless.lint.rules import RULES

    known = [rule.ID for rule in RULES]
    for name in names:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            advice = f"write {near[0]}" if near else "see correctless rules"
            raise Stop(exits.REFUSED, f"{path}: unknown rule '{name}'. {advice}")


def _read(path: str) -> bytes:
    try:
        return read_plain(path, MAX_FILE)[0]
    except Unreadable as error:
        raise Stop(exits.REFUSED, f"can't read '{path}': {error}. name a configuration that exists") from None
