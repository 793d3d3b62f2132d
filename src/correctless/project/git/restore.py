"""A snapshot of a repository in; what differs put back by plain file operations, and what a person should know of out.

Git would already obey what was changed, so it is asked nothing before its files are back. What is found changed is moved into a folder,
never deleted.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import stat
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from correctless import exits
from correctless.base.files import replace_file
from correctless.exits import Stop
from correctless.project.git import Repo, call, dot_git
from correctless.project.git.before import (
    NOTHING,
    OID,
    Before,
    Entry,
    entry_of,
    folders,
    identity,
    objects_of,
    other_heads,
    reflogs,
    refs_of,
    scan,
    stamp_of,
    watched,
)
from correctless.project.git.call import SECONDS, Place

CHANGES = "changes.txt"  # in the folder of what was moved away
_PASSING = re.compile(
    r"(COMMIT_EDITMSG|ORIG_HEAD|FETCH_HEAD|MERGE_\w+|CHERRY_PICK_HEAD|REVERT_HEAD|REBASE_HEAD|AUTO_MERGE|SQUASH_MSG|TAG_EDITMSG"
    r"|BISECT_\w+|NOTES_\w+|gc\.(log|pid)|fsmonitor--daemon.*|sharedindex\..*|tmp_\w+)\Z|(rebase-\w+|sequencer)(/|\Z)|.*\.lock\Z"
)
_DERIVED = re.compile(r"objects/(info/commit-graphs?|pack/multi-pack-index)|info/refs\Z")
_OURS = "refs/correctless/"  # the dispatcher's own refs: it makes some while a snapshot is in use


@dataclass(frozen=True, slots=True)
class Change:
    """What was found changed: a file's path or a ref's name, and what became of it."""

    name: str
    what: str


def restore(before: Before, aside: str) -> tuple[Change, ...]:
    """Put back what differs from `before`, moving what stands there into the folder `aside`; what a person should know of.

    `Stop(3)` when the repository is not where it was, or when objects its refs need are gone.
    """
    work = _Restoring(before, aside)
    try:
        work.hold_folders()
        work.files()
        work.refs()
        work.reflogs()
        work.index()
        work.objects()
        work.tip()
    finally:
        if work.changes:
            told = [f"{_shown(before.repo, change.name)}\t{change.what}\n" for change in work.changes]
            os.makedirs(aside, mode=0o700, exist_ok=True)
            path = os.path.join(aside, CHANGES)
            with open(path, "a", encoding="utf-8", errors="backslashreplace") as file:
                file.writelines(told)
    return tuple(work.changes)


class _Restoring:
    """One comparison: what it has found so far, and where what it takes away goes."""

    def __init__(self, before: Before, aside: str) -> None:
        self.before = before
        self.repo = before.repo
        self.aside = aside
        self.changes: list[Change] = []
        self.back: set[str] = set()  # refs that were put back

    def hold_folders(self) -> None:
        """The worktree and its `.git` are the ones they were; a `.git` that was moved within the worktree comes back."""
        repo, known = self.repo, self.before.folders
        if repo.top in known and identity(repo.top) != known[repo.top]:
            raise Stop(
                exits.REFUSED,
                f"{repo.top} is no longer the worktree it was: it was moved, or another folder is in its place. "
                "put it back, then go on with: correctless cauto resume",
            )
        git = os.path.join(repo.top, ".git")
        own = os.path.join(repo.top, ".git") == repo.git_dir
        if own and repo.git_dir in known and identity(git, follow=False) != known[repo.git_dir]:
            self._bring_back(git, known[repo.git_dir])
        if not own and git in self.before.files:
            self._put_back(git, "the worktree's .git", quiet=False)
        if dot_git(repo.top) != repo.git_dir or not os.path.isdir(repo.common_dir):
            raise Stop(
                exits.REFUSED,
                f"{git} does not lead to {repo.git_dir} any more. put the repository back, "
                "then go on with: correctless cauto resume",
            )

    def _bring_back(self, git: str, known: tuple[int, int]) -> None:
        for folder in _moved_to(self.repo.top):
            if identity(folder, follow=False) == known:
                if os.path.lexists(git):
                    self._away(git)
                os.rename(folder, git)
                self.changes.append(Change(git, "was moved and is back in its place"))
                return
        raise Stop(
            exits.REFUSED,
            f"{git} is gone, or another one is in its place, and the worktree does not hold the one it was. "
            "put it back, then go on with: correctless cauto resume",
        )

    def files(self) -> None:
        repo = self.repo
        for path in (*_odd_folders(repo, self.before.files),):
            self._away(path)
            self.changes.append(Change(path, "was no folder of this repository and was taken away"))
        now = {*watched(repo)}
        others = dict(other_heads(repo))
        config = os.path.join(repo.common_dir, "config")
        for path in sorted({*now, *self.before.files}):
            passing = bool(_PASSING.match(os.path.relpath(path, repo.git_dir)))
            if path == os.path.join(repo.git_dir, "HEAD") and _plain_head(path):
                continue  # which branch the agent left is the check's business
            if path in others and self.before.indexes.get(path) != stamp_of(others[path]):
                self._tell_of(path)  # a switch there: its files fit this head and not the one before
                continue
            if path == config and self._only_tracking(path):
                continue
            if _DERIVED.match(os.path.relpath(path, repo.common_dir)):
                if not self.before.files.get(path, NOTHING).same(entry_of(path)):
                    self._away(path)
                continue
            self._put_back(path, "", quiet=passing)

    def _tell_of(self, path: str) -> None:
        if not self.before.files.get(path, NOTHING).same(entry_of(path)):
            self.changes.append(Change(path, "another worktree stands on another branch; left as it is"))

    def _only_tracking(self, path: str) -> bool:
        """Whether nothing but `branch.*` differs: where a branch is tracked decides nothing of a run, and others set it meanwhile."""
        before, now = self.before.files.get(path, NOTHING), entry_of(path)
        if before.same(now) or before.data is None or now.data is None:
            return False
        aside = os.path.join(self.aside, "config-before")
        os.makedirs(self.aside, mode=0o700, exist_ok=True)
        replace_file(aside, before.data, mode=0o600, durable=False)
        told = []
        for file in (aside, path):
            # Outside of any repository: nothing is put back yet.
            listed = call.run(Place(os.sep), ("config", "--file", file, "--no-includes", "--null", "--list"))
            items = listed.stdout.split("\0")
            told.append(
                [item for item in items if not item.startswith("branch.")]
                if listed.returncode == 0
                else [file]
            )
        os.unlink(aside)
        return told[0] == told[1]

    def refs(self) -> None:
        before, repo = self.before, self.repo
        own = f"refs/heads/{before.branch}"
        if own not in before.refs:
            return  # refs are no files here
        self._away(os.path.join(repo.common_dir, f"{own}.lock"))
        packed, loose, now = refs_of(repo)
        gone = {name for name in before.refs if now.get(name) != before.refs[name] and name != own}
        new = {name for name in now if name not in before.refs and name != own and not name.startswith(_OURS)}
        tip = now.get(own, "")
        bad_tip = not OID.match(tip)
        if bad_tip:
            self.changes.append(
                Change(own, f"was made {tip or 'nothing'}; put back to {before.refs.get(own, '')}")
            )
        # Of a snapshot read from disk nobody knows how long ago it was: what a person made since then stays, and is told as well.
        late = not before.folders
        kept = {name for name in gone if self._forward(name, now.get(name, ""), anywhere=late)}
        for name in sorted(kept):
            self.changes.append(
                Change(
                    name,
                    f"went from {before.refs[name]} to {now[name]} elsewhere; left as it is",
                )
            )
        for name in sorted(gone - kept):
            self.changes.append(
                Change(name, f"was {before.refs[name]}, was made {now.get(name, 'nothing')}; put back")
            )
        stayed = {
            name for name in new if late and OID.match(now[name]) and not name.startswith("refs/replace/")
        }
        for name in sorted(new):
            said = "left as it is" if name in stayed else "taken away"
            self.changes.append(Change(name, f"was made, at {now[name]}; {said}"))
        odd = [name for name in loose if not loose[name]]
        self.changes += [Change(name, "was no plain file; taken away") for name in odd if name in new]
        if not (gone - kept or new - stayed or bad_tip or odd):
            return
        if packed is None or before.packed is None or not before.packed.same(packed):
            self._put_back(
                os.path.join(repo.common_dir, "packed-refs"), "", quiet=True, entry=before.packed or NOTHING
            )
        self.back = gone - kept
        stays = {name: now[name] for name in (own, *kept, *stayed) if OID.match(now.get(name, ""))}
        stays |= {
            name: value for name, value in now.items() if name.startswith(_OURS) and name not in before.refs
        }
        wanted = {**before.loose, **stays}
        for name in sorted(set(loose) - set(wanted)):
            self._away(os.path.join(repo.common_dir, name))
        for name in sorted(wanted):
            if loose.get(name) != wanted[name]:
                self._write(os.path.join(repo.common_dir, name), f"{wanted[name]}\n".encode(), 0o644)

    def _forward(self, name: str, now: str, *, anywhere: bool) -> bool:
        """Whether a branch went forward in a worktree it is checked out in: somebody works there, and nothing is lost by it."""
        head = f"ref: {name}".encode()
        there = [path for path, _ in other_heads(self.repo)]
        held = any((entry_of(path).data or b"").strip() == head for path in there)
        known = OID.match(now) and OID.match(self.before.refs[name])
        return (held or anywhere) and bool(known) and self.repo.is_ancestor(self.before.refs[name], now)

    def reflogs(self) -> None:
        for path, before in self.before.logs.items():
            now = entry_of(path)
            if before.stamp == now.stamp or before.data is None:
                continue
            if any(path == os.path.join(self.repo.common_dir, "logs", name) for name in self.back):
                self._put_back(path, "", quiet=True, entry=before)
                continue
            whole = now.data is not None and now.data.startswith(before.data) and _alone(path)
            if not whole:
                known = before.data if now.data is None or not now.data.startswith(before.data) else now.data
                self._away(path)
                self._write(path, known, 0o644)
                self.changes.append(Change(path, "was cut or written anew; put back"))
        for path in reflogs(self.repo):
            if path not in self.before.logs and not (stat.S_ISREG(entry_of(path).kind) and _alone(path)):
                self._away(path)

    def index(self) -> None:
        """No lock that nobody holds, and an index git can read: of its own, or none, which is read anew from HEAD."""
        path = os.path.join(self.repo.git_dir, "index")
        if os.path.lexists(path) and not (_alone(path) and _whole_index(path)):
            self._away(path)
        if not os.path.lexists(path):
            self.repo.try_git("reset", "--mixed", "--quiet")

    def objects(self) -> None:
        """Objects that were there are there, or what the refs need is whole without them."""
        now = dict(objects_of(self.repo))
        known = self.before.objects
        missing = [
            path for path in known if now.get(path) != known[path] and not _only_touched(path, known[path])
        ]
        if not missing:
            return
        own = self.before.refs.get(f"refs/heads/{self.before.branch}", "")
        tips = sorted({value for value in self.before.refs.values() if OID.match(value)})
        done = self.repo.try_git(
            "rev-list",
            "--objects",
            "--quiet",
            "--stdin",
            stdin="".join(f"{tip}\n" for tip in tips),
            seconds=5 * SECONDS,
        )
        # Every object is read where one was written over: git finds a missing one by its name, and a wrong one by its content.
        rewritten = [path for path in missing if path in now]
        if done.returncode == 0 and rewritten:
            done = self.repo.try_git(
                "fsck", "--no-dangling", "--no-progress", "--no-reflogs", seconds=5 * SECONDS
            )
        if done.returncode != 0:
            said = (done.stderr.strip() or done.stdout.strip() or "git did not say which").splitlines()[0]
            raise Stop(
                exits.REFUSED,
                f"objects of the repository are gone or damaged ({said}), which the run's base {own[:12]} or other refs need. "
                "fetch them again, see git fsck, then go on with: correctless cauto resume",
            )

    def tip(self) -> None:
        """What HEAD and the run's branch name is whole in this repository, or they are put back: the files are in the worktree."""
        repo, own = self.repo, f"refs/heads/{self.before.branch}"
        old = self.before.refs.get(own, "")
        head = os.path.join(repo.git_dir, "HEAD")
        for name, path in ((own, os.path.join(repo.common_dir, own)), ("HEAD", head)):
            now = (entry_of(path).data or b"").decode("utf-8", "replace").strip()
            if now == old or not OID.match(now) or not old:
                continue
            done = repo.try_git("rev-list", "--objects", "--quiet", now, f"^{old}", seconds=5 * SECONDS)
            if done.returncode != 0:
                self._write(path, f"{old if name == own else f'ref: {own}'}\n".encode(), 0o644)
                self._away(os.path.join(repo.git_dir, "index"))
                for log in (
                    os.path.join(repo.common_dir, "logs", own),
                    os.path.join(repo.git_dir, "logs", "HEAD"),
                ):
                    self._put_back(log, "", quiet=True, entry=self.before.logs.get(log, NOTHING))
                self.changes.append(
                    Change(
                        name, f"was {now}, whose objects are not all in this repository; put back to {old}"
                    )
                )
        self.index()

    def _put_back(self, path: str, what: str, *, quiet: bool, entry: Entry | None = None) -> None:
        before = entry if entry is not None else self.before.files.get(path, NOTHING)
        now = entry_of(path)
        if before.same(now):
            return
        if before.kind == 0:
            self._away(path)
            said = "was made; taken away"
        elif stat.S_ISLNK(before.kind):
            self._away(path)
            self._folders_of(path)
            os.symlink(before.link, path)
            said = "was changed; put back"
        elif before.data is None:
            said = "was changed, and is too long to be put back"
        else:
            self._away(path)
            self._write(path, before.data, stat.S_IMODE(before.kind))
            said = "was changed; put back"
        if not quiet:
            self.changes.append(Change(path, f"{what} {said}".strip()))

    def _away(self, path: str) -> None:
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

    def _write(self, path: str, data: bytes, mode: int) -> None:
        if os.path.isdir(path) and not os.path.islink(path):
            self._away(path)
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
                self._away(here)
            if not os.path.lexists(here):
                os.mkdir(here)


