"""Running processes, found by id, by process group and by the mark that a program gave those it started."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from correctless.base.process import orphans

# At most so often all processes are listed, until none ended meanwhile. At a load of 9 a daemon with another id every 3 ms was in none
# of 8 lists in 2 of 16 tries: only a process that adopts (`orphans`), as a dispatcher does, can do with so few.
_LOOKS, _LOOKS_ALONE = 8, 64


@dataclass(frozen=True, slots=True)
class ProcessRow:
    """One running process."""

    pid: int
    started: str  # distinguishes it from a later process with the same id; "" where unknown
    parent: int = field(compare=False)
    group: int = field(compare=False)
    marked: bool = field(compare=False)


def living(
    pgid: int, mark: str, known: set[ProcessRow] | None = None, strike: Callable[[int], None] = lambda _: None
) -> set[int]:
    """Return the running descendants of a program, the `known` ones included; `strike` is called on each at once."""
    # The group alone is not enough: agents run each command in a session of its own, and a background job of that is adopted
    # by init. Its environment it does not lose by accident. Off Linux that cannot be read: only the process tree counts.
    known = set() if known is None else known
    pids: set[int] = set()
    dead: set[int] = set()
    for _ in range(_LOOKS if orphans.adopts() else _LOOKS_ALONE):
        rows: list[ProcessRow] = []
        vanished = False
        for row in table(mark, dead):
            if row is None:
                vanished = True
                continue
            rows.append(row)
            if row.group == pgid or row.marked or row in known:
                pids.add(row.pid)
                strike(row.pid)  # at once: what forks endlessly has another id after the last row
        parents = pids | {pgid}
        while below := {row.pid for row in rows if row.parent in parents} - pids:
            pids |= below
            parents = below
        known.update(row for row in rows if row.pid in pids and row.started)
        # A process that ended meanwhile may have started one that is not in the list.
        if pids or not vanished:
            break
    for pid in pids:
        strike(pid)
    return pids


def table(mark: str, dead: set[int] | None = None) -> Iterator[ProcessRow | None]:
    """Yield every running process, None for one that ended meanwhile; no zombies: in a container they may never be reaped.

    A new zombie yields None too, and its id is added to `dead`.
    """
    return (
        from_proc(mark, set() if dead is None else dead) if os.path.exists("/proc/self/stat") else from_ps()
    )


def from_ps() -> Iterator[ProcessRow | None]:
    """Yield the running processes as `ps` lists them."""
    argv = ["/bin/ps", "-A", "-o", "pid=,ppid=,pgid=,stat="]  # part of macOS and the BSDs
    for line in subprocess.run(argv, capture_output=True, check=True, env={}).stdout.splitlines():
        pid, parent, group, state = line.split()[:4]
        if not state.startswith(b"Z"):
            yield ProcessRow(int(pid), "", int(parent), int(group), marked=False)


def from_proc(mark: str, dead: set[int]) -> Iterator[ProcessRow | None]:
    """Yield the running processes of /proc, newest first; None for one that ended meanwhile.

    `mark`: the environment variable that marks descendants; `dead`: collects ids of ended processes.
    """
    entry = f"\0{mark}=1\0".encode()
    # The newest first: it is the one that may have another id a moment later.
    for name in sorted(filter(str.isdigit, os.listdir("/proc")), key=int, reverse=True):
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                # the program's name is in parentheses and may contain any character, parentheses too
                fields = file.read().rpartition(b")")[2].split()
        except OSError:  # ended meanwhile
            yield None
            continue
        state, parent, group, started = *fields[:3], fields[19].decode()
        if state not in b"ZX":
            marked = bool(mark) and entry in b"\0" + _environ(name)
            yield ProcessRow(int(name), started, int(parent), int(group), marked)
        elif int(name) not in dead:
            dead.add(int(name))
            yield None


def _environ(pid: str) -> bytes:
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return file.read()
    except OSError:  # ended meanwhile, or another user's
        return b""


def alive(pid: int) -> bool:
    """Whether a process with this id exists, of any user."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def group_alive(pgid: int, mark: str = "") -> bool:
    """Whether anything of the group still runs, or on Linux anything with `mark`; a zombie does not run."""
    return bool(living(pgid, mark))


def marked(mark: str) -> frozenset[int]:
    """Return the processes with `mark`, of any group; none off Linux, where it cannot be read."""
    return frozenset(row.pid for row in table(mark) if row is not None and row.marked)
