"""The private copy of a log's heads: each entry in as it is acknowledged, what the log must still hold out.

It lies under the user's state folder, outside the repository, so that whoever rewrites a log or cuts its tail off has to
know of it. One line an entry, all of one length: a crash in the middle of a line costs that line, and the log has it.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress

from correctless import exits
from correctless.exits import Stop
from correctless.ledger import Anchor, Entry

WHERE = "the private copy of its heads"
_WIDTH = 18 + 1 + 64 + 1  # bytes of one line: seq, space, SHA-256, newline
_LINE = re.compile(rb"([0-9]{18}) ([0-9a-f]{64})\n")
_NEW = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC


class Heads:
    """The copy for one log. `env` says where the state folder is (XDG_STATE_HOME, else HOME)."""

    def __init__(self, log: str, env: Mapping[str, str]) -> None:
        self.path = _path(log, env)

    def note(self, entry: Entry) -> None:
        """Add one entry, under the log's own lock (`Ledger(noted=...)`). A first entry begins a new copy; the old one is kept.

        Where nothing can be written, nothing is: the copy is a second witness, and the log does not wait for it.
        """
        if self.path is None:
            return
        with suppress(OSError):
            os.makedirs(os.path.dirname(self.path), mode=0o700, exist_ok=True)
            if entry.seq == 1:
                self._set_aside()
            fd = os.open(self.path, _NEW, 0o600)
            try:
                torn = os.fstat(fd).st_size % _WIDTH
                if torn:
                    os.ftruncate(fd, os.fstat(fd).st_size - torn)
                os.write(fd, b"%018d %s\n" % (entry.seq, entry.head.encode()))
            finally:
                os.close(fd)

    def anchors(self) -> Iterator[Anchor]:
        """What was noted, in the order it was, one at a time; a line that is none is an anchor nothing can fit.

        `Stop(3)` for a copy that is there and can't be read: that nothing disproves a log could not be checked then.
        """
        if self.path is None:
            return
        try:
            fd = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            return  # never written, or not here
        except OSError as error:
            raise Stop(
                exits.REFUSED,
                f"{WHERE}, {self.path}, can't be read: {error.strerror}. make it a file this user can read",
            ) from None
        with open(fd, "rb") as file:
            while len(line := file.read(_WIDTH)) == _WIDTH:
                noted = _LINE.fullmatch(line)
                yield Anchor(int(noted[1]), noted[2].decode(), WHERE) if noted else Anchor(0, "", WHERE)

    def _set_aside(self) -> None:
        """Keep the copy of the log that was here before under a name of its own; nothing is overwritten."""
        assert self.path is not None
        number = 1
        while os.path.lexists(self.path):
            with suppress(FileExistsError):
                os.link(self.path, f"{self.path}.before-{number}", follow_symlinks=False)
                os.unlink(self.path)
            number += 1


def _path(log: str, env: Mapping[str, str]) -> str | None:
    """Where the copy of `log` lies; None when there is no state folder. A relative one is invalid (XDG Base Directory)."""
    state = env.get("XDG_STATE_HOME", "")
    home = env.get("HOME", "")
    if not os.path.isabs(state):
        if not os.path.isabs(home):
            return None
        state = os.path.join(home, ".local", "state")
    folder, name = os.path.split(os.path.abspath(log))
    real = os.path.join(os.path.realpath(folder), name)
    digest = hashlib.sha256(os.fsencode(real)).hexdigest()[:16]
    return os.path.join(state, "correctless", "heads", f"{name.removesuffix('.jsonl')[-100:]}-{digest}")
