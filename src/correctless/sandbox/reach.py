"""What an agent may reach: one access for each path, the deepest path decides.

What no rule names can be read and not written. The two ways to spell it for a kernel are `bubblewrap` and `seatbelt`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

Access = Literal["write", "read", "hide"]


@dataclass(frozen=True, slots=True)
class Rule:
    """The access to one path and everything below it.

    `path` is absolute. With `source`, that file or folder is seen at `path` in place of what is there.
    """

    path: str
    access: Access
    source: str = ""


@dataclass(frozen=True, slots=True)
class Needs:
    """What one program needs beside the worktree: rules, and variables of its environment."""

    rules: tuple[Rule, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reach:
    """All rules of one attempt. `temporary` becomes /tmp; `empty` is an empty file that stands in for each hidden one, `filter`
    one with what `seccomp` says.
    """

    rules: tuple[Rule, ...]
    temporary: str
    empty: str
    filter: str = ""

    def of(self, path: str) -> Access:
        """The access to a path, by its real name."""
        found: Access = "read"
        for rule in self.rules:  # sorted: the deepest comes last
            if inside(path, rule.path):
                found = rule.access
        return found


def arrange(rules: Iterable[Rule]) -> tuple[Rule, ...]:
    """The rules to carry out, parents first: real paths that exist, a later rule for the same path in place of an earlier one.

    Between a writable folder and a protected path in it, each folder gets a rule of its own. Its own mount can't be renamed; a
    folder without one could be, protected path and all, and another be put in its place.
    """
    by_path: dict[str, Rule] = {}
    for rule in rules:
        if not rule.source and not os.path.lexists(rule.path):
            continue  # as most of what could be: cheaper to ask than the real path of each
        folder, name = os.path.split(rule.path)
        path = os.path.join(os.path.realpath(folder), name) if rule.source else os.path.realpath(rule.path)
        if os.path.lexists(path) or rule.source:
            by_path[path] = Rule(path, rule.access, rule.source)
    kept: dict[str, Rule] = {}
    for path in sorted(by_path, key=parts):
        rule = by_path[path]
        above = _nearest(path, kept)
        shown = (
            above is not None and above.source != ""
        )  # what lies here is seen only where a rule shows it again
        visible = above is None or not (above.source or above.access == "hide")
        if rule.source and rule.access == "read" and visible and os.path.islink(path):
            continue  # a link that is seen as it is leads there by itself, and bwrap would follow it
        if not rule.source and rule.access == ("hide" if shown else above.access if above else "read"):
            continue
        if above is not None and above.access == "write" and not shown:
            folder = os.path.dirname(path)
            pins = []
            while folder != above.path:
                pins.append(Rule(folder, "write"))
                folder = os.path.dirname(folder)
            kept.update((pin.path, pin) for pin in reversed(pins))
        kept[path] = rule
    return tuple(sorted(kept.values(), key=lambda rule: parts(rule.path)))


def unlink_links(rules: Iterable[Rule]) -> None:
    """Make room for what is shown inside of a folder that agents wrote in before: bwrap would follow a link there, out of all bounds."""
    by_path = {rule.path: rule for rule in rules}
    for path, rule in by_path.items():
        above = _nearest(path, by_path)
        if above is None or not (above.source or (above.access == "write" and rule.source)):
            continue
        place = above.source or above.path
        for name in os.path.relpath(path, above.path).split(os.sep):
            place = os.path.join(place, name)
            if os.path.islink(place):
                os.unlink(place)


def inside(path: str, folder: str) -> bool:
    """Whether `path` is `folder` or below it."""
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


def parts(path: str) -> tuple[str, ...]:
    return tuple(path.split(os.sep))


def _nearest(path: str, kept: Mapping[str, Rule]) -> Rule | None:
    while (above := os.path.dirname(path)) != path:
        if above in kept:
            return kept[above]
        path = above
    return None
