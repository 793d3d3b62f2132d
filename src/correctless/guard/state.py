"""Folders of correctless's state for a user.

A process sets its own environment, so the home folder of the user database comes first.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False  # see shell
if TYPE_CHECKING:
    from collections.abc import Mapping

_INSIDE = os.path.join(".local", "state", "correctless")


def folders(env: Mapping[str, str]) -> tuple[str, ...]:
    """Return the state folders of this user: in the home of the user database, then in HOME."""
    homes = (home(), env.get("HOME", ""))
    return tuple(
        dict.fromkeys(os.path.join(os.path.normpath(each), _INSIDE) for each in homes if os.path.isabs(each))
    )


def home() -> str:
    """Return the user's home in the user database; "" without one, as a container's user may have."""
    try:
        import pwd

        return pwd.getpwuid(os.getuid()).pw_dir
    except (ImportError, KeyError):
        return ""
