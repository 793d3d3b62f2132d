"""Files to lint, sorted and each real file once, with their kinds."""

from __future__ import annotations

import os

from correctless.base import exits
from correctless.base.exits import Stop
from correctless.base.named import NamedTuple
from correctless.lint.subject.kinds import AGENT, HOOKS, MARKETPLACE, PLUGIN, SKILL
from correctless.skill.find import should_descend

TYPE_CHECKING = False  # typing costs 7 ms to import
if TYPE_CHECKING:
    from collections.abc import Sequence

    from correctless.lint.cache import Listing, Listings

PROJECT = ".correctless"  # the folder of a project that uses the contract
_MANIFESTS = ".claude-plugin"
_LINTED = "SKILL.md, plugin.json, marketplace.json, hooks.json, or a file of Markdown in agents/"


class LintTarget(NamedTuple):
    """A file to lint: its path as it is shown, and its kind."""

    path: str
    kind: str


class Discovered(NamedTuple):
    """Files to lint, each path that cannot be read with the reason, and the folders that have `.correctless`.

    `listings` are what was read of each folder.
    """

    targets: list[LintTarget]
    unlisted: list[tuple[str, str]]
    projects: list[str]
    listings: Listings


def discover(paths: Sequence[str], known: Listings | None = None) -> Discovered:
    """Return the files at or below the paths; `known` are listings of earlier runs.

    Raises: Stop(2) for a named file of unknown kind.
    """
    kinds: dict[str, str] = {}
    unlisted: list[tuple[str, str]] = []
    projects: list[str] = []
    listings: Listings = {}
    links = False
    for path in paths:
        if os.path.isdir(path):
            walk = _Walk(path, known or {})
            kinds.update(walk.files())
            unlisted.extend(walk.unlisted)
            projects.extend(walk.projects)
            listings.update(walk.listings)
            links = links or walk.linked
        elif os.path.lexists(path):
            kinds[path] = kind_of(path)
        else:
            unlisted.append((path, "file not found"))
    # To resolve each path costs more than to walk, and one tree without links holds no file twice.
    names = _once(kinds) if len(paths) > 1 or links else list(kinds.items())
    return Discovered([LintTarget(path, kind) for path, kind in sorted(names)], unlisted, projects, listings)


def kind_of(path: str) -> str:
    """Return the kind of a file by its name; it need not exist.

    Raises: Stop(2) for an unknown kind.
    """
    folder, name = os.path.split(path)
    kind = {"plugin.json": PLUGIN, "marketplace.json": MARKETPLACE, "hooks.json": HOOKS}.get(name)
    if kind is None and name.endswith((".md", ".markdown")):
        kind = AGENT if os.path.basename(folder) == "agents" else SKILL
    if kind is None:
        raise Stop(exits.USAGE, f"'{path}' is not a file that is linted. name {_LINTED}")
    return kind


def _once(kinds: dict[str, str]) -> list[tuple[str, str]]:
    by_file: dict[str, tuple[str, str]] = {}
    # A path without a link goes first.
    for _, path, kind in sorted((os.path.realpath(p) != os.path.abspath(p), p, k) for p, k in kinds.items()):
        by_file.setdefault(os.path.realpath(path), (path, kind))
    return list(by_file.values())


class _Walk:
    """Walk of one named folder. No recursion: a hostile tree is deeper than the stack."""

    def __init__(self, top: str, known: Listings) -> None:
        self.top = top
        self.known = known
        self.listings: Listings = {}
        self.kinds: dict[str, str] = {}
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
        return self.kinds

    def _follow(self, link: str, top: str) -> None:
        """Walk a linked folder inside the tree; of one outside only take its SKILL.md."""
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
            self.kinds[os.path.join(link, "SKILL.md")] = SKILL

    def _walk(self, top: str) -> None:
        waiting = [(top, os.path.basename(os.path.abspath(top)), "")]
        while waiting:
            folder, name, parent = waiting.pop()
            try:
                folders, files, linked, links, project = self._list(folder)
            except OSError as error:
                self.unlisted.append((folder, error.strerror or "it can't be listed"))
                continue
            below = "" if folder == "." else f"{folder.rstrip('/')}/"
            if project:
                self.projects.append(folder)
            for link in links:
                if os.path.isdir(path := os.path.join(folder, link)):
                    self.linked = True
                    self.links.append(path)
            waiting.extend([(below + each, each, name) for each in folders])
            if files:
                self.linked = self.linked or linked
                root = _MANIFESTS in folders or folder == top
                paths = {each: os.path.join(folder, each).removeprefix("./") for each in files}
                self._add_known(paths, name, parent, root=root, folder=folder)

    def _list(self, folder: str) -> Listing:
        """Return what matters in a folder; a folder that has not changed since it was listed is not listed again."""
        facts = os.stat(folder)
        key = facts.st_dev, facts.st_ino, facts.st_mtime_ns, facts.st_ctime_ns
        listing = self.listings[key] = self.known.get(key) or _listed(folder)
        return listing

    def _add_known(self, paths: dict[str, str], name: str, parent: str, *, root: bool, folder: str) -> None:
        if "SKILL.md" in paths:
            self.kinds[paths["SKILL.md"]] = SKILL
        if "plugin.json" in paths and (name == _MANIFESTS or root):
            self.kinds[paths["plugin.json"]] = PLUGIN
        if "marketplace.json" in paths and (name == _MANIFESTS or root):
            self.kinds[paths["marketplace.json"]] = MARKETPLACE
        if "hooks.json" in paths and name == "hooks":
            self.kinds[paths["hooks.json"]] = HOOKS
        if name == "agents" and (
            parent == ".claude" or os.path.isdir(os.path.join(folder, "..", _MANIFESTS))
        ):
            self.kinds.update((path, AGENT) for each, path in paths.items() if each.endswith(".md"))


def _listed(folder: str) -> Listing:
    folders, files, links = [], [], []
    linked = project = False
    with os.scandir(folder) as listing:
        for entry in listing:
            name = entry.name
            if entry.is_dir(follow_symlinks=False):
                if should_descend(name) or name == _MANIFESTS:
                    folders.append(name)
                elif name == PROJECT:
                    project = True
            elif name.endswith((".md", ".json")):
                files.append(name)
                linked = linked or entry.is_symlink()
            elif entry.is_symlink() and should_descend(name):
                links.append(name)
    return tuple(folders), tuple(files), linked, tuple(links), project
