"""Filter for the system calls of the kernel's key store, which no agent may make.

Keys are bound to no path and to no process: any login may leave one, and every descendant could use it.
"""

from __future__ import annotations

import errno
import struct

# Kind of machine (the kernel's AUDIT_ARCH) -> number of add_key; request_key and keyctl follow it everywhere.
_MACHINES = {
    0xC000003E: 248,  # x86-64
    0x40000003: 286,  # its 32-bit programs
    0xC00000B7: 217,  # 64-bit ARM
    0x40000028: 309,  # its 32-bit programs
    0xC00000F3: 217,  # 64-bit RISC-V
}
_X32 = 0x40000000  # x86-64 takes each call under a second number too
_LOAD, _AND, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x54, 0x15, 0x35, 0x06
_NUMBER, _MACHINE = 0, 4  # their offsets in the program's input
_ALLOW, _FAIL = 0x7FFF0000, 0x00050000 | errno.ENOSYS


def program() -> bytes:
    """Return the filter as classic BPF, as `bwrap --seccomp` reads it."""
    lines = [(_LOAD, 0, 0, _MACHINE)]
    for machine, first in _MACHINES.items():
        lines += [
            (_EQUAL, 0, 6, machine),
            (_LOAD, 0, 0, _NUMBER),
            (_AND, 0, 0, 0xFFFFFFFF ^ _X32),
            (_AT_LEAST, 0, 2, first),
            (_AT_LEAST, 1, 0, first + 3),
            (_RETURN, 0, 0, _FAIL),
            (_RETURN, 0, 0, _ALLOW),
        ]
    lines.append((_RETURN, 0, 0, _ALLOW))
    return b"".join(struct.pack("=HBBI", *line) for line in lines)
