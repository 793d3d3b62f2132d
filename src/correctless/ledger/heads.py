"""The private copy of a log's heads: each acknowledged entry, which the log must still have.

It is under the user's state folder, outside the repository, so a process that only rewrites or cuts the log is detected.
One line an entry, all of one length: a crash in the middle of a line costs that line, and the log has it. The
copies of all logs of one workspace are in one folder; beside each log a mark names its copy.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress

from correctless.base import below, exits
from correctless.base.exits import Stop
from correctless.base.files import open_plain, replace_file
from correctless.guard import state
from correctless.ledger.chain import Entry, Head
from correctless.ledger.check import Anchor
from correctless.ledger.ledger import Ledger
from correctless.project.paths import ARTIFACTS

WHERE = "the private copy of its heads"
NEW = "if this workspace was cleaned, moved or cloned anew, say so with: correctless decisions new-workspace"
MARK = ".heads"  # what the name of a log's mark ends with
_WIDTH = 18 + 1 + 64 + 1  # bytes of one line: seq, space, SHA-256, newline
_LINE = re.compile(rb"([0-9]{18}) ([0-9a-f]{64})\n")
_NEW = os.O_RDWR | os.O_CREAT | os.O_APPEND
_LONGEST = 1 << 14  # bytes of a path


class Heads:
    """The copy for one log: in the home that the user database names, and read in the HOME of `env` as well.

    Where the first has no folder of the workspace, a new copy begins in HOME: a container's user may have no other.
    """

    def __init__(self, log: str, env: Mapping[str, str]) -> None:
        folder, name = os.path.split(os.path.abspath(log))
        real = os.path.join(os.path.realpath(folder), name)
        self._folders = folders(workspace(log), env)
        self._name = f"{name.removesuffix('.jsonl')[-100:]}-{_digest(real)}"
        self._paths = tuple(os.path.join(each, self._name) for each in self._folders)
        # Beside a log named by hand, outside of a workspace, no mark is written.
        self._mark = real + MARK if f"/{ARTIFACTS}/" in real else None

    @property
    def path(self) -> str | None:
        """The copy to write to: where the workspace is known, else where a copy would begin; None without a home."""
        folder = chosen(self._folders)
        return os.path.join(folder, self._name) if folder is not None else None

    def note(self, entry: Entry) -> None:
        """Add one entry, unless the copy has it, under the log's own lock (`Ledger(noted=...)`).

        Earlier lines stay: a log that begins anew differs from its copy. Where nothing can be written, nothing is: the copy is
        a second witness, and the log does not depend on it.
        """
        self._note(entry.seq, entry.head)

    def begin(self, head: Head) -> None:
        """Begin the copy of a log that ends with `head`, unless one exists."""
        if not any(map(os.path.lexists, self._paths)):
            self._note(head.seq, head.sha256)

    def _note(self, seq: int, head: str) -> None:
        path = self.path
        if path is None:
            return
        line = b"%018d %s\n" % (seq, head.encode())
        with suppress(OSError):
            os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
            fd = open_plain(path, _NEW)
            try:
                size = os.fstat(fd).st_size
                if size % _WIDTH:
                    size -= size % _WIDTH
                    os.ftruncate(fd, size)
                last = os.pread(fd, 18, size - _WIDTH) if size else b""
                if last < line[:18] or line not in os.pread(fd, size, 0):
                    os.write(fd, line)
            finally:
                os.close(fd)
            if self._mark is not None and not os.path.lexists(self._mark):
                # Whole or not at all: without the name in its mark a copy can't be found.
                replace_file(self._mark, os.fsencode(path))

    def anchors(self) -> Iterator[Anchor]:
        """Each anchor of the copies, by rising entry, one at a time; an invalid line is an anchor that no entry fits.

        `Stop(3)` for a copy that can't be read, and where the one that the log's mark names is missing: whether it disproves
        the log could not be checked.
        """
        self._refuse_missing()
        yield from self.local_anchors()

    def local_anchors(self) -> Iterator[Anchor]:
        """The same, without a look at the mark."""
        copies = [_lines(fd) for fd in map(self._opened, self._paths) if fd is not None]
        if len(copies) < 2:
            for copy in copies:
                yield from copy
            return
        from heapq import merge

        yield from merge(*copies, key=lambda anchor: anchor.seq)

    def acknowledged(self) -> Callable[[Entry], bool]:
        """Return a test: whether the copy has an entry, or began after it; true of all where no copy exists."""
        heads = {(anchor.seq, anchor.sha256) for anchor in self.anchors()}
        first = min((seq for seq, _ in heads), default=None)
        return lambda entry: first is None or entry.seq <= first or (entry.seq, entry.head) in heads

    def set_aside(self) -> None:
        """Rename the copy of a previous log; nothing is overwritten."""
        for path in self._paths:
            aside(path)
        if self._mark is not None:
            with suppress(FileNotFoundError):
                os.unlink(self._mark)

    def _opened(self, path: str) -> int | None:
        try:
            return open_plain(path)
        except (FileNotFoundError, NotADirectoryError):
            return None  # never written
        except OSError as error:
            message = f"{WHERE}, {path}, can't be read: {error.strerror}. make it a file this user can read"
            raise Stop(exits.REFUSED, message) from None

    def _refuse_missing(self) -> None:
        """Raise `Stop(3)` when the mark beside the log names a copy that is not one of `_paths`, or is missing."""
        if self._mark is None:
            return
        try:
            named = os.fsdecode(below.read(self._mark, _LONGEST))
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            message = f"{self._mark} can't be read: {error.strerror}. put it back from a copy"
            raise Stop(exits.REFUSED, message) from None
        if named not in self._paths or not os.path.lexists(named):
            raise Stop(
                exits.REFUSED,
                f"{WHERE}, {named}, is missing for this user and folder: the log could not be checked against it. "
                f"put it back, or set HOME as it was. {NEW}",
            )


def noting(path: str, root: str | None, env: Mapping[str, str], *, alone: bool = False) -> Ledger:
    """Return a ledger that notes each entry it adds in the log's private copy."""
    return Ledger(path, root=root, noted=Heads(path, env).note, alone=alone)


