"""Search for SKILL.md files below a path, and safe reading of one."""

from __future__ import annotations

import os
from collections.abc import Iterator

from correctless.base import exits
from correctless.base.exits import Stop
from correctless.base.files import Unreadable, read_plain

MAX_FILE = 1 << 20  # bytes; a SKILL.md is a few thousand

# Hidden folders are skipped, except those that have skills by convention.
_HIDDEN = frozenset({".claude", ".agents"})
_SKIPPED = frozenset({"node_modules", "__pycache__"})


def find_skills(path: str) -> Iterator[str]:
    """Yield the path of each `skills/<name>/SKILL.md` at or below a folder, sorted.

    Each real folder is yielded once. The folder that is named may have any name, `skills` may have a prefix
    (`team-skills`), and a file is yielded as it is. Folders whose name starts with `_` are skipped. Links
    inside the tree are followed; a link that leads out of it is checked for a skill and never walked. A
    folder below `path` that cannot be listed is skipped.

    Raises: OSError when `path` cannot be listed.
    """
    if not os.path.isdir(path):
        yield path
        return
    if _is_skill(path):
        yield os.path.join(path, "SKILL.md")
    top = os.path.realpath(path)
    seen = {_identity(path)}
    # No recursion: a hostile tree is deeper than the interpreter's stack.
    waiting = [iter(_children(path, inside=True))]
    while waiting:
        child, inside = next(waiting[-1], (None, False))
        if child is None:
            waiting.pop()
            continue
        try:
            identity = _identity(child.path)
            if identity in seen:
                continue  # reached before, by a link or a loop of links
            seen.add(identity)
            if inside and _is_skill(child.path):
                yield os.path.join(child.path, "SKILL.md")
            if not child.is_symlink() or _below(os.path.realpath(child.path), top):
                waiting.append(iter(_children(child.path, inside=_holds_skills(child.name))))
        except OSError:
            continue


def skill_file(path: str) -> str:
    """Return the SKILL.md of a skill folder; a file is returned as it is."""
    return os.path.join(path, "SKILL.md") if os.path.isdir(path) else path


def read_bytes(file: str) -> bytes:
    """Return the bytes of a SKILL.md.

    Raises: Stop(3) when it cannot be read, is not a plain file or is over `MAX_FILE`.
    """
    try:
        return read_plain(file, MAX_FILE)[0]
    except Unreadable as error:
        advice = "give a skill folder or its SKILL.md"
        raise Stop(exits.REFUSED, f"can't read '{file}': {error}. {advice}") from None


def _children(folder: str, *, inside: bool) -> list[tuple[os.DirEntry[str], bool]]:
    with os.scandir(folder) as listing:
        entries = sorted(
            (e for e in listing if should_descend(e.name) and os.path.isdir(e.path)), key=lambda e: e.name
        )
    return [(entry, inside) for entry in entries]


def _identity(folder: str) -> tuple[int, int]:
    facts = os.stat(folder)
    return facts.st_dev, facts.st_ino


def should_descend(name: str) -> bool:
    """Return whether a folder of that name is searched."""
    if name.startswith("."):
        return name in _HIDDEN
    return not name.startswith("_") and name not in _SKIPPED


def _holds_skills(name: str) -> bool:
    return name == "skills" or name.endswith(("-skills", "_skills"))


def _below(real: str, top: str) -> bool:
    return real == top or real.startswith(top.rstrip(os.sep) + os.sep)


def _is_skill(folder: str) -> bool:
    return os.path.lexists(os.path.join(folder, "SKILL.md"))
