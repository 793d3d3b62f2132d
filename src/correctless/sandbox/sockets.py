"""The Unix sockets programs of this machine listen on: each is a way to have work done outside of a sandbox."""

from __future__ import annotations

import os
from collections.abc import Iterator

_TABLE = "/proc/net/unix"
_KNOWN = (
    ".docker/run/docker.sock",
    ".docker/desktop/docker.sock",
    ".colima/default/docker.sock",
    ".1password/agent.sock",
)


def listening(home: str) -> Iterator[str]:
    """The paths of all sockets that are in use now, and of those that are usual in a home folder.

    Abstract sockets have no path: they belong to the network, which agents keep.
    """
    try:
        with open(_TABLE, encoding="utf-8", errors="surrogateescape") as file:
            lines = file.read().splitlines()[1:]
    except OSError:
        lines = []  # macOS
    for line in lines:
        # Num RefCount Protocol Flags Type St Inode Path
        words = line.split(None, 7)
        if len(words) == 8 and words[7].startswith("/"):
            yield words[7]
    for name in _KNOWN if os.path.isabs(home) else ():
        yield os.path.join(home, name)
