"""Restoring a repository from its snapshot, and what needs your review afterwards.

Git would already obey what was changed, so it is asked nothing before its files are back. What is found changed is moved into a folder,
never deleted.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator

from correctless.base import below, exits
from correctless.base.exits import Stop
from correctless.project.git import Repo, call, dot_git, index, objects
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
from correctless.project.git.call import GitPlace
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
_PASSING = re.compile(
    r"(COMMIT_EDITMSG|ORIG_HEAD|FETCH_HEAD|MERGE_\w+|CHERRY_PICK_HEAD|REVERT_HEAD|REBASE_HEAD|AUTO_MERGE|SQUASH_MSG|TAG_EDITMSG"
    r"|BISECT_\w+|NOTES_\w+|gc\.(log|pid)|fsmonitor--daemon.*|sharedindex\..*|tmp_\w+)\Z|(rebase-\w+|sequencer)(/|\Z)|.*\.lock\Z"
)
_DERIVED = re.compile(r"objects/(info/commit-graphs?|pack/multi-pack-index)|info/refs\Z")


def restore(before: Before, aside: str) -> tuple[Change, ...]:
    """Put back what differs from `before`, moving what stands there into the folder `aside`; what a person should know of.

    `Stop(3)` when the repository is not where it was, or when objects its refs need are gone.
    """
    repairs = Repairs(before, aside)
    try:
        _hold_folders(repairs)
        _files(repairs)
        _objects(repairs)
        back = restore_refs(repairs)
        restore_reflogs(repairs, back)
        sound = _index(repairs)
        refuse_lost_objects(repairs)
        restore_tip(repairs)
        _index(repairs, sound)
    finally:
        if repairs.changes:
            told = [f"{_shown(before.repo, change.name)}\t{change.what}\n" for change in repairs.changes]
            root = repairs.root_of(aside)
            below.make_folder(root, aside)
            below.append(
                root, os.path.join(aside, CHANGES), "".join(told).encode("utf-8", "backslashreplace")
            )
    return tuple(repairs.changes)


def _hold_folders(repairs: Repairs) -> None:
    """The worktree and its `.git` are the ones they were; a `.git` that was moved within the worktree comes back."""
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
            f"{git} does not lead to {repo.git_dir} any more. put the repository back, "
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
        f"{git} is gone, or another one is in its place, and the worktree does not hold the one it was. "
        "put it back, then continue with: correctless cauto resume",
    )


def _files(repairs: Repairs) -> None:
    repo = repairs.repo
    for path in (*_odd_folders(repo, repairs.before),):
        repairs.move_away(path)
        repairs.changes.append(Change(path, "was no folder of this repository and was taken away"))
    _new_stores(repairs)
    now = {*watched(repo)}
    others = dict(other_heads(repo))
    config = os.path.join(repo.common_dir, "config")
    for path in sorted({*now, *repairs.before.files}):
        passing = bool(_PASSING.match(os.path.relpath(path, repo.git_dir)))
        if path == os.path.join(repo.git_dir, "HEAD") and _plain_head(path):
            continue  # which branch the agent left is the check's business
        if path in others and repairs.before.indexes.get(path) != stamp_of(others[path]):
            _tell_of(repairs, path)  # a switch there: its files fit this head and not the one before
            continue
        if path == config and _only_tracking(repairs, path):
            continue
        if _DERIVED.match(os.path.relpath(path, repo.common_dir)):
            if not repairs.before.files.get(path, NOTHING).same(entry_of(path)):
                repairs.move_away(path)
            continue
        repairs.put_back(path, "", quiet=passing)


def _new_stores(repairs: Repairs) -> None:
    """Submodules' stores and worktrees that were made meanwhile go whole; of a snapshot read from disk a person may have made them since."""
    known = repairs.before.stores
    for path in sorted(stores(repairs.repo)) if known is not None else ():
        if path in (known or ()) or not os.path.lexists(path):
            continue
        if repairs.before.folders:
            repairs.move_away(path)
            repairs.changes.append(Change(path, "was made; taken away"))
        else:
            repairs.changes.append(Change(path, "was made; left as it is"))


