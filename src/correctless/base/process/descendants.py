"""Running processes that a program started, found by process group and mark."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

_LOOKS = 8  # at all processes, until nothing went while we looked


@dataclass(frozen=True, slots=True)
class ProcessRow:
    """One running process."""

    pid: int
    started: str  # tells it from a later process with the same id; "" where that is unknown
    parent: int = field(compare=False)
    group: int = field(compare=False)
    marked: bool = field(compare=False)


def living(
    pgid: int, mark: str, known: set[ProcessRow] | None = None, strike: Callable[[int], None] = lambda _: None
) -> set[int]:
    """What the program started and still runs, also what is `known` from before; each is struck as it is found."""
    # The group alone is not enough: agents give each command they run a session of its own, and a job left in the
    # background there is adopted by init. What it cannot shed by accident is its environment. Off Linux the environment of others
    # cannot be read, and only what still hangs in the tree is found.
    known = set() if known is None else known
    found: set[int] = set()
    dead: set[int] = set()
    for _ in range(_LOOKS):
        rows: list[ProcessRow] = []
        vanished = False
        for row in table(mark, dead):
            if row is None:
                vanished = True
                continue
            rows.append(row)
            if row.group == pgid or row.marked or row in known:
                found.add(row.pid)
                strike(row.pid)  # at once: what forks without end is another process after the last row
        parents = found | {pgid}
        while below := {row.pid for row in rows if row.parent in parents} - found:
            found |= below
            parents = below
        known.update(row for row in rows if row.pid in found and row.started)
        # What went while we looked may have left a child that was not there when we began.
        if found or not vanished:
            break
    for pid in found:
        strike(pid)
    return found


def table(mark: str, dead: set[int] | None = None) -> Iterator[ProcessRow | None]:
    """Every running process, None for one that went; zombies are left out: in a container nobody may ever reap them.

    A zombie that is not among the `dead` yet went too, and is noted there.
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
    # The newest first: it is the one that may be another a moment later.
    for name in sorted(filter(str.isdigit, os.listdir("/proc")), key=int, reverse=True):
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                # the program's name is in brackets and may hold anything, brackets too
                words = file.read().rpartition(b")")[2].split()
        except OSError:  # gone meanwhile
            yield None
            continue
        state, parent, group, started = *words[:3], words[19].decode()
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
    except OSError:  # gone meanwhile, or another user's
        return b""