def _shown(repo: Repo, name: str) -> str:
    inside = os.path.isabs(name) and os.path.dirname(repo.common_dir)
    return os.path.relpath(name, inside) if inside and name.startswith(inside + os.sep) else name


def _alone(path: str) -> bool:
    """Whether a plain file has no second name: what git writes into it would be written there as well."""
    found = os.lstat(path)
    return stat.S_ISREG(found.st_mode) and found.st_nlink == 1


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


def _odd_folders(repo: Repo, known: Mapping[str, Entry]) -> Iterator[str]:
    """Links and files where git has folders: what it writes there would be written elsewhere."""
    for path in folders(repo):
        if os.path.lexists(path) and not stat.S_ISDIR(os.lstat(path).st_mode) and path not in known:
            yield path
    for item in scan(os.path.join(repo.common_dir, "objects")):
        if item.is_symlink():
            yield item.path


def _only_touched(path: str, known: tuple[int, ...]) -> bool:
    """Whether a file holds what it held: git sets the time of what it would have written again."""
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            if os.path.basename(os.path.dirname(path)) != "pack":
                name = os.path.basename(os.path.dirname(path)) + os.path.basename(path)
                digest = hashlib.sha1() if len(name) == 40 else hashlib.sha256()  # noqa: S324 git's own
                unpack = zlib.decompressobj()
                while data := file.read(1 << 16):
                    digest.update(unpack.decompress(data))
                return digest.hexdigest() == name
            size = os.fstat(file.fileno()).st_size
            digest, left = hashlib.sha1(), size - 20  # noqa: S324 git's own
            while left > 0 and (data := file.read(min(1 << 20, left))):
                digest.update(data)
                left -= len(data)
            return size == known[1] and int.from_bytes(digest.digest(), "big") == known[3]
    except (OSError, zlib.error):
        return False


def _moved_to(top: str) -> Iterator[str]:
    """The folders of a worktree a git folder may have been moved to."""
    for here, names, _ in os.walk(top):
        for name in names:
            if os.path.lexists(os.path.join(here, name, "HEAD")):
                yield os.path.join(here, name)


def _whole_index(path: str) -> bool:
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            data = file.read()
    except OSError:
        return False
    for digest in (hashlib.sha1, hashlib.sha256):
        size = digest().digest_size
        if (
            data[:4] == b"DIRC"
            and len(data) > size
            and data[-size:] in (bytes(size), digest(data[:-size]).digest())
        ):
            return True
    return False
