"""Discovery of the files to lint, each with its kind; sorted, each real file once."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NamedTuple

from correctless.base import exits
from correctless.base.exits import Stop
from correctless.lint.subject.subject import AGENT, HOOKS, MARKETPLACE, PLUGIN, SKILL
from correctless.skill.find import should_descend

PROJECT = ".correctless"  # the folder of a project that uses the contract
_MANIFESTS = ".claude-plugin"
_KNOWN = "SKILL.md, plugin.json, marketplace.json, hooks.json, or a file of Markdown in agents/"


class LintTarget(NamedTuple):
    """A file to lint: its path as it is shown, and its kind."""

    path: str
    kind: str


class Discovered(NamedTuple):
    """The files to lint, each path that could not be looked at with the reason, and the folders that have `.correctless`."""

    targets: list[LintTarget]
    unlisted: list[tuple[str, str]]
    projects: list[str]


def discover(paths: Sequence[str]) -> Discovered:
    """The files at or below the paths; `Stop` (2) for a named file of which nothing is known."""
    found: dict[str, str] = {}
    unlisted: list[tuple[str, str]] = []
    projects: list[str] = []
    links = False
    for path in paths:
        if os.path.isdir(path):
            walk = _Walk(path)
            found.update(walk.files())
            unlisted.extend(walk.unlisted)
            projects.extend(walk.projects)
            links = links or walk.linked
        elif os.path.lexists(path):
            found[path] = kind_of(path)
        else:
            unlisted.append((path, "file not found"))
    # To resolve each path costs more than to walk, and one tree without links holds no file twice.
    names = _once(found) if len(paths) > 1 or links else list(found.items())
    return Discovered([LintTarget(path, kind) for path, kind in sorted(names)], unlisted, projects)


def kind_of(path: str) -> str:
    """The kind of a file that is named, whether or not it exists; `Stop` (2) when nothing is known of such a name."""
    folder, name = os.path.split(path)
    kind = {"plugin.json": PLUGIN, "marketplace.json": MARKETPLACE, "hooks.json": HOOKS}.get(name)
    if kind is None and name.endswith((".md", ".markdown")):
        kind = AGENT if os.path.basename(folder) == "agents" else SKILL
    if kind is None:
        raise Stop(exits.USAGE, f"'{path}' is not a file that is linted. name {_KNOWN}")
    return kind


def _once(found: dict[str, str]) -> list[tuple[str, str]]:
    by_file: dict[str, tuple[str, str]] = {}
    # The name without a link in it is the one people know.
    for _, path, kind in sorted((os.path.realpath(p) != os.path.abspath(p), p, k) for p, k in found.items()):
        by_file.setdefault(os.path.realpath(path), (path, kind))
    return list(by_file.values())


class _Walk:
    """One folder that was named, being walked. No recursion: a hostile tree is deeper than the stack."""

    def __init__(self, top: str) -> None:
        self.top = top
        self.found: dict[str, str] = {}
        self.links: list[str] = []  # to folders
        self.linked = False  # a link was met
        self.seen: set[tuple[int, int]] = set()
        self.unlisted: list[tuple[str, str]] = []
        self.projects: list[str] = []

    def files(self) -> dict[str, str]:
        self._walk(self.top)
        real = os.path.realpath(self.top)
        for link in self.links:
            self._follow(link, real)
        return self.found

    def _follow(self, link: str, top: str) -> None:
        """A link to a folder: one inside the tree is walked where it leads, of another only its SKILL.md is looked at."""
        target = os.path.realpath(link)
        if target == top:
            return
        if target.startswith(top.rstrip(os.sep) + os.sep):
            parts = os.path.relpath(target, top).split(os.sep)
            if not all(should_descend(part) for part in parts):  # the walk did not come by there
                facts = os.stat(target)
                if (facts.st_dev, facts.st_ino) not in self.seen:
                    self.seen.add((facts.st_dev, facts.st_ino))
                    self._walk(link)
        elif os.path.isfile(os.path.join(link, "SKILL.md")):
            self.found[os.path.join(link, "SKILL.md")] = SKILL

    def _walk(self, top: str) -> None:
        waiting = [(top, os.path.basename(os.path.abspath(top)), "")]
        while waiting:
            folder, name, parent = waiting.pop()
            holds: dict[str, str] = {}  # names of files that may be of a kind
            folders: list[str] = []
            try:
                listing = os.scandir(folder)
            except OSError as error:
                self.unlisted.append((folder, error.strerror or "it can't be listed"))
                continue
            with listing:
                for entry in listing:
                    each = entry.name
                    if entry.is_dir(follow_symlinks=False):
                        if should_descend(each) or each == _MANIFESTS:
                            folders.append(each)
                        elif each == PROJECT:
                            self.projects.append(folder)
                    elif each.endswith((".md", ".json")):
                        holds[each] = entry.path.removeprefix("./")
                        self.linked = self.linked or entry.is_symlink()
                    elif entry.is_symlink() and should_descend(each) and os.path.isdir(entry.path):
                        self.linked = True
                        self.links.append(entry.path)
            below = "" if folder == "." else f"{folder.rstrip('/')}/"
            waiting.extend((below + each, each, name) for each in folders)
            if holds:
                self._take(holds, name, parent, root=_MANIFESTS in folders or folder == top, folder=folder)

    def _take(self, holds: dict[str, str], name: str, parent: str, *, root: bool, folder: str) -> None:
        if "SKILL.md" in holds:
            self.found[holds["SKILL.md"]] = SKILL
        if "plugin.json" in holds and (name == _MANIFESTS or root):
            self.found[holds["plugin.json"]] = PLUGIN
        if "marketplace.json" in holds and (name == _MANIFESTS or root):
            self.found[holds["marketplace.json"]] = MARKETPLACE
        if "hooks.json" in holds and name == "hooks":
            self.found[holds["hooks.json"]] = HOOKS
        if name == "agents" and (
            parent == ".claude" or os.path.isdir(os.path.join(folder, "..", _MANIFESTS))
        ):
            self.found.update((path, AGENT) for each, path in holds.items() if each.endswith(".md"))
