"""The folders of this program's own state for a user; nothing is read.

A process sets its own environment: whatever may hide something by it is looked for in the user database's home first.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False  # see shell
if TYPE_CHECKING:
    from collections.abc import Mapping

_INSIDE = os.path.join(".local", "state", "correctless")


def folders(env: Mapping[str, str]) -> tuple[str, ...]:
    """The state folders of this user: in the home of the user database, which no environment moves, then in HOME."""
    homes = (home(), env.get("HOME", ""))
    return tuple(
        dict.fromkeys(os.path.join(os.path.normpath(each), _INSIDE) for each in homes if os.path.isabs(each))
    )


def home() -> str:
    """The home of this user in the user database, "" where that knows none: in a container a user may be a number alone."""
    try:
        import pwd

        return pwd.getpwuid(os.getuid()).pw_dir
    except (ImportError, KeyError):
        return ""
