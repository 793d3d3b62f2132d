"""Paths of this package's own files: beside `src/` in a checkout, inside the package in a wheel."""

from __future__ import annotations

import os

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
