"""What was found changed in a repository, moved away and put back by plain file operations."""

from __future__ import annotations

import os
import re
import shutil
import stat
from dataclasses import dataclass

from correctless.base.files import replace_file
from correctless.project.git.before import NOTHING, Before, Entry, entry_of


@dataclass(frozen=True, slots=True)
class Change:
    """What was found changed: a file's path or a ref's name, and what became of it."""

    name: str
    what: str


class Repairs:
    """The changes found since `before`. What is taken away goes into the folder `aside` and is never deleted."""

    def __init__(self, before: Before, aside: str) -> None:
        self.before = before
        self.repo = before.repo
        self.aside = aside
        self.changes: list[Change] = []

    def put_back(self, path: str, what: str, *, quiet: bool, entry: Entry | None = None) -> None:
        before = entry if entry is not None else self.before.files.get(path, NOTHING)
        now = entry_of(path)
        if before.same(now):
            return
        if before.kind == 0:
            self.move_away(path)
            said = "was made; taken away"
        elif stat.S_ISLNK(before.kind):
            self.move_away(path)
            self._folders_of(path)
            os.symlink(before.link, path)
            said = "was changed; put back"
        elif before.data is None:
            said = "was changed, and is too long to be put back"
        else:
            self.move_away(path)
            self.write(path, before.data, stat.S_IMODE(before.kind))
            said = "was changed; put back"
        if not quiet:
            self.changes.append(Change(path, f"{what} {said}".strip()))

    def move_away(self, path: str) -> None:
        """Move whatever stands at a path into the folder of what was found; nothing is read or followed."""
        if not os.path.lexists(path):
            return
        os.makedirs(self.aside, mode=0o700, exist_ok=True)
        name = os.path.relpath(path, self.repo.common_dir)
        name = re.sub(
            r"[^A-Za-z0-9._-]", "-", os.path.basename(path) if name.startswith(os.pardir) else name
        )[-80:]
        target, number = os.path.join(self.aside, name), 1
        while os.path.lexists(target):
            number += 1
            target = os.path.join(self.aside, f"{name}.{number}")
        try:
            os.rename(path, target)
        except OSError:  # another file system
            shutil.move(path, target)

    def write(self, path: str, data: bytes, mode: int) -> None:
        if os.path.isdir(path) and not os.path.islink(path):
            self.move_away(path)
        self._folders_of(path)
        replace_file(path, data, mode=mode)
        os.chmod(path, mode)

    def _folders_of(self, path: str) -> None:
        """The folders above a file, made where they are missing; what took the place of one goes away first."""
        root = next(
            (r for r in (self.repo.git_dir, self.repo.common_dir) if path.startswith(r + os.sep)), None
        )
        if root is None:
            return
        here = root
        for part in os.path.relpath(os.path.dirname(path), root).split(os.sep):
            here = os.path.normpath(os.path.join(here, part))
            if (
                os.path.lexists(here)
                and not stat.S_ISDIR(os.lstat(here).st_mode)
                and here not in self.before.files
            ):
                self.move_away(here)
            if not os.path.lexists(here):
                os.mkdir(here)


def alone(path: str) -> bool:
    """Whether a plain file has no second name: what git writes into it would be written there as well."""
    found = os.lstat(path)
    return stat.S_ISREG(found.st_mode) and found.st_nlink == 1
