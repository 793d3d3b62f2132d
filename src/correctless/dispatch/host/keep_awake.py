"""A run at work in; a machine that does not go to sleep meanwhile out, where the system has a power assertion.

Wherever it hasn't, and whatever goes wrong, a run goes on as it would have: nothing is waited for, and nothing is said.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

from correctless.dispatch.host import trusted_path
from correctless.project.git import Repo

_INHIBITORS = {
    "darwin": ("caffeinate", "-i"),
    "linux": (
        "systemd-inhibit",
        "--what=idle:sleep",
        "--who=correctless",
        "--why=a run is at work",
        "--mode=block",
    ),
}
# What finding the bus takes, and no secret.
_ENVIRONMENT = ("HOME", "LANG", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS", "DBUS_SYSTEM_BUS_ADDRESS")


@contextmanager
def kept(repo: Repo, env: Mapping[str, str], *, wanted: bool, platform: str = sys.platform) -> Iterator[None]:
    """While it lasts, and not a moment longer however this process ends, the machine is kept awake."""
    child = _start(repo, env, platform) if wanted else None
    try:
        yield
    finally:
        if child is not None:
            # Not reaped yet, so the group is its own. What it holds ends with it: there is nothing to clean up.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(child.pid, signal.SIGKILL)
            with child:  # closes the pipe, and waits for what has just been killed
                pass


def _start(repo: Repo, env: Mapping[str, str], platform: str) -> subprocess.Popen[bytes] | None:
    program, *options = _INHIBITORS.get(platform, ("",))
    found = trusted_path.find(program, repo, env) if program else None
    cat = trusted_path.find("cat", repo, env) if found else None
    if found is None or cat is None:
        return None
    kept_env = {name: env[name] for name in _ENVIRONMENT if name in env}
    with suppress(OSError):
        # The assertion lasts as long as `cat`, and that as long as the pipe: when we are killed it is closed too.
        return subprocess.Popen(
            [found[0], *options, cat[0]],
            cwd="/",
            env={**kept_env, "PATH": found[1]},
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            start_new_session=True,  # Ctrl-C is for us: while the agent ends, the machine stays awake
        )
    return None
