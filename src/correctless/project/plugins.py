"""Folders of plugins that Claude Code has installed."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

from correctless.base import exits
from correctless.base.exits import Stop
from correctless.syntax.strict_json import RecordError, strict_json

# Found in client 2.1.329: {"version": 2, "plugins": {"name@marketplace": [{"scope", "installPath", "projectPath"?, ...}]}}
_INSTALLED = os.path.join("plugins", "installed_plugins.json")
_LARGEST = 8 << 20  # bytes


def folder(name: str, project: str, env: Mapping[str, str]) -> str:
    """Where the plugin `name` (or `name@marketplace`) lies, as installed for this user or for the `project` folder.

    `Stop(3)` when it is not installed, when two marketplaces have one of that name, or when the client's list can't be read.
    """
    config = env.get("CLAUDE_CONFIG_DIR") or os.path.join(env.get("HOME", ""), ".claude")
    path = os.path.join(config, _INSTALLED)
    found = {
        known: place for known, place in _installed(path, project) if name in (known, known.partition("@")[0])
    }
    if len(found) > 1:
        fix = f"write one of {', '.join(sorted(found))} in its place"
        raise Stop(exits.REFUSED, f"more than one marketplace has a plugin '{name}'. {fix}")
    for known, place in found.items():
        if not os.path.isdir(place):
            raise Stop(
                exits.REFUSED, f"the plugin '{known}' is listed in {path} and not there. install it anew"
            )
        return place
    fix = f"install it in Claude Code, with /plugin install {name}"
    raise Stop(exits.REFUSED, f"plugin '{name}' is not installed ({path}). {fix}")


def _installed(path: str, project: str) -> Iterator[tuple[str, str]]:
    try:
        with open(path, "rb") as file:
            listed = strict_json(file.read(_LARGEST).decode("utf-8"), max_size=None)
    except FileNotFoundError:
        return
    except (OSError, UnicodeDecodeError, RecordError) as error:
        raise Stop(
            exits.REFUSED, f"{path} can't be read ({error}). see it with: claude plugin list"
        ) from None
    for known, places in _mapping(_mapping(listed).get("plugins")).items():
        for place in places if isinstance(places, list) else ():
            where, of = _mapping(place).get("installPath"), _mapping(place).get("projectPath")
            here = not isinstance(of, str) or os.path.realpath(of) == os.path.realpath(project)
            if isinstance(where, str) and os.path.isabs(where) and here:
                yield known, where


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
