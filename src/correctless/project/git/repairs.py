"""Repair of changed git files by plain file operations: the changed one is moved away, the original restored."""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from functools import cached_property

from correctless.base import below
from correctless.base.files import replace_file
from correctless.project.git.before import NOTHING, Before, PathState, entry_of


@dataclass(frozen=True, slots=True)
class Change:
    """A changed file's path or ref's name, and what was done about it."""

    name: str
    what: str


class Repairs:
    """The changes since `before`. What is moved away goes into the folder `aside` and is never deleted."""

    def __init__(self, before: Before, aside: str) -> None:
        self.before = before
        self.repo = before.repo
        self.aside = aside
        self.changes: list[Change] = []

    def put_back(self, path: str, what: str, *, quiet: bool, entry: PathState | None = None) -> None:
        """Restore a path from the snapshot; what is in its place is moved away.

        `what`: its description in the report; `quiet`: report nothing; `entry`: its state, if `before.files` lacks it.
        """
        before = entry if entry is not None else self.before.files.get(path, NOTHING)
        now = entry_of(path)
        if before.same(now):
            return
        if before.kind == 0:
            self.move_away(path)
            outcome = "was added; moved away"
        elif stat.S_ISLNK(before.kind):
            self.move_away(path)
            root, place = self.clear(path)
            below.make_folder(root, os.path.dirname(place))
            os.symlink(before.link, place)
            outcome = "was changed; restored"
        elif before.data is None:
            outcome = "was changed, and is too long to be restored"
        else:
            self.move_away(path)
            self.write(path, before.data, stat.S_IMODE(before.kind))
            outcome = "was changed; restored"
        if not quiet:
            self.changes.append(Change(path, f"{what} {outcome}".strip()))

    def move_away(self, path: str) -> None:
        """Move whatever is at a path into the folder `aside`; nothing is read or followed."""
        root, path = self.clear(path)
        if below.look(root, path) is None:
            return
        name = os.path.relpath(path, self.repo.common_dir)
        name = os.path.basename(path) if name.startswith(os.pardir) else name
        name = re.sub(r"[^A-Za-z0-9._-]", "-", name)[-80:]
        below.move(root, path, self.root_of(self.aside), os.path.join(self.aside, name))

    def write(self, path: str, data: bytes, mode: int) -> None:
        """Write a file, and move away what is in its way."""
        root, path = self.clear(path)
        below.make_folder(root, os.path.dirname(path))
        info = below.look(root, path)
        if info is not None and stat.S_ISDIR(info.st_mode):
            self.move_away(path)
        replace_file(path, data, mode=mode)
        os.chmod(path, mode)

    def clear(self, path: str) -> tuple[str, str]:
        """Return the folder below which an agent may have made a path, and the path, once no link is in place of a folder of it.

        A link that was there before is yours and is followed.
        """
        for link in self._links:
            if path.startswith(link + os.sep):
                real = os.path.realpath(link)
                path = os.path.join(real, os.path.relpath(path, link))
                if os.path.isdir(real) and not self._below_any(path):
                    return real, path
        root = self.root_of(path)
        folder = root
        for part in os.path.relpath(os.path.dirname(path), root).split(os.sep):
            folder = os.path.normpath(os.path.join(folder, part))
            info = below.look(root, folder) if folder != root else None
            if info is not None and not stat.S_ISDIR(info.st_mode):
                self.move_away(folder)
                self.changes.append(Change(folder, "was no folder; moved away"))
                break
        return root, path

    @cached_property
    def _links(self) -> tuple[str, ...]:
        files = self.before.files
        links = [path for path, entry in files.items() if stat.S_ISLNK(entry.kind)]
        return tuple(path for path in links if entry_of(path).link == files[path].link)

    def root_of(self, path: str) -> str:
        """Return the outermost folder of this repository that contains a path; else the nearest existing folder."""
        if root := self._below_any(path):
            return root
        folder = os.path.dirname(path)
        while not os.path.isdir(folder):
            folder = os.path.dirname(folder)
        return folder

    def _below_any(self, path: str) -> str:
        repo = self.repo
        roots = sorted({repo.home, repo.top, repo.git_dir, repo.common_dir}, key=len)
        return next((root for root in roots if path.startswith(root + os.sep)), "")


def alone(path: str) -> bool:
    """Whether a file is plain and has no second name, under which git would write as well."""
    info = os.lstat(path)
    return stat.S_ISREG(info.st_mode) and info.st_nlink == 1
