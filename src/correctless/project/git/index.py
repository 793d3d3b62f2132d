"""Verification of an index: a run does not depend on it, but git must be able to read it."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from typing import TYPE_CHECKING

from correctless.base.files import open_plain

if TYPE_CHECKING:
    from correctless.project.git import Repo

_LONGEST = 512 << 20  # bytes: several millions of files
_CHUNK = 1 << 20
_NO_NAMES = frozenset(("", ".", "..", ".git"))


def sound(repo: Repo) -> bool:
    """Whether the index is intact and readable by git, and names each path once and only paths of a worktree."""
    path = os.path.join(repo.git_dir, "index")
    return _whole(path) and _plain(repo)


def _plain(repo: Repo) -> bool:
    done = repo.try_git("ls-files", "--stage", "-z")
    if done.returncode != 0:
        return False
    stages: dict[str, set[str]] = {}
    for item in filter(None, done.stdout.split("\0")):
        what, _, path = item.partition("\t")
        stages.setdefault(path, set()).add(what[-1])
        if not _NO_NAMES.isdisjoint(path.lower().split("/")):
            return False
    # A conflict has no stage 0: git makes no index with stage 0 beside another.
    return not any("0" in numbers and len(numbers) > 1 for numbers in stages.values())


def _whole(path: str) -> bool:
    with suppress(OSError), open(open_plain(path), "rb") as file:
        size = os.fstat(file.fileno()).st_size
        head, tail = file.read(4), b""
        if head != b"DIRC" or size > _LONGEST:
            return False
        for digest in (hashlib.sha1(usedforsecurity=False), hashlib.sha256()):
            remaining = size - digest.digest_size
            file.seek(0)
            while remaining > 0 and (data := file.read(min(_CHUNK, remaining))):
                digest.update(data)
                remaining -= len(data)
            tail = file.read(digest.digest_size + 1)
            if tail in (bytes(digest.digest_size), digest.digest()):
                return True
    return False
