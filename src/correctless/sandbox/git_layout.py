"""What of a repository's git folders an agent may write: what a commit on its branch needs, and nothing that runs a program."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress

from correctless.project.git import Repo
from correctless.sandbox.reach import Rule

# Each of these decides what git does, for everybody who uses the repository afterwards.
_DECIDES = (
    *("config", "config.worktree", "hooks", "info", "commondir", "gitdir", "shallow"),
    *("packed-refs", "worktrees"),
    "modules",  # a submodule has its configuration, its hooks and all its commits there
    "correctless.lock",  # another file in its place would let a second dispatcher in
)
_FOLDERS = ("hooks", "info", "objects/info", "objects/pack", "refs/tags", "refs/remotes", "refs/replace")
_FILES = ("packed-refs", "config.worktree")
_SIBLINGS = 256  # branches beside the run's that get a rule each; of more, only those in other folders
_PACKS = 32  # of more, none can be added either


def rules(repo: Repo, branch: str) -> Iterator[Rule]:
    """The rules for `repo` while its worktree is on `branch`."""
    common, own = repo.common_dir, repo.git_dir
    yield Rule(common, "write" if own == common else "read")
    yield Rule(own, "write")
    link = os.path.join(repo.top, ".git")
    if os.path.isfile(link):  # of a linked worktree, and of a submodule
        yield Rule(link, "read")
    for folder in dict.fromkeys((own, common)):
        for name in _DECIDES:
            yield Rule(os.path.join(folder, name), "read")
    yield Rule(own, "write")  # of a linked worktree it lies in the `worktrees` of the other
    yield from _objects(os.path.join(common, "objects"))
    for refs in ("refs", "logs/refs"):
        # git writes a ref by a rename: its folder is writable and what lies beside it isn't. Beside the branch that is refs/stash.
        yield from _alone(os.path.join(common, refs), "stash")
        yield Rule(os.path.join(common, refs, "heads"), "read")
        yield from _alone(*os.path.split(os.path.join(common, refs, "heads", branch)))


def prepare(repo: Repo, branch: str) -> None:
    """Make what must be there to be protected, or to be written in: git makes it as it needs it."""
    common = repo.common_dir
    for name in _FOLDERS:
        os.makedirs(os.path.join(common, name), exist_ok=True)
    for refs in ("refs", "logs/refs"):
        os.makedirs(os.path.dirname(os.path.join(common, refs, "heads", branch)), exist_ok=True)
    for path in (*(os.path.join(common, name) for name in _FILES), os.path.join(repo.git_dir, _FILES[-1])):
        with suppress(FileExistsError), open(path, "xb"):
            pass
    _unpack(common, "refs/heads/" + branch)


def _unpack(common: str, ref: str) -> None:
    """Write the refs beside `ref` that are only packed as files too: one that is no file can't be protected."""
    folder = os.path.dirname(ref) + "/"
    pattern = re.compile(rb"^[0-9a-f]{40,64} " + re.escape(os.fsencode(folder)) + rb"(.+)$", re.MULTILINE)
    names = {os.fsdecode(name) for name in pattern.findall(_packed(common))}
    for name in sorted(names)[:_SIBLINGS]:
        first, deeper, _ = name.partition("/")
        path = os.path.join(common, folder, first)
        if deeper:
            os.makedirs(path, exist_ok=True)
        elif not os.path.lexists(path) and folder + name != ref:
            with suppress(FileExistsError):  # then git is writing it
                _write_loose(common, folder + name)


def _write_loose(common: str, ref: str) -> None:
    path = os.path.join(common, ref)
    with open(path + ".lock", "xb") as file:  # git's own lock of this ref
        line = re.search(
            rb"^([0-9a-f]{40,64}) " + re.escape(os.fsencode(ref)) + rb"$", _packed(common), re.MULTILINE
        )
        file.write(line[1] + b"\n" if line else b"")
    if line and not os.path.lexists(path):
        os.rename(path + ".lock", path)
    else:
        os.unlink(path + ".lock")


def _packed(common: str) -> bytes:
    with suppress(OSError), open(os.path.join(common, "packed-refs"), "rb") as file:
        return file.read()
    return b""


def _alone(folder: str, name: str) -> Iterator[Rule]:
    """Of a folder one entry, which may be missing."""
    yield Rule(folder, "write")
    for other in _names(folder)[:_SIBLINGS]:
        if other != name:
            yield Rule(os.path.join(folder, other), "read")


def _objects(objects: str) -> Iterator[Rule]:
    """New objects can be added; packs that are there can be neither removed nor changed."""
    yield Rule(objects, "write")
    yield Rule(os.path.join(objects, "info"), "read")
    pack = os.path.join(objects, "pack")
    names = _names(pack)
    for name in names if len(names) <= _PACKS else ("",):
        yield Rule(os.path.join(pack, name), "read")


def _names(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []
