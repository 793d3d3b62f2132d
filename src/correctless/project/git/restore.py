"""Restoring a repository from its snapshot, and the changes for your review.

Git would already obey changed files, so no git command runs before they are restored. They are moved into a folder, never
deleted.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Mapping

from correctless.base import below, exits
from correctless.base.exits import Stop
from correctless.project.git import Repo, call, index, objects
from correctless.project.git.before import (
    NOTHING,
    Before,
    entry_of,
    folders,
    identity,
    objects_of,
    other_heads,
    scan,
    stamp_of,
    stores,
    watched,
)
from correctless.project.git.call import GitPlace, dot_git
from correctless.project.git.lfs_hooks import is_lfs_hook
from correctless.project.git.objectid import OID
from correctless.project.git.repairs import Change, Repairs, alone
from correctless.project.git.restore_refs import (
    refuse_lost_objects,
    restore_reflogs,
    restore_refs,
    restore_tip,
)

_TRACKING = re.compile(
    r"branch\.[^\n]*\.(remote\n(\.|\w[\w.-]*)|merge\nrefs/heads/[^\s:]+|rebase\n(true|false|merges))\Z"
)
CHANGES = "changes.txt"  # in the folder of what was moved away
# Files that come and go with ordinary work: restored or moved away without a report.
_PASSING = re.compile(
    r"(COMMIT_EDITMSG|ORIG_HEAD|FETCH_HEAD|MERGE_\w+|CHERRY_PICK_HEAD|REVERT_HEAD|REBASE_HEAD|AUTO_MERGE|SQUASH_MSG|TAG_EDITMSG"
    r"|BISECT_\w+|NOTES_\w+|gc\.(log|pid)|fsmonitor--daemon.*|sharedindex\..*|tmp_\w+)\Z|(rebase-\w+|sequencer)(/|\Z)|.*\.lock\Z"
)
_DERIVED = re.compile(r"objects/(info/commit-graphs?|pack/multi-pack-index)|info/refs\Z")


def restore(before: Before, aside: str) -> tuple[Change, ...]:
    """Restore what differs from `before`, moving what is there into the folder `aside`; return the changes.

    Raises: `Stop(3)` when the repository was moved, or when objects its refs need are missing.
    """
    repairs = Repairs(before, aside)
    try:
        _check_folders(repairs)
        _files(repairs)
        present = _objects(repairs)
        restored = restore_refs(repairs)
        restore_reflogs(repairs, restored)
        sound = _index(repairs)
        refuse_lost_objects(repairs, present)
        restore_tip(repairs)
        _index(repairs, sound)
    finally:
        if repairs.changes:
            lines = [f"{_relative(before.repo, change.name)}\t{change.what}\n" for change in repairs.changes]
            root, data = repairs.root_of(aside), "".join(lines).encode("utf-8", "backslashreplace")
            below.make_folder(root, aside)
            below.append(root, os.path.join(aside, CHANGES), data)
    return tuple(repairs.changes)


def _check_folders(repairs: Repairs) -> None:
    """Refuse another worktree or `.git` than before; a `.git` that was moved within the worktree is moved back."""
    repo, known = repairs.repo, repairs.before.folders
    if repo.top in known and identity(repo.top) != known[repo.top]:
        raise Stop(
            exits.REFUSED,
            f"{repo.top} is no longer the worktree it was: it was moved, or another folder is in its place. "
            "put it back, then continue with: correctless cauto resume",
        )
    git = os.path.join(repo.top, ".git")
    own = os.path.join(repo.top, ".git") == repo.git_dir
    if own and repo.git_dir in known and identity(git, follow=False) != known[repo.git_dir]:
        _bring_back(repairs, git, known[repo.git_dir])
    if not own and git in repairs.before.files:
        repairs.put_back(git, "the worktree's .git", quiet=False)
    if dot_git(repo.top) != repo.git_dir or not os.path.isdir(repo.common_dir):
        raise Stop(
            exits.REFUSED,
            f"{git} does not lead to {repo.git_dir} any more. restore the repository, "
            "then continue with: correctless cauto resume",
        )


def _bring_back(repairs: Repairs, git: str, known: tuple[int, int]) -> None:
    for folder in _moved_to(repairs.repo.top):
        if identity(folder, follow=False) == known:
            if os.path.lexists(git):
                repairs.move_away(git)
            os.rename(folder, git)
            repairs.changes.append(Change(git, "was moved and is back in its place"))
            return
    raise Stop(
        exits.REFUSED,
        f"{git} is missing, or another one is in its place, and the original is nowhere in the worktree. "
        "put it back, then continue with: correctless cauto resume",
    )


def _files(repairs: Repairs) -> None:
    repo = repairs.repo
    for path in list(_odd_folders(repo, repairs.before)):
        repairs.move_away(path)
        repairs.changes.append(Change(path, "was no folder of this repository; moved away"))
    _new_stores(repairs)
    now = {*watched(repo)}
    others = dict(other_heads(repo))
    config = os.path.join(repo.common_dir, "config")
    for path in sorted({*now, *repairs.before.files}):
        passing = bool(_PASSING.match(os.path.relpath(path, repo.git_dir)))
        if path == os.path.join(repo.git_dir, "HEAD") and _plain_head(path):
            continue  # which branch the agent left is the check's business
        if path in others and repairs.before.indexes.get(path) != stamp_of(others[path]):
            _report_switch(repairs, path)  # its files match this head and not the one before
            continue
        if path == config and _only_tracking(repairs, path):
            continue
        if path not in repairs.before.files and _installed_by_lfs(repo, path):
            continue
        if _DERIVED.match(os.path.relpath(path, repo.common_dir)):
            if not repairs.before.files.get(path, NOTHING).same(entry_of(path)):
                repairs.move_away(path)
            continue
        repairs.put_back(path, "", quiet=passing)


def _new_stores(repairs: Repairs) -> None:
    """Move added submodule stores and worktrees away; with a snapshot read from disk you may have added them: only report."""
    known = repairs.before.stores
    for path in sorted(stores(repairs.repo)) if known is not None else ():
        if path in (known or ()) or not os.path.lexists(path):
            continue
        if repairs.before.folders:
            repairs.move_away(path)
            repairs.changes.append(Change(path, "was added; moved away"))
        else:
            repairs.changes.append(Change(path, "was added; left as it is"))


def _report_switch(repairs: Repairs, path: str) -> None:
    if not repairs.before.files.get(path, NOTHING).same(entry_of(path)):
        repairs.changes.append(Change(path, "another worktree is on another branch; left as it is"))


def _only_tracking(repairs: Repairs, path: str) -> bool:
    """Whether only tracking settings of branches differ: a run does not use them, and your own git commands set them."""
    before, now = repairs.before.files.get(path, NOTHING), entry_of(path)
    if before.same(now) or before.data is None or now.data is None:
        return False
    settings = [_but_tracking(data) for data in (before.data, now.data)]
    return settings[0] is not None and settings[0] == settings[1]


def _but_tracking(data: bytes) -> list[str] | None:
    """Return the settings of a configuration file without those; None where git can't read it."""
    args = ("config", "--file", "-", "--no-includes", "--null", "--list")
    # Outside of any repository: its files are not restored yet.
    listed = call.run(GitPlace(os.sep), args, stdin=data.decode("utf-8", "surrogateescape"))
    items = listed.stdout.split("\0")
    return [item for item in items if not _TRACKING.match(item)] if listed.returncode == 0 else None


