"""The reach of an agent as a command line of bubblewrap, for Linux."""

from __future__ import annotations

import os
import stat

from correctless.sandbox.reach import Reach

PACKAGE = "bubblewrap"
PROGRAM = "bwrap"

# A user namespace of its own also where root starts it: with no capability in the first one, nothing below can be
# mounted anew. None inside of it: who makes one may leave all mounts behind, and rename what was a mount point before. In a
# process namespace of its own the agent sees no other process, and all of it ends with the first.
_NAMESPACES = ("--unshare-user", "--disable-userns", "--unshare-pid", "--unshare-ipc", "--die-with-parent")
# bwrap wants an open file, and what starts it passes none on.
_FILTERED = ("/bin/sh", "-c", 'exec "$@" 9<"$0"')
# Of /proc the kernel's settings are root's to write, whatever namespace it is root in.
_BASE = (
    *("--cap-drop", "ALL", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"),
    *("--remount-ro", "/proc"),
)


def prefix(program: str, reach: Reach, cwd: str) -> tuple[str, ...]:
    """The words to put before a command so that it reaches no more than `reach`."""
    words = [*_FILTERED, reach.filter, program, "--seccomp", "9", *_NAMESPACES, *_BASE]
    frozen: list[str] = []
    for rule in reach.rules:
        if rule.access == "hide" and not rule.source:
            if _is_folder(rule.path):
                words += ["--tmpfs", rule.path]
                frozen += ["--remount-ro", rule.path]
            else:
                words += ["--ro-bind", reach.empty, rule.path]
        else:
            bind = "--bind" if rule.access == "write" else "--ro-bind"
            words += [bind, rule.source or rule.path, rule.path]
    # Last: before, the mount points of what is shown inside of a hidden folder are made in it.
    return (*words, *frozen, "--chdir", cwd, "--")


def trial(program: str) -> tuple[str, ...]:
    """A command that succeeds where a sandbox can be made at all."""
    return (program, *_NAMESPACES, *_BASE, "--", "/bin/sh", "-c", ":")


def _is_folder(path: str) -> bool:
    try:
        return stat.S_ISDIR(os.stat(path).st_mode)
    except OSError:
        return False
