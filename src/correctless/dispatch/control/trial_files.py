"""What a trial before a run left in the worktree, moved out of it: it is no uncommitted change of yours."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import suppress
from dataclasses import dataclass

from correctless.base import below
from correctless.base.exits import REFUSED, Stop
from correctless.base.text import one_line
from correctless.dispatch.core import caches
from correctless.project.git import Repo


@dataclass(frozen=True, slots=True)
class TrialFiles:
    """What a trial left; `folder` has the `others`, `changed` are tracked files, which stay as they are."""

    changed: tuple[str, ...] = ()
    caches: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    folder: str = ""


def move_out(repo: Repo) -> TrialFiles:
    """Move new files that git does not ignore into a temporary folder; caches are removed. Raises: `Stop(3)`."""
    dirty = repo.dirty_files()
    if not dirty:
        return TrialFiles()
    known = set(repo.git("ls-files", "-z").split("\0"))
    changed = tuple(path for path in dirty if path in known)
    new = [path.rstrip("/") for path in dirty if path not in known]
    made = {path: caches.folder_of(repo.top, path) for path in new}
    folders = tuple(sorted({f"{folder}/" for folder in made.values() if folder}))
    others = tuple(path for path, folder in made.items() if not folder)
    target = tempfile.mkdtemp(prefix="correctless-check-")
    junk = os.path.join(target, "caches")
    for path in new:
        _move(repo.top, path, junk if made[path] else target)
        if made[path]:
            _remove_empty(repo.top, os.path.dirname(path), made[path])
    shutil.rmtree(junk, ignore_errors=True)
    if not others:
        os.rmdir(target)
    return TrialFiles(changed, folders, others, target)


def _move(top: str, path: str, target: str) -> None:
    source = os.path.join(top, path)
    try:
        os.makedirs(target, exist_ok=True)
        below.move(top, source, target, os.path.join(target, path))
    except OSError as error:
        raise Stop(
            REFUSED,
            f"a trial left {one_line(source)}, which can't be moved away ({error.strerror}). remove it",
        ) from None


def _remove_empty(top: str, folder: str, cache: str) -> None:
    """Remove an empty folder, and those above it that are in the same cache."""
    with suppress(OSError):  # not empty
        while folder == cache or folder.startswith(f"{cache}/"):
            os.rmdir(os.path.join(top, folder))
            folder = os.path.dirname(folder)
