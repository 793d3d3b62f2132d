"""Paths of this package's own files, beside `src/` in a checkout or inside the package in a wheel, and how you call it."""

from __future__ import annotations

import os

TYPE_CHECKING = False  # typing costs 4 ms to import
if TYPE_CHECKING:
    from collections.abc import Mapping

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def plugin_root() -> str:
    """Return the folder Claude Code loads as the plugin: plugin.json, .claude-plugin/, skills/, hooks/."""
    checkout = os.path.dirname(os.path.dirname(_PACKAGE))
    if os.path.isfile(os.path.join(checkout, "plugin.json")):
        return checkout
    return os.path.join(_PACKAGE, "plugin")


def builtin_skill(name: str) -> str:
    """Return the folder of a step that ships in the package and is not a skill of the plugin."""
    return os.path.join(_PACKAGE, "dispatch", name)


def skill_folders(name: str, top: str) -> list[str]:
    """Return the folders a skill may be in, in order: those of the repository `top`, if any, then ours."""
    own = [os.path.join(top, "skills", name), os.path.join(top, ".claude", "skills", name)] if top else []
    return [*own, os.path.join(plugin_root(), "skills", name), builtin_skill(name)]


def import_root() -> str:
    """Return the folder for PYTHONPATH with which `python -m correctless` runs this code."""
    return os.path.dirname(_PACKAGE)


def typable(message: str, env: Mapping[str, str], place: str = "") -> str:
    """Return a message whose commands you can type: with the door you used where no `correctless` is on PATH.

    A command follows a colon, a backtick or two spaces. `place`: the worktree it is about; from elsewhere it begins with a
    change into it.
    """
    door = env.get("CORRECTLESS_DOOR", "")
    usable = os.path.isabs(door) and os.access(door, os.X_OK) and not _on_path("correctless", env)
    program = _quoted(door) if usable else "correctless"
    change = f"cd {_quoted(place)} && " if place and not _inside(place) else ""
    for before in (": ", "`", "  ") if usable or change else ():
        message = message.replace(f"{before}correctless ", f"{before}{change}{program} ")
    return message


def _inside(place: str) -> bool:
    try:
        current, top = os.path.realpath(os.curdir), os.path.realpath(place)
    except OSError:
        return False  # the folder we began in is gone
    return os.path.commonpath((current, top)) == top


def _quoted(path: str) -> str:
    from shlex import quote

    return quote(path)


def _on_path(program: str, env: Mapping[str, str]) -> bool:
    folders = env.get("PATH", "").split(os.pathsep)
    return any(os.access(os.path.join(folder, program), os.X_OK) for folder in folders if folder)
