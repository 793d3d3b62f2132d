"""Orphaned processes: on Linux this process adopts them, once it has asked for it.

A daemon that sheds its group and its environment, and forks itself anew faster than anybody can look through all processes, is
seen by nobody else. Who adopts must also reap: else what ends stays on as a zombie.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable, Iterator

_PR_SET_NAME, _PR_SET_CHILD_SUBREAPER = 15, 36
_DISPATCHER = b"correctless-run"  # 15 bytes, what the kernel keeps of a name
_adopting = False  # a property of this process, and of none it forks


def adopt() -> None:
    """From here on, whatever this process's descendants leave behind is its child; nothing where that is impossible."""
    global _adopting  # what the kernel notes of a process is noted here too
    if sys.platform != "linux" or not os.path.exists(f"/proc/self/task/{os.getpid()}/children"):
        return  # a kernel that doesn't name them: they could not be reaped
    with contextlib.suppress(ImportError, OSError, AttributeError):
        import ctypes  # only a dispatcher needs it

        _adopting = ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0


@contextlib.contextmanager
def adopting() -> Iterator[None]:
    """While this lasts, this process adopts, and its name says that what is below it is an agent's (`is_dispatcher`)."""
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
    """Whether what descendants of this process leave behind becomes its child."""
    return _adopting


def is_dispatcher(pid: int) -> bool:
    """Whether a process is one that adopts what agents leave behind. No orphan can change another process's name."""
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
    """The children of this process, zombies too; none unless it adopts."""
    found: set[int] = set()
    for thread in os.listdir("/proc/self/task") if _adopting else ():
        # A thread may have ended meanwhile.
        with (
            contextlib.suppress(OSError),
            open(f"/proc/self/task/{thread}/children", encoding="ascii") as file,
        ):
            found.update(map(int, file.read().split()))
    return frozenset(found)


def reap(adopted: Iterable[int]) -> frozenset[int]:
    """Those of these children that have not ended; each is asked for by its id, so that no exit code of another is taken."""
    living = set()
    for pid in adopted:
        with contextlib.suppress(ChildProcessError):
            if os.waitpid(pid, os.WNOHANG)[0] == 0:
                living.add(pid)
    return frozenset(living)
