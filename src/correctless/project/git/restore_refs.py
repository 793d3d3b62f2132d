"""Restoring refs, reflogs and objects from a snapshot."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Mapping

from correctless.base import exits
from correctless.base.exits import Stop
from correctless.base.files import open_plain
from correctless.project.git import objects
from correctless.project.git.before import NOTHING, entry_of, other_heads, reflogs, refs_of
from correctless.project.git.call import SECONDS, error_line
from correctless.project.git.objectid import OID
from correctless.project.git.repairs import Change, Repairs, alone

_OURS = "refs/correctless/"  # the dispatcher's own refs: it makes some while a snapshot is in use
_STASH = "refs/stash"  # a new one may contain the step's work: it stays and is reported


def restore_refs(repairs: Repairs) -> set[str]:
    """Restore every ref but the run's branch, which must name a commit; return the names of the restored ones."""
    before, repo = repairs.before, repairs.repo
    own = f"refs/heads/{before.branch}"
    if own not in before.refs:
        return set()  # refs are not files in this repository
    repairs.move_away(os.path.join(repo.common_dir, f"{own}.lock"))
    packed, loose, now = refs_of(repo)
    gone = {name for name in before.refs if now.get(name) != before.refs[name] and name != own}
    new = {name for name in now if name not in before.refs and name != own and not name.startswith(_OURS)}
    tip = now.get(own, "")
    bad_tip = not OID.match(tip)
    if bad_tip:
        repairs.changes.append(Change(own, f"was set to {tip or 'nothing'}; restored to {before.refs[own]}"))
    # A snapshot that was read from disk may be old: what you changed since then stays, and is reported.
    late = not before.folders
    advanced = {name for name in gone if _forward(repairs, name, now.get(name, ""), anywhere=late)}
    for name in sorted(advanced):
        repairs.changes.append(
            Change(name, f"went from {before.refs[name]} to {now[name]} elsewhere; left as it is")
        )
    for name in sorted(gone - advanced):
        repairs.changes.append(
            Change(name, f"was {before.refs[name]}, was set to {now.get(name, 'nothing')}; restored")
        )
    stayed = {name for name in new if late and OID.match(now[name]) and not name.startswith("refs/replace/")}
    stayed |= {_STASH} & {name for name in new if OID.match(now[name])}
    for name in sorted(new):
        outcome = "left as it is" if name in stayed else "moved away"
        repairs.changes.append(Change(name, f"was added, at {now[name]}; {outcome}"))
    odd = [name for name in loose if not loose[name]]
    repairs.changes += [Change(name, "was no plain file; moved away") for name in odd if name in new]
    if not (gone - advanced or new - stayed or bad_tip or odd):
        return set()
    if packed is None or before.packed is None or not before.packed.same(packed):
        repairs.put_back(
            os.path.join(repo.common_dir, "packed-refs"), "", quiet=True, entry=before.packed or NOTHING
        )
    wanted_now = {name: now[name] for name in (own, *advanced, *stayed) if OID.match(now.get(name, ""))}
    wanted_now |= {
        name: value
        for name, value in now.items()
        if name.startswith((_OURS, _STASH)) and name not in before.refs and OID.match(value)
    }
    wanted = {**before.loose, **wanted_now}
    for name in sorted(set(loose) - set(wanted)):
        repairs.move_away(os.path.join(repo.common_dir, name))
    for name in sorted(wanted):
        if loose.get(name) != wanted[name]:
            repairs.write(os.path.join(repo.common_dir, name), f"{wanted[name]}\n".encode(), 0o644)
    return gone - advanced


def _forward(repairs: Repairs, name: str, now: str, *, anywhere: bool) -> bool:
    """Whether a branch advanced in a worktree it is checked out in: you work there, and no commit is lost."""
    head = f"ref: {name}".encode()
    heads = [path for path, _ in other_heads(repairs.repo)]
    checked_out = any((entry_of(path).data or b"").strip() == head for path in heads)
    known = OID.match(now) and OID.match(repairs.before.refs[name])
    return (
        (checked_out or anywhere) and bool(known) and repairs.repo.is_ancestor(repairs.before.refs[name], now)
    )


def restore_reflogs(repairs: Repairs, refs: set[str]) -> None:
    """Restore reflogs that were cut, and those of the restored `refs`."""
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
            repairs.changes.append(Change(path, "was cut or rewritten; restored"))
    for path in reflogs(repairs.repo):
        if path not in repairs.before.logs and not (stat.S_ISREG(entry_of(path).kind) and alone(path)):
            repairs.move_away(path)


def refuse_lost_objects(repairs: Repairs, now: Mapping[str, tuple[int, ...]]) -> None:
    """Refuse missing or changed objects that refs need; `now` as `Before.objects`. Raises: `Stop(3)`."""
    known = repairs.before.objects
    missing = [
        path for path in known if now.get(path) != known[path] and not _only_touched(path, known[path])
    ]
    if not missing:
        return
    own = repairs.before.refs.get(f"refs/heads/{repairs.before.branch}", "")
    tips = sorted({value for value in repairs.before.refs.values() if OID.match(value)})
    done = repairs.repo.try_git(
        *("rev-list", "--objects", "--quiet", "--stdin"),
        stdin="".join(f"{tip}\n" for tip in tips),
        seconds=5 * SECONDS,
    )
    # Every object is read where one was overwritten: git detects a missing one by its name, and a wrong one by its content.
    rewritten = [path for path in missing if path in now]
    if packs := [path for path in rewritten if now[path][1] != known[path][1] and _is_pack(path)]:
        raise Stop(
            exits.REFUSED,
            f"{packs[0]} has changed, and git never changes a pack. restore it, or remove it and fetch its objects again, "
            "then continue with: correctless cauto resume",
        )
    if done.returncode == 0 and rewritten:
        done = repairs.repo.try_git(
            "fsck", "--no-dangling", "--no-progress", "--no-reflogs", seconds=5 * SECONDS
        )
    if done.returncode != 0:
        raise Stop(
            exits.REFUSED,
            f"objects that the run's base {own[:12]} or other refs need are missing or damaged ({error_line(done)}). "
            "fetch them again, see git fsck, then continue with: correctless cauto resume",
        )


def restore_tip(repairs: Repairs) -> None:
    """Restore HEAD and the run's branch where objects of their commit are missing: its files are in the worktree."""
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
                Change(name, f"was {now}, whose objects are not all in this repository; restored to {old}")
            )


def _only_touched(path: str, known: tuple[int, ...]) -> bool:
    """Whether a file has the content it had: git only updates the time of what it would have written again."""
    try:
        with open(open_plain(path), "rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size != known[1]:  # one that has grown may never end
                return False
            if not _is_pack(path):
                return objects.sound(path)
            digest, remaining = hashlib.sha1(), size - 20  # noqa: S324 git's own
            while remaining > 0 and (data := file.read(min(1 << 20, remaining))):
                digest.update(data)
                remaining -= len(data)
            return int.from_bytes(digest.digest(), "big") == known[3]
    except OSError:
        return False


def _is_pack(path: str) -> bool:
    return os.path.basename(os.path.dirname(path)) == "pack"
