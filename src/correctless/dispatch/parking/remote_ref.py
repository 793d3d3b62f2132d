"""A parked run's ref on a remote: written with a lease, read as hostile input.

The commit's only parent is the branch's head, its tree has the files, and its message says whether the run is free or who has
taken it. A new one replaces the old one only if that is still the one this machine knows.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from correctless.base import exits
from correctless.base.exits import Stop
from correctless.base.text import one_line
from correctless.project.git import Repo
from correctless.project.git.objectid import OID
from correctless.publish.branch import (
    ENV,
    PLAIN,
    SECONDS,
    fetch_ref,
    list_ref,
    listed,
    refusal,
    refuse_unknown,
)

_RUN = re.compile(r"[0-9]{8}-[0-9]{6}-[0-9a-f]{4}\Z")
_PARKED = "refs/correctless/runs/"
_ENTRY = re.compile(r"100644 blob ([0-9a-f]{40,64}) +([0-9]{1,12})\t(.+)\Z")
_LARGEST = 256 << 20  # bytes of all files: logs of months, and not what fills a disk
_MOST = 20_000  # files
# The message names the person; a machine whose git has no user.name must be able to park and take too.
_AUTHOR = {
    f"GIT_{role}_{what}": value
    for role in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "correctless"), ("EMAIL", "correctless@localhost"))
}
_HOLDER = ("Correctless-Taken-By", "Correctless-Taken-On", "Correctless-Taken-At")


@dataclass(frozen=True, slots=True)
class ParkHolder:
    """Who took a run, by their own account: each field is one printable line."""

    by: str
    machine: str
    at: str  # RFC 3339 in UTC

    def __str__(self) -> str:
        return f"{self.by} on {self.machine} at {self.at}"


@dataclass(frozen=True, slots=True)
class Parked:
    """The commit on a run's ref."""

    commit: str
    parent: str  # the branch's head
    tree: str
    holder: ParkHolder | None  # None: the run can be taken


class RefMoved(Stop):
    """The ref has another commit than the expected one, or none (`now` None)."""

    def __init__(self, remote: str, run: str, now: str | None) -> None:
        super().__init__(exits.LOCKED, f"run {run} on '{remote}' has changed since it was fetched. retry")
        self.now = now


def ref(run: str) -> str:
    """Return the ref of a parked run. Raises: `Stop(3)` when `run` is not a run id."""
    if not _RUN.match(run):
        raise Stop(exits.REFUSED, f"{run!r} is not a run id. write one such as 20260102-030405-9f3a")
    return f"{_PARKED}{run}"


def ended(run: str) -> str:
    """Return the ref of a parked run that ended and published nothing."""
    return ref(run).replace("/runs/", "/ended/")


def known(repo: Repo, run: str) -> str | None:
    """Return the commit this machine last saw on the ref."""
    return repo.commit(ref(run))


def note(repo: Repo, run: str, commit: str | None) -> None:
    """Remember the commit on the ref; None for none."""
    if commit is not None:
        repo.git("update-ref", "--no-deref", ref(run), commit)
    elif known(repo, run) is not None:
        repo.git("update-ref", "--no-deref", "-d", ref(run))


def now_at(repo: Repo, remote: str, run: str) -> str | None:
    """Return the commit on the remote's ref, None for none. Raises: `Stop(3)` when the remote does not answer."""
    done = list_ref(repo, remote, ref(run))
    if done.returncode != 0:
        raise Stop(
            exits.REFUSED,
            f"'{remote}' can't be asked for run {run}: {refusal('', done.stderr)}. fix the cause, then retry",
        )
    oid = listed(done.stdout, ref(run))
    if oid is not None and not OID.match(oid):
        raise Stop(exits.REFUSED, f"'{remote}' names no commit for run {run}. see git ls-remote {remote}")
    return oid


def runs(repo: Repo, remote: str) -> tuple[str, ...]:
    """Return the runs that are parked on a remote. Raises: `Stop(3)` when it does not answer."""
    done = list_ref(repo, remote, f"{_PARKED}*")
    if done.returncode != 0:
        raise Stop(
            exits.REFUSED,
            f"'{remote}' can't be asked for its parked runs: {refusal('', done.stderr)}. fix the cause, then retry",
        )
    names = (line.partition("\t")[2].rpartition("/")[2] for line in done.stdout.splitlines())
    return tuple(name for name in names if _RUN.match(name))


def fetch(repo: Repo, remote: str, run: str) -> Parked:
    """Fetch the run on the remote's ref; nothing else changes here. Raises: `Stop(3)` when the ref is missing."""
    commit = now_at(repo, remote, run)
    if commit is None:
        raise Stop(
            exits.REFUSED,
            f"no run {run} found on '{remote}'. it was never parked there, or is complete by now",
        )
    done = fetch_ref(repo, remote, ref(run))
    if done.returncode != 0:
        raise Stop(
            exits.REFUSED,
            f"run {run} can't be fetched from '{remote}': {refusal('', done.stderr)}. fix the cause, then retry",
        )
    return look(repo, run, commit)