def _tell_of(repairs: Repairs, path: str) -> None:
    if not repairs.before.files.get(path, NOTHING).same(entry_of(path)):
        repairs.changes.append(Change(path, "another worktree stands on another branch; left as it is"))


def _only_tracking(repairs: Repairs, path: str) -> bool:
    """Whether nothing differs but what a branch tracks, in plain names: that decides nothing of a run, and others set it meanwhile."""
    before, now = repairs.before.files.get(path, NOTHING), entry_of(path)
    if before.same(now) or before.data is None or now.data is None:
        return False
    kept = [_but_tracking(data) for data in (before.data, now.data)]
    return kept[0] is not None and kept[0] == kept[1]


def _but_tracking(data: bytes) -> list[str] | None:
    """The settings of a configuration file but those; None where git can't read it."""
    words = ("config", "--file", "-", "--no-includes", "--null", "--list")
    # Outside of any repository: nothing is put back yet.
    listed = call.run(GitPlace(os.sep), words, stdin=data.decode("utf-8", "surrogateescape"))
    items = listed.stdout.split("\0")
    return [item for item in items if not _TRACKING.match(item)] if listed.returncode == 0 else None


def _index(repairs: Repairs, sound: tuple[int, ...] = ()) -> tuple[int, ...]:
    """No lock that nobody holds, and an index git can read: of its own, or none, which is read anew from HEAD.

    `sound` and the answer are what the file is like that was found so.
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


def _objects(repairs: Repairs) -> None:
    """What was put at an object's place and is not that: git would write nothing there, and commit what lies there."""
    for path, stamp in [*objects_of(repairs.repo)]:
        if repairs.before.objects.get(path) == stamp:
            continue
        if path.endswith(".idx") and not objects.sound_pack(repairs.repo, path):
            objects.unpack(repairs.repo, path, repairs.move_away)
            repairs.changes.append(Change(path, "names objects that are others; unpacked and taken away"))
        elif not objects.sound(path):
            repairs.move_away(path)
            repairs.changes.append(Change(path, "is not the object of its name; taken away"))


def _shown(repo: Repo, name: str) -> str:
    inside = os.path.isabs(name) and os.path.dirname(repo.common_dir)
    return os.path.relpath(name, inside) if inside and name.startswith(inside + os.sep) else name


def _plain_head(path: str) -> bool:
    data = (entry_of(path).data or b"").decode("utf-8", "replace").strip()
    named = data.removeprefix("ref: refs/heads/")
    return bool(OID.match(data)) or (named != data and _is_name(named))


def _is_name(name: str) -> bool:
    return (
        bool(name)
        and ".." not in name
        and "//" not in name
        and name.isprintable()
        and not name.startswith(("/", "."))
    )


def _odd_folders(repo: Repo, before: Before) -> Iterator[str]:
    """Links and files where git has folders, and what is neither file nor folder where it has objects: git would write or wait there."""
    for path in folders(repo):
        if os.path.lexists(path) and not stat.S_ISDIR(os.lstat(path).st_mode) and path not in before.files:
            yield path
    for item in scan(os.path.join(repo.common_dir, "objects")):
        if item.is_symlink() or not (item.is_dir() or item.is_file()):
            yield item.path
            continue
        for inner in scan(item.path):
            plain = inner.is_file(follow_symlinks=False) or inner.is_dir(follow_symlinks=False)
            if not plain and inner.path not in before.objects and inner.path not in before.files:
                yield inner.path


def _moved_to(top: str) -> Iterator[str]:
    """The folders of a worktree a git folder may have been moved to."""
    left = [top]  # no recursion: how deep it goes is an agent's to say
    while left:
        for item in scan(left.pop()):
            if item.is_dir(follow_symlinks=False):
                left.append(item.path)
                if os.path.lexists(os.path.join(item.path, "HEAD")):
                    yield item.path
