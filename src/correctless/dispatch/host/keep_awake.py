"""Keeping the machine awake while a run works, where the system has a power assertion.

Without one, and after any error, the run continues: nothing is waited for, and nothing is reported.
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

_LINUX = ["systemd-inhibit", "--what=idle:sleep", "--who=correctless", "--mode=block"]
_INHIBITORS = {"darwin": ["caffeinate", "-i"], "linux": [*_LINUX, "--why=a run is at work"]}
# The variables for finding the bus; no secrets.
_ENVIRONMENT = ("HOME", "LANG", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS", "DBUS_SYSTEM_BUS_ADDRESS")


@contextmanager
def inhibit_sleep(
    repo: Repo, env: Mapping[str, str], *, wanted: bool, platform: str = sys.platform
) -> Iterator[None]:
    """Keep the machine awake during the block, however this process ends."""
    child = _start(repo, env, platform) if wanted and platform in _INHIBITORS else None
    try:
        yield
    finally:
        if child is not None:
            # Not reaped yet, so the group id is its own. The assertion ends with it.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(child.pid, signal.SIGKILL)
            with child:  # closes the pipe, and waits for what has just been killed
                pass


def _start(repo: Repo, env: Mapping[str, str], platform: str) -> subprocess.Popen[bytes] | None:
    program, *options = _INHIBITORS[platform]
    if not (inhibitor := trusted_path.find(program, repo, env)) or not (
        cat := trusted_path.find("cat", repo, env)
    ):
        return None
    with suppress(OSError):
        # The assertion lasts as long as `cat`, and that as long as the pipe, which is closed when we are killed.
        return subprocess.Popen(
            [inhibitor[0], *options, cat[0]],
            cwd="/",
            env={name: env[name] for name in _ENVIRONMENT if name in env} | {"PATH": inhibitor[1]},
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            start_new_session=True,  # not ended by Ctrl-C: the machine stays awake until the agent has ended
        )
    return None
