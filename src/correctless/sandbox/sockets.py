"""Unix sockets on which programs of this machine listen.

Each one would let an agent have work done outside of its sandbox.
"""

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
    """Yield the paths of all sockets in use, and of the usual ones in a home folder.

    Abstract sockets have no path: they belong to the network, which agents can use. The format is that of
    /proc/net/unix (proc(5)).
    """
    try:
        with open(_TABLE, encoding="utf-8", errors="surrogateescape") as file:
            lines = file.read().splitlines()[1:]
    except OSError:
        lines = []  # macOS
    for line in lines:
        # Num RefCount Protocol Flags Type St Inode Path
        columns = line.split(None, 7)
        if len(columns) == 8 and columns[7].startswith("/"):
            yield columns[7]
    for name in _KNOWN if os.path.isabs(home) else ():
        yield os.path.join(home, name)