def _installed_by_lfs(repo: Repo, path: str) -> bool:
    return os.path.dirname(path) == os.path.join(repo.common_dir, "hooks") and is_lfs_hook(
        path, entry_of(path).data
    )


def _index(repairs: Repairs, sound: tuple[int, ...] = ()) -> tuple[int, ...]:
    """Move an index that git can't read away, and have git make a new one from HEAD.

    Returns the stamp of a valid index; one with the stamp `sound` is not verified again.
    """
    path = os.path.join(repairs.repo.git_dir, "index")
    now = stamp_of(path)
    if now and now == sound:
        return sound
    if os.path.lexists(path) and not (alone(path) and index.sound(repairs.repo)):
        repairs.move_away(path)
    if os.path.lexists(path):
        return now
    repairs.repo.try_git("reset", "--mixed", "--quiet")
    return ()


def _objects(repairs: Repairs) -> Mapping[str, tuple[int, ...]]:
    """Move away files in the place of objects that are not those: git would not write the object, and commit the file.

    Return the objects that are left, as `Before.objects`.
    """
    present = dict(objects_of(repairs.repo))
    changes = len(repairs.changes)
    for path, stamp in present.items():
        if repairs.before.objects.get(path) == stamp:
            continue
        if path.endswith(".idx") and not objects.sound_pack(repairs.repo, path):
            objects.unpack(repairs.repo, path, repairs.move_away)
            repairs.changes.append(Change(path, "names objects of other content; unpacked and moved away"))
        elif not objects.sound(path):
            repairs.move_away(path)
            repairs.changes.append(Change(path, "is not the object of its name; moved away"))
    return present if len(repairs.changes) == changes else dict(objects_of(repairs.repo))


def _relative(repo: Repo, name: str) -> str:
    inside = os.path.isabs(name) and os.path.dirname(repo.common_dir)
    return os.path.relpath(name, inside) if inside and name.startswith(inside + os.sep) else name


def _plain_head(path: str) -> bool:
    data = (entry_of(path).data or b"").decode("utf-8", "replace").strip()
    named = data.removeprefix("ref: refs/heads/")
    return bool(OID.match(data)) or (named != data and _is_name(named))


def _is_name(name: str) -> bool:
    hostile = ".." in name or "//" in name or name.startswith(("/", "."))
    return bool(name) and name.isprintable() and not hostile


def _odd_folders(repo: Repo, before: Before) -> Iterator[str]:
    """Yield links and files in place of git's folders, and special files among its objects: git would write or wait there."""
    for path in folders(repo):
        if os.path.lexists(path) and not stat.S_ISDIR(os.lstat(path).st_mode) and path not in before.files:
            yield path
    for item in scan(os.path.join(repo.common_dir, "objects")):
        if item.is_symlink() or not (item.is_dir() or item.is_file()):
            yield item.path
            continue
        for inner in scan(item):
            plain = inner.is_file(follow_symlinks=False) or inner.is_dir(follow_symlinks=False)
            if not plain and inner.path not in before.objects and inner.path not in before.files:
                yield inner.path


def _moved_to(top: str) -> Iterator[str]:
    """Yield the folders of a worktree a git folder may have been moved to."""
    waiting = [top]  # no recursion: an agent decides how deep it is
    while waiting:
        for item in scan(waiting.pop()):
            if item.is_dir(follow_symlinks=False):
                waiting.append(item.path)
                if os.path.lexists(os.path.join(item.path, "HEAD")):
                    yield item.path
