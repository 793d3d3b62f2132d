"""Facts about the neighbours of a file: looked up once for a run, and looked up again for a cached result.

A run with only cached results needs this module and no rule, so no parser is imported at its start.
"""

from __future__ import annotations

import os
import stat

from correctless.base.files import Unreadable, read_plain
from correctless.lint.cache import digest, stat_of

MAX_FACT = 1 << 20  # bytes of a neighbour that are read
MAX_SKILLS = 200  # skills in one folder whose names are compared

TYPE_CHECKING = False  # typing costs 7 ms to import
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from correctless.lint.cache import SkillNames

    # Question, path relative to the file's folder, and what else it names -> answer
    Lookups = dict[tuple[str, ...], str]


class NeighbourTree:
    """What is known for a whole run: folders that do not exist, and the names of the skills in a folder.

    `known` are names from earlier runs, used while the stat of their file is unchanged.
    """

    def __init__(self, known: SkillNames | None = None) -> None:
        self._known = known or {}
        self._skills: dict[tuple[int, int], dict[str, list[str]]] = {}
        self._missing: set[str] = set()  # folders
        self._new: SkillNames = {}

    def kind(self, path: str) -> str:
        """Return `file`, `folder`, or "" for nothing; a missing folder is looked for once, whatever is asked below it."""
        folder = path.rpartition("/")[0]
        if folder in self._missing:
            return ""
        kind = _kind(path)
        if not kind and folder and not _kind(folder):
            self._missing.add(folder)
        return kind

    def skill_named(self, parent: str, name: str, own: str) -> str:
        """Return the first folder in `parent` other than `own` whose skill has this name, "" without one."""
        return next((each for each in self._skills_of(parent).get(name, ()) if each != own), "")

    def take_new_names(self) -> SkillNames:
        """Return the names that were read since the last call."""
        new, self._new = self._new, {}
        return new

    def _skills_of(self, parent: str) -> dict[str, list[str]]:
        """Return the folders of the skills in a folder by the name of the skill."""
        try:
            facts = os.stat(parent)  # it is reached from each of its folders, by as many paths
            identity = facts.st_dev, facts.st_ino
            if identity not in self._skills:
                skills = self._skills[identity] = {}
                for folder in sorted(os.listdir(parent))[:MAX_SKILLS]:
                    if name := self._skill_name(parent, folder):
                        skills.setdefault(name, []).append(folder)
        except (OSError, ValueError):
            return {}
        return self._skills[identity]

    def _skill_name(self, parent: str, folder: str) -> str:
        """Return the name of the skill in a folder: the one it states or that of the folder; "" without a skill."""
        path = os.path.join(parent, folder, "SKILL.md")
        try:
            facts = stat_of(os.stat(path))
        except OSError:
            return ""
        key = os.path.abspath(path)
        known = self._known.get(key)
        if known is None or known[0] != facts:
            known = self._new[key] = facts, _stated_name(path)
        return folder if known[1] is None else known[1]


class NeighbourFacts:
    """Facts about the neighbours of a file, by a path relative to its folder, written with `/`.

    Each lookup is stored with its answer, so that a cached result can be checked again.
    """

    def __init__(self, folder: str, tree: NeighbourTree | None = None) -> None:
        self._folder = folder
        self._tree = tree or NeighbourTree()
        self.lookups: Lookups = {}

    def kind(self, path: str) -> str:
        """Return `file`, `folder`, or "" for nothing and for a broken link."""
        return self._ask("kind", path)

    def runnable(self, path: str) -> bool:
        """Return whether it is a file whose owner may run it."""
        return self._ask("runnable", path) == "yes"

    def names(self, path: str) -> tuple[str, ...]:
        """Return the names in a folder, sorted; none when it cannot be listed."""
        names = self._ask("names", path)
        return tuple(names.split("/")) if names else ()

    def skill_named(self, path: str, name: str, own: str) -> str:
        """Return the first folder in the folder `path`, besides `own`, whose skill has this name; "" without one.

        Of a larger folder only the first `MAX_SKILLS` names count.
        """
        return self._ask("skill", path, name, own)

    def read(self, path: str) -> bytes | None:
        """Return the bytes of a plain file of at most `MAX_FACT` bytes, None when it cannot be read."""
        data = _bytes(os.path.join(self._folder, path))
        self.lookups["read", path] = _digest(data)
        return data

    def _ask(self, *question: str) -> str:
        if question not in self.lookups:
            self.lookups[question] = _answer(self._folder, question, self._tree)
        return self.lookups[question]


def lookups_unchanged(
    folder: str, lookups: Iterable[tuple[tuple[str, ...], str]], tree: NeighbourTree
) -> bool:
    """Return whether each lookup from `folder` has the same answer as before."""
    return all(_answer(folder, question, tree) == was for question, was in lookups)


def _answer(folder: str, question: tuple[str, ...], tree: NeighbourTree) -> str:
    # As `os.path.join`, which takes four times as long.
    path = question[1] if question[1].startswith("/") or not folder else f"{folder}/{question[1]}"
    if question[0] == "kind":
        return tree.kind(path)
    if question[0] == "skill":
        return tree.skill_named(path, question[2], question[3])
    return _LOOK_UP[question[0]](path)


def _kind(path: str) -> str:
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):  # ValueError: a NUL in the name
        return ""
    return "folder" if stat.S_ISDIR(mode) else "file"


def _runnable(path: str) -> str:
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return "no"
    return "yes" if stat.S_ISREG(mode) and mode & stat.S_IXUSR else "no"


def _names(path: str) -> str:
    try:
        return "/".join(sorted(os.listdir(path)))
    except (OSError, ValueError):
        return ""


def _bytes(path: str) -> bytes | None:
    try:
        return read_plain(path, MAX_FACT)[0]
    except Unreadable:
        return None


def _digest(data: bytes | None) -> str:
    return "" if data is None else digest(data).hex()


_LOOK_UP: dict[str, Callable[[str], str]] = {
    "runnable": _runnable,
    "names": _names,
    "read": lambda path: _digest(_bytes(path)),
}


def _stated_name(path: str) -> str | None:
    """Return the `name` that a SKILL.md states, None without one."""
    import re

    data = _bytes(path) or b""
    if not re.search(rb"(?m)^name[ \t]*:", data):
        return None
    from correctless.skill import skill_text
    from correctless.syntax import yaml_text

    front = skill_text.read(data, path).frontmatter
    node = front.get("name") if front else None
    return node.text.strip() if node is not None and node.kind == yaml_text.SCALAR else None
