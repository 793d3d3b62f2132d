"""Paths of this package's own files: beside `src/` in a checkout, inside the package in a wheel."""

from __future__ import annotations

import os

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def plugin_root() -> str:
    """The folder Claude Code loads as the plugin: plugin.json, .claude-plugin/, skills/, hooks/."""
    checkout = os.path.dirname(os.path.dirname(_PACKAGE))
    if os.path.isfile(os.path.join(checkout, "plugin.json")):
        return checkout
    return os.path.join(_PACKAGE, "plugin")


def builtin_skill(name: str) -> str:
    """The folder of a step that ships inside the package and is no skill of the plugin."""
    return os.path.join(_PACKAGE, "dispatch", name)


def skill_folders(name: str, top: str) -> list[str]:
    """The folders a skill of this name may be in, in the order they are tried: those of the repository `top`, if any, then ours."""
    own = [os.path.join(top, "skills", name), os.path.join(top, ".claude", "skills", name)] if top else []
    return [*own, os.path.join(plugin_root(), "skills", name), builtin_skill(name)]


def import_root() -> str:
    """The folder that must be importable for `python -m correctless` to be this code."""
    return os.path.dirname(_PACKAGE)