def workspace(log: str) -> str:
    """Return the folder of a workspace's logs: its artifacts folder, or that of a log named by hand."""
    real = os.path.join(os.path.realpath(os.path.dirname(os.path.abspath(log))), "")
    top, artifacts, _ = real.partition(f"/{ARTIFACTS}/")
    return f"{top}/{ARTIFACTS}" if artifacts else real


def folders(workspace: str, env: Mapping[str, str]) -> tuple[str, ...]:
    """Return each folder that may have the copies of a workspace's logs; FOLDER.jsonl has the declarations about it."""
    return tuple(os.path.join(each, "heads", _digest(workspace)) for each in state.folders(env))


def chosen(folders: tuple[str, ...]) -> str | None:
    """Return the folder to write to: the first that exists, else the last."""
    return next((each for each in folders if os.path.isdir(each)), folders[-1] if folders else None)


def aside(path: str) -> str | None:
    """Rename a file or folder to `PATH.before-N`; return that name, None when nothing is at `path`."""
    number = 1
    while os.path.lexists(path):
        name = f"{path}.before-{number}"
        if not os.path.lexists(name):
            with suppress(FileNotFoundError):
                os.rename(path, name)
                return name
        number += 1
    return None


def last(path: str) -> Anchor | None:
    """Return the last anchor of a copy; None for one that is empty or can't be read."""
    with suppress(OSError):
        anchor = None
        for anchor in _lines(open_plain(path)):  # noqa: B007 the last is asked for
            pass
        return anchor
    return None


def _lines(fd: int) -> Iterator[Anchor]:
    with open(fd, "rb") as file:
        while len(line := file.read(_WIDTH)) == _WIDTH:
            match = _LINE.fullmatch(line)
            yield Anchor(int(match[1]), match[2].decode(), WHERE) if match else Anchor(0, "", WHERE)


def _digest(text: str) -> str:
    return hashlib.sha256(os.fsencode(text)).hexdigest()[:16]
