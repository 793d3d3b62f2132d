"""Files to lint, sorted and each real file once, with their kinds."""

from __future__ import annotations

import os

from correctless.base import exits
from correctless.base.exits import Stop
from correctless.base.named import NamedTuple
from correctless.lint.subject.kinds import (
    AGENT,
    COMMAND,
    HOOKS,
    MARKETPLACE,
    MCP,
    PLUGIN,
    SETTINGS,
    SKILL,
    STYLE,
)
from correctless.skill.find import should_descend

TYPE_CHECKING = False  # typing costs 7 ms to import
if TYPE_CHECKING:
    from collections.abc import Sequence

    from correctless.lint.cache import Listing, Listings

PROJECT = ".correctless"  # the folder of a project that uses the contract
_MANIFESTS = ".claude-plugin"
_CLAUDE = ".claude"
_FOLDERS = {
    "agents": AGENT,
    "commands": COMMAND,
    "output-styles": STYLE,
}  # whose files of Markdown are of a kind
_NAMES = {"plugin.json": PLUGIN, "marketplace.json": MARKETPLACE, "hooks.json": HOOKS, ".mcp.json": MCP}
_SETTINGS = ("settings.json", "settings.local.json")
LINTED = (
    "SKILL.md, plugin.json, marketplace.json, hooks.json, .mcp.json, settings.json in .claude, "
    "or a file of Markdown in agents, commands or output-styles"
)


class LintTarget(NamedTuple):
    """A file to lint: its path as it is shown, and its kind."""

    path: str
    kind: str


class Discovered(NamedTuple):
    """Files to lint, each path that cannot be read with the reason, and the folders that have `.correctless`.

    `listings` are what was read of each folder; `empty` are the named folders without a file that is linted.
    """

    targets: list[LintTarget]
    unlisted: list[tuple[str, str]]
    projects: list[str]
    listings: Listings
    empty: tuple[str, ...] = ()


def discover(paths: Sequence[str], known: Listings | None = None) -> Discovered:
    """Return the files at or below the paths; `known` are listings of earlier runs.

    Raises: Stop(2) for a named file of unknown kind.
    """
    kinds: dict[str, str] = {}
    unlisted: list[tuple[str, str]] = []
    projects: list[str] = []
    listings: Listings = {}
    links = False
    empty: list[str] = []
    for path in paths:
        if os.path.isdir(path):
            walk = _Walk(path, known or {})
            files = walk.files()
            kinds.update(files)
            if not files and not walk.unlisted:
                empty.append(path)
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
    targets = [LintTarget(path, kind) for path, kind in sorted(names)]
    return Discovered(targets, unlisted, projects, listings, tuple(empty))


def kind_of(path: str) -> str:
    """Return the kind of a file by its name; it need not exist.

    Raises: Stop(2) for an unknown kind.
    """
    folder, name = os.path.split(os.path.abspath(path))
    kind = _NAMES.get(name)
    if name in _SETTINGS and _settings_here(name, os.path.basename(folder), folder):
        kind = SETTINGS
    if kind is None and name.endswith((".md", ".markdown")):
        kind = SKILL if name == "SKILL.md" else _FOLDERS.get(os.path.basename(folder), SKILL)
        if kind == SKILL and name != "SKILL.md" and f"/{_CLAUDE}/commands/" in f"{folder}/":
            kind = COMMAND  # those in folders below are commands too
    if kind is None:
        raise Stop(exits.USAGE, f"'{path}' is not a file that is linted. name {LINTED}")
    return kind


