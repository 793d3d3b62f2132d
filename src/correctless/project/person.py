"""Whether an answer can come from you, and your name.

A model can start any program its user can, but it gets no terminal outside of the agent's process tree: so a confirming command
refuses when it, or any process above it, is marked as an agent's.
"""

from __future__ import annotations

import getpass
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Literal

from correctless.base import exits
from correctless.base.exits import Stop
from correctless.base.process import orphans
from correctless.base.text import hidden
from correctless.project.git import Repo

MARK = "CORRECTLESS_AGENT"
Channel = Literal["terminal", "prompt", "github", "signed", "flag"]
# How an answer may come, unless a configuration says otherwise; `flag` opens no gate by default.
DEFAULT_CHANNELS: tuple[Channel, ...] = ("terminal", "prompt", "github", "signed")
_LONGEST = 100  # characters of a name


def refuse_agents(env: Mapping[str, str], *, pid: int | None = None) -> None:
    """Refuse a process that is marked as an agent's, below a marked one, or a tool call. Raises: `Stop(3)`."""
    if env.get("CLAUDECODE"):
        raise Stop(
            exits.REFUSED,
            "this is a tool call of Claude Code, but only you may answer. run it in your own terminal",
        )
    if inside_agent(env, pid=pid):
        raise Stop(
            exits.REFUSED,
            "this runs inside an agent, but only you may answer. run it in your own terminal",
        )


def inside_agent(env: Mapping[str, str], *, pid: int | None = None) -> bool:
    """Whether this process, or any above it that this user may read, is marked as an agent's."""
    return MARK in env or any(MARK in names for names in ancestors(os.getpid() if pid is None else pid))


def has_terminal() -> bool:
    """Whether this process has a terminal for questions."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def named(text: str) -> str:
    """Return a name without white space at its ends. Raises: `Stop(2)` for one that is empty, long or not all visible."""
    text = text.strip()
    if len(text) > _LONGEST or "\n" in text or hidden(text) or not any(map(str.isalnum, text)):
        quoted = text.encode("ascii", "backslashreplace").decode()[:_LONGEST]
        rule = f"write one line of visible text with a letter in it, at most {_LONGEST} characters"
        raise Stop(exits.USAGE, f"'{quoted}' is not a name. {rule}")
    return text


def name(repo: Repo | None, env: Mapping[str, str]) -> str:
    """Return your name by git's configuration or the system; "unknown" without one."""
    configured = repo.try_git("config", "--get", "user.name").stdout.strip() if repo is not None else ""
    for candidate in (configured, _user(), env.get("USER", "")):
        with suppress(Stop):
            return named(candidate)
    return "unknown"


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""


def ancestors(pid: int) -> Iterator[frozenset[str]]:
    """Yield the names in the environments of `pid` and of each process above it, if this user may read them.

    A dispatcher above counts as marked: below it are the processes of its agents, also those without their parent and mark.
    """
    seen: set[int] = set()
    while pid > 1 and pid not in seen:
        names = _environment_names(pid)
        yield names | {MARK} if seen and orphans.is_dispatcher(pid) else names
        seen.add(pid)
        pid = _parent(pid)


def _environment_names(pid: int) -> frozenset[str]:
    # Another user's process can't be read and is skipped: its ancestors are read (sudo, login, sshd).
    if os.path.isdir("/proc/self"):
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                pairs = file.read().split(b"\0")
        except OSError:
            return frozenset()
        return frozenset(pair.partition(b"=")[0].decode("utf-8", "replace") for pair in pairs)
    output = _ps(pid, "command=", "-E")
    return frozenset(item.partition("=")[0] for item in output.split() if "=" in item)


def _parent(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            # The program's name is in parentheses and may contain spaces and parentheses itself.
            return int(file.read().rpartition(b")")[2].split()[1])
    except (OSError, ValueError, IndexError):
        output = _ps(pid, "ppid=")
        return int(output) if output.strip().isdigit() else 0


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
