"""Restoring refs, reflogs and objects from a snapshot."""

from __future__ import annotations

import hashlib
import os
import stat
import zlib

from correctless.base import exits
from correctless.base.exits import Stop
from correctless.base.files import open_plain
from correctless.project.git.before import NOTHING, entry_of, objects_of, other_heads, reflogs, refs_of
from correctless.project.git.call import SECONDS
from correctless.project.git.objectid import OID
from correctless.project.git.repairs import Change, Repairs, alone

_OURS = "refs/correctless/"  # the dispatcher's own refs: it makes some while a snapshot is in use
_STASH = "refs/stash"  # one that was made may hold the step's work: it stays, and is told


def restore_refs(repairs: Repairs) -> set[str]:
    """Put back every ref but the run's branch, which must name a commit; the names of what was put back."""
    before, repo = repairs.before, repairs.repo
    own = f"refs/heads/{before.branch}"
    if own not in before.refs:
        return set()  # refs are no files here
    repairs.move_away(os.path.join(repo.common_dir, f"{own}.lock"))
    packed, loose, now = refs_of(repo)
    gone = {name for name in before.refs if now.get(name) != before.refs[name] and name != own}
    new = {name for name in now if name not in before.refs and name != own and not name.startswith(_OURS)}
    tip = now.get(own, "")
    bad_tip = not OID.match(tip)
    if bad_tip:
        repairs.changes.append(
            Change(own, f"was made {tip or 'nothing'}; put back to {before.refs.get(own, '')}")
        )
    # Of a snapshot read from disk nobody knows how long ago it was: what a person made since then stays, and is told as well.
    late = not before.folders
    kept = {name for name in gone if _forward(repairs, name, now.get(name, ""), anywhere=late)}
    for name in sorted(kept):
        repairs.changes.append(
            Change(
                name,
                f"went from {before.refs[name]} to {now[name]} elsewhere; left as it is",
            )
        )
    for name in sorted(gone - kept):
        repairs.changes.append(
            Change(name, f"was {before.refs[name]}, was made {now.get(name, 'nothing')}; put back")
        )
    stayed = {name for name in new if late and OID.match(now[name]) and not name.startswith("refs/replace/")}
    stayed |= {_STASH} & {name for name in new if OID.match(now[name])}
    for name in sorted(new):
        said = "left as it is" if name in stayed else "taken away"
        repairs.changes.append(Change(name, f"was made, at {now[name]}; {said}"))
    odd = [name for name in loose if not loose[name]]
    repairs.changes += [Change(name, "was no plain file; taken away") for name in odd if name in new]
    if not (gone - kept or new - stayed or bad_tip or odd):
        return set()
    if packed is None or before.packed is None or not before.packed.same(packed):
        repairs.put_back(
            os.path.join(repo.common_dir, "packed-refs"), "", quiet=True, entry=before.packed or NOTHING
        )
    stays = {name: now[name] for name in (own, *kept, *stayed) if OID.match(now.get(name, ""))}
    stays |= {
        name: value
        for name, value in now.items()
        if name.startswith((_OURS, _STASH)) and name not in before.refs and OID.match(value)
    }
    wanted = {**before.loose, **stays}
    for name in sorted(set(loose) - set(wanted)):
        repairs.move_away(os.path.join(repo.common_dir, name))
    for name in sorted(wanted):
        if loose.get(name) != wanted[name]:
            repairs.write(os.path.join(repo.common_dir, name), f"{wanted[name]}\n".encode(), 0o644)
    return gone - kept


def _forward(repairs: Repairs, name: str, now: str, *, anywhere: bool) -> bool:
    """Whether a branch went forward in a worktree it is checked out in: somebody works there, and nothing is lost by it."""
    head = f"ref: {name}".encode()
    there = [path for path, _ in other_heads(repairs.repo)]
    held = any((entry_of(path).data or b"").strip() == head for path in there)
    known = OID.match(now) and OID.match(repairs.before.refs[name])
    return (held or anywhere) and bool(known) and repairs.repo.is_ancestor(repairs.before.refs[name], now)


