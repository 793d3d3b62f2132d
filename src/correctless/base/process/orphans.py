"""Orphaned processes: on Linux this process can adopt those of its descendants.

A daemon that leaves its group, clears its environment and forks faster than all processes can be listed is found in no other
way. A process that adopts must also reap, or zombies remain.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable, Iterator

_PR_SET_NAME, _PR_SET_CHILD_SUBREAPER = 15, 36
_DISPATCHER = b"correctless-run"  # 15 bytes, what the kernel keeps of a name
_adopting = False  # of this process, and of none it forks


def adopt() -> None:
    """Make this process the parent of its descendants' orphans; do nothing where that is impossible."""
    global _adopting  # the kernel's flag of this process
    if sys.platform != "linux" or not os.path.exists(f"/proc/self/task/{os.getpid()}/children"):
        return  # a kernel that doesn't list them: they could not be reaped
    with contextlib.suppress(ImportError, OSError, AttributeError):
        import ctypes  # only a dispatcher needs it

        _adopting = ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0


@contextlib.contextmanager
def adopting() -> Iterator[None]:
    """Adopt orphans, and name this process a dispatcher during the block: what is below it is an agent's (`is_dispatcher`)."""
    adopt()
    try:
        with open("/proc/self/comm", "rb") as file:
            before = file.read().rstrip(b"\n")
    except OSError:
        yield
        return
    _name(_DISPATCHER)
    try:
        yield
    finally:
        _name(before)


def adopts() -> bool:
    """Whether orphans of this process's descendants become its children."""
    return _adopting


def is_dispatcher(pid: int) -> bool:
    """Whether a process adopts the orphans of agents. No orphan can change another process's name."""
    try:
        with open(f"/proc/{pid}/comm", "rb") as file:
            return file.read().rstrip(b"\n") == _DISPATCHER
    except OSError:
        return False


def _name(name: bytes) -> None:
    with contextlib.suppress(ImportError, OSError, AttributeError):
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_NAME, ctypes.c_char_p(name), 0, 0, 0)


def children() -> frozenset[int]:
    """Return the children of this process, zombies too; none unless it adopts."""
    pids: set[int] = set()
    for thread in os.listdir("/proc/self/task") if _adopting else ():
        # A thread may have ended meanwhile.
        with (
            contextlib.suppress(OSError),
            open(f"/proc/self/task/{thread}/children", encoding="ascii") as file,
        ):
            pids.update(map(int, file.read().split()))
    return frozenset(pids)


def reap(adopted: Iterable[int]) -> frozenset[int]:
    """Return those of these children that have not ended; each is waited for by its id, so no other exit code is lost."""
    living = set()
    for pid in adopted:
        with contextlib.suppress(ChildProcessError):
            if os.waitpid(pid, os.WNOHANG)[0] == 0:
                living.add(pid)
    return frozenset(living)