def look(repo: Repo, run: str, commit: str) -> Parked:
    """Return the fields of a commit on a run's ref. Raises: `Stop(3)` when correctless did not make it."""
    if repo.try_git("cat-file", "-t", commit).stdout.strip() != "commit":
        raise Stop(exits.REFUSED, f"{ref(run)} names no fetched commit. retry, or see who moved it")
    tree, _, parents = repo.git("log", "-1", "--format=%T %P", commit).partition(" ")
    trailers = repo.trailers(commit)
    # The message names the tree again: a commit with another tree and the same message is refused.
    whole = (trailers.get("Correctless-Parked"), trailers.get("Correctless-Tree")) == (run, tree)
    if not OID.match(parents) or not whole:
        raise Stop(
            exits.REFUSED, f"{ref(run)} is not a commit that correctless made of that run. see who made it"
        )
    by, machine, at = (one_line(trailers.get(key, "")) for key in _HOLDER)
    return Parked(commit, parents, tree, ParkHolder(by, machine, at) if by else None)


def files(repo: Repo, parked: Parked, *, largest: int = _LARGEST) -> dict[str, bytes]:
    """Return the parked files by path. Raises: `Stop(3)` for anything but plain files of at most `largest` bytes."""
    listed = repo.git("ls-tree", "-r", "-z", "-l", "--full-tree", parked.tree)
    oids: dict[str, str] = {}
    size = 0
    for item in filter(None, listed.split("\0")):
        entry = _ENTRY.match(item)
        # Symbolic links, submodules and programs are other modes.
        if entry is None or not _is_plain(entry[3]) or entry[3] in oids:
            raise Stop(exits.REFUSED, f"it has '{one_line(item)}', which is no plain file")
        oids[entry[3]] = entry[1]
        size += int(entry[2])
        if size > largest or len(oids) > _MOST:
            raise Stop(exits.REFUSED, f"it has over {largest} bytes or {_MOST} files")
    return {path: repo.blob(oid) for path, oid in oids.items()}


def commit(
    repo: Repo, run: str, *, parent: str, tree: str, token: str, holder: ParkHolder | None = None
) -> str:
    """Return a new commit for a run's ref; `token` is new each time."""
    subject = f"run {run} is parked" if holder is None else f"run {run} is taken"
    trailers = {"Correctless-Parked": run, "Correctless-Tree": tree}
    if holder is not None:
        trailers |= dict(zip(_HOLDER, (holder.by, holder.machine, holder.at), strict=True))
    # Two machines must not make the same commit in the same second: git would let both push it.
    trailers["Correctless-Token"] = token
    text = f"{subject}\n\n" + "".join(
        f"{name}: {one_line(value) or '?'}\n" for name, value in trailers.items()
    )
    return repo.git("commit-tree", tree, "-p", parent, "-F", "-", stdin=text, env=_AUTHOR)


def put(
    repo: Repo, remote: str, run: str, new: str | None, *, expected: str | None, dry_run: bool = False
) -> None:
    """Replace exactly `expected` on the remote's ref by `new`; None is no ref. `dry_run`: only ask.

    Raises: `RefMoved` when the ref is another, `Stop(3)` when the remote refuses or does not answer.
    """
    refuse_unknown(repo, remote)
    done = repo.try_git(
        *PLAIN,
        *("push", "--porcelain", "--no-verify", f"--force-with-lease={ref(run)}:{expected or ''}"),
        *(("--dry-run",) if dry_run else ()),
        *("--", remote, f"{new or ''}:{ref(run)}"),
        rights="remote",
        env=ENV,
        seconds=SECONDS,
    )
    if done.returncode == 0:
        return
    # The present ref decides, after two pushes at once and after a connection that broke behind the push.
    now = now_at(repo, remote, run)
    if now == new:
        return
    if now != expected:
        raise RefMoved(remote, run, now)
    raise Stop(
        exits.REFUSED,
        f"{ref(run)} could not be pushed to '{remote}': {refusal(done.stdout, done.stderr)}. fix the cause, then retry",
    )


def keep(repo: Repo, remote: str, run: str, commit: str) -> None:
    """Put a commit on the remote's `ended` ref of a run. Raises: `Stop(3)` when the remote refuses."""
    refuse_unknown(repo, remote)
    args = ("push", "--porcelain", "--no-verify", "--", remote, f"+{commit}:{ended(run)}")
    done = repo.try_git(*PLAIN, *args, rights="remote", env=ENV, seconds=SECONDS)
    if done.returncode != 0:
        why = refusal(done.stdout, done.stderr)
        raise Stop(
            exits.REFUSED,
            f"{ended(run)} could not be pushed to '{remote}': {why}. fix the cause, then resume",
        )


def _is_plain(path: str) -> bool:
    parts = path.split("/")
    odd = any(part in ("", ".", "..") or part.casefold() == ".git" for part in parts)
    return not odd and path.isprintable() and "\\" not in path and len(path) < 1000
