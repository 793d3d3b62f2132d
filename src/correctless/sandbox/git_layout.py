"""Access to a repository's git folders.

An agent may write what a commit on its branch needs, and nothing that runs a program.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress

from correctless.base import below
from correctless.base.exits import REFUSED, Stop
from correctless.project.git import Repo, before
from correctless.sandbox.reach import AccessRule, inside, names_in

# Each of these decides what git does for every later user of the repository.
_DECIDES = (
    *("config", "config.worktree", "hooks", "info", "commondir", "gitdir", "shallow"),
    *("packed-refs", "worktrees"),
    "modules",  # a submodule has its configuration, its hooks and all its commits there
    "correctless.lock",  # another file in its place would let a second dispatcher in
)
_FOLDERS = (
    *("hooks", "info", "modules", "worktrees"),
    *("objects/info", "objects/pack", "refs/tags", "refs/remotes", "refs/replace"),
)
_HOOKS = "core.hookspath"
_NAMES = ("path", "file", "dir", "template")  # ends of git's keys that name a file or folder
_FILES = ("packed-refs", "config.worktree")
_SIBLINGS = 256  # branches beside the run's that get a rule each; of more, only those in other folders
_LONGEST = 1 << 14  # bytes of a file with one path
_PACKS = 32  # of more, none can be added either


def rules(repo: Repo, branch: str, settings: Mapping[str, str]) -> Iterator[AccessRule]:
    """Yield the rules for `repo` while its worktree is on `branch`.

    `settings` is its configuration by lower-case key.
    """
    common, own = repo.common_dir, repo.git_dir
    yield AccessRule(common, "write" if own == common else "read")
    yield AccessRule(own, "write")
    link = os.path.join(repo.top, ".git")
    refuse_link(repo)
    if os.path.isfile(link):  # of a linked worktree, and of a submodule
        yield _read_only(link)
    for folder in dict.fromkeys((own, common)):
        for name in _DECIDES:
            yield _read_only(os.path.join(folder, name))
    yield AccessRule(own, "write")  # of a linked worktree it is in the `worktrees` of the other
    yield from _objects(os.path.join(common, "objects"))
    for refs in ("refs", "logs/refs"):
        # git writes a ref by a rename: its folder is writable and what is beside it is not. Beside the branch that is refs/stash.
        yield from _alone(os.path.join(common, refs), "stash")
        yield _read_only(os.path.join(common, refs, "heads"))
        yield from _alone(*os.path.split(os.path.join(common, refs, "heads", branch)))
    for path in (*before.included(repo), *_named(repo, settings), *_worktrees_in(repo)):
        yield _read_only(path)


def refuse_link(repo: Repo) -> None:
    """Refuse a repository whose `.git` is a link.

    No mount can protect a link, so what an agent put in its place would become your repository.

    Raises: Stop(3).
    """
    link = os.path.join(repo.top, ".git")
    if os.path.islink(link):
        raise Stop(
            REFUSED,
            f"{link} is a symbolic link, which an agent in the sandbox could replace. "
            f"put a file in its place with the line: gitdir: {repo.git_dir}",
        )


def prepare(repo: Repo, branch: str, settings: Mapping[str, str]) -> None:
    """Create the files and folders that must exist to be protected or to be writable.

    git would create them when it needs them.
    """
    common = repo.common_dir
    folders = [os.path.join(common, name) for name in _FOLDERS]
    folders += [
        os.path.dirname(os.path.join(common, refs, "heads", branch)) for refs in ("refs", "logs/refs")
    ]
    named = set(_named(repo, settings))
    hooks = named.intersection(_named(repo, {_HOOKS: settings.get(_HOOKS, "")}))
    for folder in (*folders, *hooks):
        if not os.path.isdir(folder):
            below.make_folder(common, folder)
    files = [*(os.path.join(common, name) for name in _FILES), os.path.join(repo.git_dir, _FILES[-1])]
    files += [*(path for path in before.included(repo) if _in_git_folders(repo, path)), *(named - hooks)]
    for path in files:
        with suppress(FileExistsError, FileNotFoundError), open(path, "xb"):
            pass
    _unpack(common, "refs/heads/" + branch)


def _read_only(path: str) -> AccessRule:
    # It only takes access away: links from an earlier attempt may lead anywhere.
    return AccessRule(path, "read", narrows=True)


def _named(repo: Repo, settings: Mapping[str, str]) -> Iterator[str]:
    """Yield the paths in git's folders that its configuration names, such as its hooks."""
    for key, value in settings.items():
        paths = [_of_worktree(repo, each) for each in value.split("\n")] if key.endswith(_NAMES) else []
        yield from (path for path in paths if _in_git_folders(repo, path))


def _of_worktree(repo: Repo, value: str) -> str:
    return os.path.normpath(os.path.join(repo.top, os.path.expanduser(value)))


def _in_git_folders(repo: Repo, path: str) -> bool:
    return any(path != folder and inside(path, folder) for folder in (repo.common_dir, repo.git_dir))


def _worktrees_in(repo: Repo) -> Iterator[str]:
    """Yield other worktrees inside of this one."""
    folder = os.path.join(repo.common_dir, "worktrees")
    for name in names_in(folder):
        with suppress(OSError):
            content = below.read(os.path.join(folder, name, "gitdir"), _LONGEST, root=repo.common_dir)
            top = os.path.dirname(os.path.normpath(os.fsdecode(content.rstrip(b"\r\n"))))
            if top != repo.top and inside(top, repo.top):
                yield top


def _unpack(common: str, ref: str) -> None:
    """Write the packed refs beside `ref` as files: only a file can be protected."""
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
    with suppress(OSError):
        return below.read(os.path.join(common, "packed-refs"), before.LONGEST_PACKED)
    return b""


def _alone(folder: str, name: str) -> Iterator[AccessRule]:
    """Yield rules that make one entry of a folder writable; it may be missing."""
    yield AccessRule(folder, "write")
    for other in names_in(folder)[:_SIBLINGS]:
        if other != name:
            yield _read_only(os.path.join(folder, other))


def _objects(objects: str) -> Iterator[AccessRule]:
    """Yield rules to add objects; existing packs cannot be removed or changed."""
    yield AccessRule(objects, "write")
    yield _read_only(os.path.join(objects, "info"))
    pack = os.path.join(objects, "pack")
    packs = names_in(pack)
    for name in packs if len(packs) <= _PACKS else ("",):
        yield _read_only(os.path.join(pack, name))
