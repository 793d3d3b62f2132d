"""Files in Git LFS: a commit has only their pointers, so that a push without hooks uploads none of their contents."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from contextlib import suppress

from correctless.base import below, exits
from correctless.base.exits import Stop
from correctless.project.git import Repo
from correctless.publish.branch import ENV, PLAIN, refusal
from correctless.publish.leaks import LARGEST, added

_ATTRIBUTES, _RULE = ".gitattributes", b"filter=lfs"
_CONFIG = ".lfsconfig"  # it can name another server
_SECONDS = 3600.0
_POINTER = re.compile(r"oid sha256:([0-9a-f]{64})\Z")


def rules(repo: Repo) -> str:
    """Return a file of the commit that puts files into Git LFS; "" without one."""
    for path in repo.git("ls-files", "-z", "--", ":(glob)**/.gitattributes").split("\0"):
        # None: missing in a partial clone, so its folder is not checked out either.
        data = repo.file_at("HEAD", path) if path else None
        if data is not None and _RULE in data:
            return path
    return ""


def refuse_unready(repo: Repo) -> None:
    """Refuse a repository whose files git-lfs can't commit and upload here. Raises: `Stop(3)`."""
    where = rules(repo)
    if where and (fault := _fault(repo)):
        what, fix = fault
        raise Stop(exits.REFUSED, f"{_kept(where, what)}. {fix}")


def refused(repo: Repo, changed: Iterable[str]) -> str:
    """Return why a step may not leave these changes: they put files into Git LFS where git-lfs can't commit them; "" if it may."""
    for path in changed:
        if os.path.basename(path) == _ATTRIBUTES and _RULE in _bytes(repo, path) and (fault := _fault(repo)):
            what, fix = fault
            return f"{_kept(path, what)}. leave Git LFS out, or the reviewer has to set it up first: {fix}"
    return ""


def _fault(repo: Repo) -> tuple[str, str] | None:
    """Return what git-lfs lacks here, and how to fix it."""
    if repo.try_git("lfs", "version").returncode != 0:
        return "git-lfs is not installed", "install git-lfs, then run: git lfs install && git lfs pull"
    if not repo.try_git("config", "--get", "filter.lfs.clean").stdout.strip():
        return "git-lfs is not set up", "run: git lfs install && git lfs pull"
    return None


def _bytes(repo: Repo, path: str) -> bytes:
    with suppress(OSError):
        return below.read(os.path.join(repo.top, path), LARGEST, root=repo.top)
    return b""


def upload(repo: Repo, remote: str, base: str) -> None:
    """Upload the contents of a branch's files in Git LFS, before the branch is pushed.

    Raises: `Stop(3)` when git-lfs fails, `Stop(10)` when the branch changes where they are uploaded to.
    """
    if not rules(repo):
        return
    if repo.file_at(base, _CONFIG) != repo.file_at("HEAD", _CONFIG) or _differs(repo):
        raise Stop(
            exits.PERSON,
            f"the branch changes {_CONFIG}, which says where files are uploaded to. see it, upload them yourself "
            f"(git lfs push {remote} HEAD), and push the branch",
        )
    done = repo.try_git(*PLAIN, "lfs", "push", remote, "HEAD", rights="remote", env=ENV, seconds=_SECONDS)
    if done.returncode != 0:
        raise Stop(
            exits.REFUSED,
            f"git-lfs could not upload to '{remote}': {refusal(done.stdout, done.stderr)}. fix that, then run cauto resume",
        )


def contents(repo: Repo, diff: str) -> dict[str, str]:
    """Return the contents, by a name, of the files in Git LFS that patches point to; without those too long to be scanned."""
    texts: dict[str, str] = {}
    for line in added(diff):
        if match := _POINTER.match(line.text):
            oid = match[1]
            path = os.path.join(repo.common_dir, "lfs", "objects", oid[:2], oid[2:4], oid)
            with suppress(OSError):
                data = below.read(path, LARGEST + 1, root=repo.common_dir)
                if len(data) <= LARGEST:
                    texts[f"{line.path} in Git LFS"] = data.decode("utf-8", "replace")
    return texts


def _differs(repo: Repo) -> bool:
    try:
        with open(os.path.join(repo.top, _CONFIG), "rb") as file:
            return file.read(1 << 20) != repo.file_at("HEAD", _CONFIG)
    except OSError:
        return False  # git-lfs then reads the commit's


def _kept(where: str, what: str) -> str:
    return f"{where} keeps files in Git LFS, and {what}: a run would commit and push files that no clone gets"