def _settings_here(name: str, parent: str, folder: str) -> bool:
    """Return whether Claude Code reads a file of that name in a folder: a project's, or the one of a plugin."""
    return parent == _CLAUDE or (name == _SETTINGS[0] and os.path.isdir(os.path.join(folder, _MANIFESTS)))


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
        start = os.path.abspath(top)
        within = f"/{_CLAUDE}/commands/" in start  # below a folder of commands
        waiting = [(top, os.path.basename(start), os.path.basename(os.path.dirname(start)), within)]
        while waiting:
            folder, name, parent, within = waiting.pop()
            try:
                folders, named, pages, linked, links, project = self._list(folder)
            except OSError as error:
                self.unlisted.append((folder, error.strerror or "it can't be listed"))
                continue
            below = "" if folder == "." else f"{folder.rstrip('/')}/"
            if project:
                self.projects.append(folder)
            self.linked = self.linked or linked
            for link in links:
                if os.path.isdir(path := os.path.join(folder, link)):
                    self.linked = True
                    self.links.append(path)
            kind = COMMAND if within else _FOLDERS.get(name, "")
            if kind and not within and parent != _CLAUDE and not os.path.isdir(f"{folder}/../{_MANIFESTS}"):
                kind = ""
            waiting.extend([(below + each, each, name, kind == COMMAND) for each in folders])
            if named:
                root = _MANIFESTS in folders or folder == top
                self._add_known({each: _path(below, each) for each in named}, name, root=root, folder=folder)
            if kind:
                for each in (*named, *pages):
                    if each.endswith(".md"):
                        self.kinds.setdefault(_path(below, each), kind)

    def _list(self, folder: str) -> Listing:
        """Return what matters in a folder; a folder that has not changed since it was listed is not listed again."""
        facts = os.stat(folder)
        key = facts.st_dev, facts.st_ino, facts.st_mtime_ns, facts.st_ctime_ns
        listing = self.listings[key] = self.known.get(key) or _listed(folder)
        return listing

    def _add_known(self, paths: dict[str, str], name: str, *, root: bool, folder: str) -> None:
        if "SKILL.md" in paths:
            self.kinds[paths["SKILL.md"]] = SKILL
        else:
            self._add_misspelled(paths)
        if "plugin.json" in paths and (name == _MANIFESTS or root):
            self.kinds[paths["plugin.json"]] = PLUGIN
        if "marketplace.json" in paths and (name == _MANIFESTS or root):
            self.kinds[paths["marketplace.json"]] = MARKETPLACE
        if "hooks.json" in paths and name == "hooks":
            self.kinds[paths["hooks.json"]] = HOOKS
        if ".mcp.json" in paths:
            self.kinds[paths[".mcp.json"]] = MCP
        for each in _SETTINGS:
            if each in paths and _settings_here(each, name, folder):
                self.kinds[paths[each]] = SETTINGS

    def _add_misspelled(self, paths: dict[str, str]) -> None:
        """Add a skill whose file is `skill.md`; a page of that name is none."""
        for each, path in paths.items():
            if each.lower() == "skill.md" and _may_be_skill(path):
                self.kinds[path] = SKILL


def _may_be_skill(path: str) -> bool:
    """Return whether a file has the frontmatter of a skill, or cannot be read, which the run reports."""
    # Here: few trees have such a file.
    from correctless.base.files import Unreadable, read_plain
    from correctless.lint.subject.frontmatter import is_skill
    from correctless.skill import skill_text
    from correctless.skill.find import MAX_FILE

    try:
        data = read_plain(path, MAX_FILE)[0]
    except Unreadable:
        return True
    return is_skill(skill_text.read(data, path).frontmatter)


def _path(below: str, name: str) -> str:
    return f"{below}{name}".removeprefix("./")


def _listed(folder: str) -> Listing:
    folders, named, pages, links = [], [], [], []
    linked = project = False
    with os.scandir(folder) as listing:
        for entry in listing:
            name = entry.name
            if entry.is_dir(follow_symlinks=False):
                if should_descend(name) or name == _MANIFESTS:
                    folders.append(name)
                elif name == PROJECT:
                    project = True
            elif name.endswith((".md", ".json", ".MD")):
                if name in _NAMES or name in _SETTINGS or name.lower() == "skill.md":
                    named.append(name)
                elif name.endswith(".md"):
                    pages.append(name)
                linked = linked or entry.is_symlink()
            elif entry.is_symlink() and should_descend(name):
                links.append(name)
    return tuple(folders), tuple(named), tuple(pages), linked, tuple(links), project