def restore_reflogs(repairs: Repairs, refs: set[str]) -> None:
    """Put back reflogs that were cut, and those of `refs`, which were put back themselves."""
    for path, before in repairs.before.logs.items():
        now = entry_of(path)
        if before.stamp == now.stamp or before.data is None:
            continue
        if any(path == os.path.join(repairs.repo.common_dir, "logs", name) for name in refs):
            repairs.put_back(path, "", quiet=True, entry=before)
            continue
        whole = now.data is not None and now.data.startswith(before.data) and alone(path)
        if not whole:
            known = before.data if now.data is None or not now.data.startswith(before.data) else now.data
            repairs.move_away(path)
            repairs.write(path, known, 0o644)
            repairs.changes.append(Change(path, "was cut or written anew; put back"))
    for path in reflogs(repairs.repo):
        if path not in repairs.before.logs and not (stat.S_ISREG(entry_of(path).kind) and alone(path)):
            repairs.move_away(path)


def refuse_lost_objects(repairs: Repairs) -> None:
    """`Stop(3)` unless the objects that were there are there, or what the refs need is whole without them."""
    now = dict(objects_of(repairs.repo))
    known = repairs.before.objects
    missing = [
        path for path in known if now.get(path) != known[path] and not _only_touched(path, known[path])
    ]
    if not missing:
        return
    own = repairs.before.refs.get(f"refs/heads/{repairs.before.branch}", "")
    tips = sorted({value for value in repairs.before.refs.values() if OID.match(value)})
    done = repairs.repo.try_git(
        "rev-list",
        "--objects",
        "--quiet",
        "--stdin",
        stdin="".join(f"{tip}\n" for tip in tips),
        seconds=5 * SECONDS,
    )
    # Every object is read where one was written over: git finds a missing one by its name, and a wrong one by its content.
    rewritten = [path for path in missing if path in now]
    if long := next(
        (path for path in rewritten if path in known and now[path][1] != known[path][1] and _is_pack(path)),
        "",
    ):
        raise Stop(
            exits.REFUSED,
            f"{long} is another than it was: git never changes a pack. bring it back, or take it away and fetch its objects again, "
            "then continue with: correctless cauto resume",
        )
    if done.returncode == 0 and rewritten:
        done = repairs.repo.try_git(
            "fsck", "--no-dangling", "--no-progress", "--no-reflogs", seconds=5 * SECONDS
        )
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip() or "git did not say which").splitlines()[0]
        raise Stop(
            exits.REFUSED,
            f"objects of the repository are gone or damaged ({said}), which the run's base {own[:12]} or other refs need. "
            "fetch them again, see git fsck, then continue with: correctless cauto resume",
        )


def restore_tip(repairs: Repairs) -> None:
    """What HEAD and the run's branch name is whole in this repository, or they are put back: the files are in the worktree."""
    repo, own = repairs.repo, f"refs/heads/{repairs.before.branch}"
    old = repairs.before.refs.get(own, "")
    head = os.path.join(repo.git_dir, "HEAD")
    for name, path in ((own, os.path.join(repo.common_dir, own)), ("HEAD", head)):
        now = (entry_of(path).data or b"").decode("utf-8", "replace").strip()
        if now == old or not OID.match(now) or not old:
            continue
        done = repo.try_git("rev-list", "--objects", "--quiet", now, f"^{old}", seconds=5 * SECONDS)
        if done.returncode != 0:
            repairs.write(path, f"{old if name == own else f'ref: {own}'}\n".encode(), 0o644)
            repairs.move_away(os.path.join(repo.git_dir, "index"))
            for log in (
                os.path.join(repo.common_dir, "logs", own),
                os.path.join(repo.git_dir, "logs", "HEAD"),
            ):
                repairs.put_back(log, "", quiet=True, entry=repairs.before.logs.get(log, NOTHING))
            repairs.changes.append(
                Change(name, f"was {now}, whose objects are not all in this repository; put back to {old}")
            )


def _only_touched(path: str, known: tuple[int, ...]) -> bool:
    """Whether a file holds what it held: git sets the time of what it would have written again."""
    try:
        with open(open_plain(path), "rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size != known[1]:  # one that has grown may never end
                return False
            if not _is_pack(path):
                name = os.path.basename(os.path.dirname(path)) + os.path.basename(path)
                digest = hashlib.sha1() if len(name) == 40 else hashlib.sha256()  # noqa: S324 git's own
                unpack = zlib.decompressobj()
                while data := file.read(1 << 16):
                    digest.update(unpack.decompress(data))
                return digest.hexdigest() == name
            digest, left = hashlib.sha1(), size - 20  # noqa: S324 git's own
            while left > 0 and (data := file.read(min(1 << 20, left))):
                digest.update(data)
                left -= len(data)
            return int.from_bytes(digest.digest(), "big") == known[3]
    except (OSError, zlib.error):
        return False


def _is_pack(path: str) -> bool:
    return os.path.basename(os.path.dirname(path)) == "pack"
