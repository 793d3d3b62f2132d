"""Sandbox rules as a command line of bubblewrap, for Linux."""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Sequence

from correctless.sandbox.reach import Reach, nearest

PACKAGE = "bubblewrap"
# The programs it needs, and the package of each.
PROGRAMS = {"bwrap": PACKAGE, "unshare": "util-linux", "mount": "util-linux"}

# Around bubblewrap, so that what is mounted while an agent runs, a stick or another machine's folder, is not visible to it.
_ALONE = ("--user", "--map-root-user", "--mount", "--propagation", "private")
# A user namespace of its own also where root starts it: without a capability in the first one, nothing below can be
# remounted. None inside of it: in a nested one the agent could drop all mounts, and rename a former mount point. In a
# process namespace of its own the agent sees no other process, and all its processes end with the first.
_NAMESPACES = ("--unshare-user", "--disable-userns", "--unshare-pid", "--unshare-ipc", "--die-with-parent")
# Root in any namespace may write the kernel's settings in /proc.
_BASE = (
    *("--cap-drop", "ALL", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"),
    *("--remount-ro", "/proc"),
)


def prefix(programs: Sequence[str], reach: Reach, cwd: str) -> tuple[str, ...]:
    """Return the words to put before a command to confine it to `reach`."""
    bwrap, unshare, mount = programs
    options = [bwrap, "--seccomp", "9", *_who(), *_NAMESPACES, *_BASE]
    frozen: list[str] = []
    lines = []
    by_path = {rule.path: rule for rule in reach.rules}
    for rule in reach.rules:
        above = nearest(rule.path, by_path)
        if rule.access == "link":
            if above is None or not above.source:  # else it was made there
                options += ["--symlink", rule.source, rule.path]
        elif rule.access == "hide" and not rule.source:
            kind = _kind(rule.path)
            if stat.S_ISDIR(kind):
                options += ["--tmpfs", rule.path]
                frozen += ["--remount-ro", rule.path]
            elif stat.S_ISSOCK(kind):
                # Sockets come and go, and bubblewrap would fail where one has gone.
                path = shlex.quote(rule.path)
                hidden = shlex.join((mount, "--bind", reach.empty, rule.path))
                lines.append(
                    f"{hidden} 2>/dev/null || test ! -S {path} || {{ echo 'cannot hide' {path} >&2; exit 1; }}"
                )
            elif kind:
                options += ["--ro-bind", reach.empty, rule.path]
        else:
            bind = "--bind" if rule.access == "write" else "--ro-bind"
            options += [bind, rule.source or rule.path, rule.path]
    # Frozen last: before that, mount points are made inside of hidden folders.
    whole = shlex.join((*options, *frozen, "--chdir", cwd, "--"))
    lines.append(f'exec {whole} "$@" 9<{shlex.quote(reach.filter)}')  # it wants the filter as an open file
    return (unshare, *_ALONE, "/bin/sh", "-c", "\n".join(lines), "sh")


def trial(programs: Sequence[str]) -> tuple[str, ...]:
    """Return a command that succeeds where a sandbox can be made at all."""
    bwrap, unshare, _ = programs
    return (unshare, *_ALONE, bwrap, *_who(), *_NAMESPACES, *_BASE, "--", "/bin/sh", "-c", ":")


def _who() -> tuple[str, ...]:
    return ("--uid", str(os.getuid()), "--gid", str(os.getgid()))


def _kind(path: str) -> int:
    try:
        return os.stat(path).st_mode
    except OSError:
        return 0
