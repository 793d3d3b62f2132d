"""Sandbox rules as a profile of sandbox-exec, for macOS.

The last rule that matches a path decides.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from correctless.sandbox.reach import Reach

PROGRAM = "/usr/bin/sandbox-exec"

# What must be writable without a rule: terminals, the null device, and the system's own per-user files.
_DEVICES = '(literal "/dev/null") (literal "/dev/zero") (literal "/dev/tty") (literal "/dev/dtracehelper") (regex #"^/dev/fd/")'


def prefix(programs: Sequence[str], reach: Reach, cwd: str) -> tuple[str, ...]:  # noqa: ARG001 the shape of bubblewrap's
    """Return the words to put before a command to confine it to `reach`."""
    return (*programs, "-p", profile(reach))


def profile(reach: Reach) -> str:
    """Return the whole profile.

    macOS has no bind mounts: what a rule shows from another place (`source`) must be reached by its own path.
    """
    lines = [
        "(version 1)",
        "(allow default)",
        "(deny file-write*)",
        f"(allow file-write* {_DEVICES})",
        # Other processes of the same user could do the work outside.
        "(deny process-info* (target others))",
        "(deny signal (target others))",
        "(allow signal (target same-sandbox))",
        "(deny mach-priv-task-port)",
        '(deny mach-lookup (global-name "com.apple.SecurityServer") (global-name "com.apple.securityd.xpc"))',
        '(deny network-outbound (literal "/private/var/run/docker.sock"))',
    ]
    for rule in reach.rules:
        if rule.source == reach.temporary or rule.access == "link":
            continue  # its TMPDIR leads there, and /tmp is everybody's; links are seen as they are
        path = _below(rule.path)
        if rule.access == "hide":
            lines.append(f"(deny file-read* file-write* network-outbound {path})")
        elif rule.access == "read":
            lines += [f"(allow file-read* {path})", f"(deny file-write* {path})"]
        else:
            lines.append(f"(allow file-read* file-write* {path})")
    # Last, because it is in a folder that is read-only.
    lines.append(f"(allow file-read* file-write* {_below(reach.temporary)})")
    return "\n".join(lines)


def trial(programs: Sequence[str]) -> tuple[str, ...]:
    """Return a command that succeeds where a sandbox can be made at all."""
    return (*programs, "-p", "(version 1)(allow default)", "/bin/sh", "-c", ":")


def _below(path: str) -> str:
    escaped = os.path.realpath(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'(subpath "{escaped}")'
