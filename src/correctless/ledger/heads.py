"""The private copy of a log's heads: each acknowledged entry, which the log must still hold.

It lies under the user's state folder, outside the repository, so that whoever rewrites a log or cuts its tail off has to
know of it. One line an entry, all of one length: a crash in the middle of a line costs that line, and the log has it. The
copies of all logs of one workspace lie in one folder; beside each log a mark names its copy.
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
    """The copy for one log. It lies in the user database's home; what HOME in `env` names is only asked as well.

    Where the first does not know the workspace, a new copy begins in HOME: a container's user may have no other.
    """

    def __init__(self, log: str, env: Mapping[str, str]) -> None:
        folder, name = os.path.split(os.path.abspath(log))
        real = os.path.join(os.path.realpath(folder), name)
        self._folders = folders(workspace(log), env)
        self._name = f"{name.removesuffix('.jsonl')[-100:]}-{_digest(real)}"
        self._paths = tuple(os.path.join(each, self._name) for each in self._folders)
        # Beside a log that somebody named by hand a file of ours has no place.
        self._mark = real + MARK if f"/{ARTIFACTS}/" in real else None

    @property
    def path(self) -> str | None:
        """Where entries are noted: where the workspace is known, else where a copy would begin; None without a home."""
        folder = chosen(self._folders)
        return os.path.join(folder, self._name) if folder is not None else None

    def note(self, entry: Entry) -> None:
        """Add one entry, under the log's own lock (`Ledger(noted=...)`); one that is noted already is not noted again.

        What was noted is never dropped for it: a log that begins anew is another one than the copy says. Where nothing can
        be written, nothing is: the copy is a second witness, and the log does not wait for it.
        """
        self._note(entry.seq, entry.head)

    def begin(self, head: Head) -> None:
        """Where there is no copy yet: begin one of a log that ends with `head`."""
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
                # Whole or not at all: a mark that names nothing is a copy that can't be found.
                replace_file(self._mark, os.fsencode(path))

    def anchors(self) -> Iterator[Anchor]:
        """What was noted, in the order it was, one at a time; a line that is none is an anchor nothing can fit.

        `Stop(3)` for a copy that is there and can't be read, and for one that the log's mark names and that is not here:
        that nothing disproves a log could not be checked then.
        """
        self._refuse_elsewhere()
        yield from self.noted()

    def noted(self) -> Iterator[Anchor]:
        """The same of the copies that are here, whatever the mark says."""
        copies = [_lines(fd) for fd in map(self._opened, self._paths) if fd is not None]
        if len(copies) < 2:
            for copy in copies:
                yield from copy
            return
        from heapq import merge

        yield from merge(*copies, key=lambda anchor: anchor.seq)

    def acknowledged(self) -> Callable[[Entry], bool]:
        """Whether an entry is one that was noted, or stood in the log when its copy began; all are where there is no copy."""
        noted = {(anchor.seq, anchor.sha256) for anchor in self.anchors()}
        before = min((seq for seq, _ in noted), default=None)
        return lambda entry: before is None or entry.seq <= before or (entry.seq, entry.head) in noted

    def set_aside(self) -> None:
        """Keep the copy of the log that was here before under a name of its own; nothing is overwritten."""
        for path in self._paths:
            aside(path)
        if self._mark is not None:
            with suppress(FileNotFoundError):
                os.unlink(self._mark)

    def _opened(self, path: str) -> int | None:
        try:
            return open_plain(path)
        except (FileNotFoundError, NotADirectoryError):
            return None  # never written, or not here
        except OSError as error:
            raise Stop(
                exits.REFUSED,
                f"{WHERE}, {path}, can't be read: {error.strerror}. make it a file this user can read",
            ) from None

    def _refuse_elsewhere(self) -> None:
        """`Stop(3)` when the mark beside the log names a copy that is none of those looked at here."""
        if self._mark is None:
            return
        try:
            named = os.fsdecode(below.read(self._mark, _LONGEST))
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            raise Stop(
                exits.REFUSED, f"{self._mark} can't be read: {error.strerror}. put it back from a copy"
            ) from None
        if named not in self._paths or not os.path.lexists(named):
            raise Stop(
                exits.REFUSED,
                f"{WHERE} began as {named}, and is not there for this user and folder: what it knew could not be checked. "
                f"put it back, or set HOME as it was. {NEW}",
            )


def noting(path: str, root: str | None, env: Mapping[str, str], *, alone: bool = False) -> Ledger:
    """A log each entry of which is noted in its private copy."""
    return Ledger(path, root=root, noted=Heads(path, env).note, alone=alone)


def workspace(log: str) -> str:
    """The folder that holds a workspace's logs: its artifacts folder, or that of a log named by hand."""
    real = os.path.join(os.path.realpath(os.path.dirname(os.path.abspath(log))), "")
    before, found, _ = real.partition(f"/{ARTIFACTS}/")
    return f"{before}/{ARTIFACTS}" if found else real


def folders(workspace: str, env: Mapping[str, str]) -> tuple[str, ...]:
    """Where the copies of all logs of a workspace may lie; beside each, with the ending .jsonl, what was said of the workspace."""
    return tuple(os.path.join(each, "heads", _digest(workspace)) for each in state.folders(env))


def chosen(folders: tuple[str, ...]) -> str | None:
    """The one to write to."""
    return next((each for each in folders if os.path.isdir(each)), folders[-1] if folders else None)


def aside(path: str) -> str | None:
    """A file or folder under a new name, `PATH.before-N`, and that name; None when there is none."""
    number = 1
    while os.path.lexists(path):
        kept = f"{path}.before-{number}"
        # Nobody else names files here so, and what carries the name stays what it is.
        if not os.path.lexists(kept):
            with suppress(FileNotFoundError):
                os.rename(path, kept)
                return kept
        number += 1
    return None


def last(path: str) -> Anchor | None:
    """What a copy ends with; None for one that is empty or can't be read."""
    with suppress(OSError):
        found = None
        for found in _lines(open_plain(path)):  # noqa: B007 the last is asked for
            pass
        return found
    return None


def _lines(fd: int) -> Iterator[Anchor]:
    with open(fd, "rb") as file:
        while len(line := file.read(_WIDTH)) == _WIDTH:
            noted = _LINE.fullmatch(line)
            yield Anchor(int(noted[1]), noted[2].decode(), WHERE) if noted else Anchor(0, "", WHERE)


def _digest(text: str) -> str:
    return hashlib.sha256(os.fsencode(text)).hexdigest()[:16]
