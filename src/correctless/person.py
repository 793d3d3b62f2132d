"""The channels a person speaks through: what they may answer from, and who they say they are.

A model can start any program its user can. What it can't be given is a terminal of its own outside the agent's process
tree: so a confirming command refuses when it, or any process above it, is marked as an agent's.
"""

from __future__ import annotations

import getpass
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping

from correctless import exits
from correctless.exits import Stop
from correctless.project.git import Repo

MARK = "CORRECTLESS_AGENT"


def refuse_agents(env: Mapping[str, str], *, pid: int | None = None) -> None:
    """`Stop(3)` unless this process can be a person's: not marked, not below a marked one, not a tool call."""
    if env.get("CLAUDECODE"):
        raise Stop(
            exits.REFUSED,
            "this is a tool call of Claude Code, and a person's answer is needed. run it in your own terminal",
        )
    if inside_agent(env, pid=pid):
        raise Stop(
            exits.REFUSED,
            "this runs inside an agent, and a person's answer is needed. run it in your own terminal",
        )


def inside_agent(env: Mapping[str, str], *, pid: int | None = None) -> bool:
    """Whether this process, or any above it as far as this user may read them, is marked as an agent's."""
    return MARK in env or any(MARK in names for names in ancestors(os.getpid() if pid is None else pid))


def has_terminal() -> bool:
    """Whether somebody can be asked here."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def name(repo: Repo | None, env: Mapping[str, str]) -> str:
    """Who the person at this terminal is, as far as git and the system say."""
    configured = repo.try_git("config", "--get", "user.name").stdout.strip() if repo is not None else ""
    if configured:
        return configured
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return env.get("USER", "unknown")


def ancestors(pid: int) -> Iterator[frozenset[str]]:
    """The names in the environments of `pid` and of each process above it, as far as this user may read them."""
    seen: set[int] = set()
    while pid > 1 and pid not in seen:
        seen.add(pid)
        yield _environment_names(pid)
        pid = _parent(pid)


def _environment_names(pid: int) -> frozenset[str]:
    # Another user's process can't be read and is passed over: the walk goes on above it (sudo, login, sshd).
    if os.path.isdir("/proc/self"):
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                pairs = file.read().split(b"\0")
        except OSError:
            return frozenset()
        return frozenset(pair.partition(b"=")[0].decode("utf-8", "replace") for pair in pairs)
    shown = _ps(pid, "command=", "-E")
    return frozenset(word.partition("=")[0] for word in shown.split() if "=" in word)


def _parent(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            # The program's name stands in parentheses and may hold spaces and parentheses itself.
            return int(file.read().rpartition(b")")[2].split()[1])
    except (OSError, ValueError, IndexError):
        said = _ps(pid, "ppid=")
        return int(said) if said.strip().isdigit() else 0


def _ps(pid: int, column: str, *options: str) -> str:
    try:
        done = subprocess.run(
            ["ps", *options, "-ww", "-o", column, "-p", str(pid)],
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout
