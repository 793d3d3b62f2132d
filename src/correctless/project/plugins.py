"""Folders of plugins that Claude Code has installed."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

from correctless.base import exits
from correctless.base.exits import Stop
from correctless.syntax.strict_json import RecordError, strict_json

# As in client 2.1.329: {"version": 2, "plugins": {"name@marketplace": [{"scope", "installPath", "projectPath"?, ...}]}}
_INSTALLED = os.path.join("plugins", "installed_plugins.json")
_LARGEST = 8 << 20  # bytes


def folder(name: str, project: str, env: Mapping[str, str]) -> str:
    """Return the folder of the plugin `name` (or `name@marketplace`), installed for this user or for the `project` folder.

    Raises: `Stop(3)` when it is not installed, two marketplaces have one of that name, or the client's list is unreadable.
    """
    config = env.get("CLAUDE_CONFIG_DIR") or os.path.join(env.get("HOME", ""), ".claude")
    path = os.path.join(config, _INSTALLED)
    places = {
        known: place for known, place in _installed(path, project) if name in (known, known.partition("@")[0])
    }
    if len(places) > 1:
        fix = f"write one of {', '.join(sorted(places))} in its place"
        raise Stop(exits.REFUSED, f"more than one marketplace has a plugin '{name}'. {fix}")
    for known, place in places.items():
        if not os.path.isdir(place):
            raise Stop(
                exits.REFUSED,
                f"the folder of plugin '{known}', listed in {path}, is missing. install it again",
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
            applies = not isinstance(of, str) or os.path.realpath(of) == os.path.realpath(project)
            if isinstance(where, str) and os.path.isabs(where) and applies:
                yield known, where


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
