"""Access of an agent to each path; the rule for the deepest path decides.

What no rule names can be read and not written. `bubblewrap` and `seatbelt` translate it for a kernel.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Literal

from correctless.base import below

Access = Literal["write", "read", "hide", "link"]
_LESS: Mapping[Access, int] = {"hide": 0, "read": 1, "write": 2}
_MOST_LINKS = 40  # as the kernel: a path through more leads nowhere


@dataclass(frozen=True, slots=True)
class AccessRule:
    """The access to one path and everything below it.

    `path` is absolute. With `source`, that file or folder is seen at `path` in place of what is there; a `link` leads to its `source`.
    One that `narrows` takes access away and never gives any: it comes from what an agent could have written.
    """

    path: str
    access: Access
    source: str = ""
    narrows: bool = False


@dataclass(frozen=True, slots=True)
class Needs:
    """What one program needs beside the worktree: rules and environment variables."""

    rules: tuple[AccessRule, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reach:
    """All rules of one attempt.

    `temporary` becomes /tmp; `empty` is an empty file that replaces each hidden one, `filter` one with the
    program of `seccomp`.
    """

    rules: tuple[AccessRule, ...]
    temporary: str
    empty: str
    filter: str = ""

    def of(self, path: str) -> Access:
        """Return the access to a path, by its real name."""
        access: Access = "read"
        for rule in self.rules:  # sorted: the deepest comes last
            if rule.access != "link" and inside(path, rule.path):
                access = rule.access
        return access


def arrange(rules: Iterable[AccessRule]) -> tuple[AccessRule, ...]:
    """Return the rules to enforce, parents first, each by its real path.

    Paths that do not exist are dropped, and a later rule for the same path replaces an earlier one. A path
    through a link where an agent can write may lead anywhere: such a rule only narrows the access to where it
    leads. Between a writable folder and a protected path in it, each folder gets a rule of its own: a folder
    with its own mount cannot be renamed, while one without could be, protected path and all, and be replaced.
    """
    by_path = _resolved(rules)
    arranged: dict[str, AccessRule] = {}
    for path in sorted(by_path, key=parts):
        rule = by_path[path]
        above = nearest(path, arranged)
        # Another folder is shown above it: a path is visible only where a rule shows it again.
        replaced = above is not None and above.source != ""
        visible = above is None or not (above.source or above.access == "hide")
        if visible and (
            rule.access == "link" or (rule.source and rule.access == "read" and os.path.islink(path))
        ):
            continue  # a visible link already leads there, and bwrap would follow it
        if not rule.source and rule.access == ("hide" if replaced else above.access if above else "read"):
            continue
        if above is not None and above.access == "write" and not replaced:
            folder = os.path.dirname(path)
            pins = []
            while folder != above.path:
                pins.append(AccessRule(folder, "write"))
                folder = os.path.dirname(folder)
            arranged.update((pin.path, pin) for pin in reversed(pins))
        arranged[path] = rule
    return tuple(sorted(arranged.values(), key=lambda rule: parts(rule.path)))


def _resolved(rules: Iterable[AccessRule]) -> dict[str, AccessRule]:
    # Most of these paths do not exist: checking that is cheaper than the real path of each.
    existing = [rule for rule in rules if rule.source or os.path.lexists(rule.path)]
    # Cached only for this call: later the links may differ.
    is_link = cache(os.path.islink)

    @cache
    def real(path: str) -> str:
        folder, name = os.path.split(path)
        if name in ("", os.curdir, os.pardir):
            return os.path.realpath(path)
        at = os.path.join(real(folder), name)
        return os.path.realpath(at) if is_link(at) else at

    writable = {real(rule.source or rule.path) for rule in existing if rule.access == "write"}

    def planted(path: str) -> bool:
        return any(inside(link, folder) for link in _links(path, is_link) for folder in writable)

    by_path: dict[str, AccessRule] = {}
    narrow: dict[str, AccessRule] = {}
    for rule in existing:
        folder, name = os.path.split(rule.path)
        path = os.path.join(real(folder), name) if rule.source else real(rule.path)
        source = real(rule.source) if rule.source else ""
        resolved = AccessRule(path, rule.access, source)
        if rule.access == "link" or (rule.access == "hide" and os.path.lexists(path)):
            by_path[path] = resolved
        elif rule.source:
            if not planted(rule.source):
                by_path[path] = resolved
        elif os.path.lexists(path):
            if rule.narrows or planted(rule.path):
                narrow[path] = resolved
            else:
                narrow.pop(path, None)
                by_path[path] = resolved
    for rule in narrow.values():
        above = by_path.get(rule.path) or nearest(rule.path, by_path)
        now: Access = "read" if above is None else "hide" if above.source else above.access
        if _LESS[rule.access] < _LESS[now]:
            by_path[rule.path] = rule
    return by_path


def _links(path: str, is_link: Callable[[str], bool]) -> Iterator[str]:
    """Yield the links in a path, each by the real name of its folder."""
    at, pending, count = os.sep, path.split(os.sep)[::-1], 0
    while pending and count < _MOST_LINKS:
        name = pending.pop()
        if name == os.pardir:
            at = os.path.dirname(at)
        elif name not in ("", os.curdir):
            step = os.path.join(at, name)
            if not is_link(step):
                at = step
                continue
            yield step
            count += 1
            leads = os.readlink(step)
            at = os.sep if os.path.isabs(leads) else at
            pending += leads.split(os.sep)[::-1]


def make_room(rules: Iterable[AccessRule]) -> None:
    """Prepare the mount points inside of a folder that agents wrote in before.

    Links in the way are removed, because bwrap would follow one out of all bounds. Links that a rule shows
    are created.
    """
    by_path = {rule.path: rule for rule in rules}
    for path, rule in by_path.items():
        above = nearest(path, by_path)
        if above is None or not (above.source or (above.access == "write" and rule.source)):
            continue
        place = above.source or above.path
        for name in os.path.relpath(path, above.path).split(os.sep):
            place = os.path.join(place, name)
            if os.path.islink(place):
                os.unlink(place)
        if rule.access == "link":
            below.make_folder(above.source, os.path.dirname(place))
            if os.path.lexists(place):
                below.move(above.source, place, above.source, f"{place}.found")
            os.symlink(rule.source, place)


def inside(path: str, folder: str) -> bool:
    """Return whether `path` is `folder` or below it."""
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


def parts(path: str) -> tuple[str, ...]:
    """Return the parts of a path, a key that sorts parents first."""
    return tuple(path.split(os.sep))


def nearest(path: str, rules: Mapping[str, AccessRule]) -> AccessRule | None:
    """Return the rule of the deepest folder above `path`, None without one."""
    while (above := os.path.dirname(path)) != path:
        if above in rules:
            return rules[above]
        path = above
    return None


def names_in(folder: str) -> list[str]:
    """Return the names in a folder, sorted; none where it cannot be listed."""
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []
