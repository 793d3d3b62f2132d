"""Channels for human answers: where an answer may come from, and whose it is.

A model can start any program its user can. What it can't be given is a terminal of its own outside the agent's process
tree: so a confirming command refuses when it, or any process above it, is marked as an agent's.
"""

from __future__ import annotations

import getpass
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress

from correctless.base import exits
from correctless.base.exits import Stop
from correctless.base.process import orphans
from correctless.base.text import hidden
from correctless.project.git import Repo

MARK = "CORRECTLESS_AGENT"
_LONGEST = 100  # characters of a name


def refuse_agents(env: Mapping[str, str], *, pid: int | None = None) -> None:
    """`Stop(3)` unless this process can be a person's: not marked, not below a marked one, not a tool call."""
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
    """Whether this process, or any above it as far as this user may read them, is marked as an agent's."""
    return MARK in env or any(MARK in names for names in ancestors(os.getpid() if pid is None else pid))


def has_terminal() -> bool:
    """Whether somebody can be asked here."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def named(given: str) -> str:
    """A name as it was given, without blanks around it; `Stop(2)` for what names nobody, or not what it shows."""
    bare = given.strip()
    if len(bare) > _LONGEST or "\n" in bare or hidden(bare) or not any(map(str.isalnum, bare)):
        shown = bare.encode("ascii", "backslashreplace").decode()[:_LONGEST]
        said = f"'{shown}' is not a name. write one line of visible text with a letter in it, at most {_LONGEST} characters"
        raise Stop(exits.USAGE, said)
    return bare


def name(repo: Repo | None, env: Mapping[str, str]) -> str:
    """Who the person at this terminal is, as far as git and the system say."""
    configured = repo.try_git("config", "--get", "user.name").stdout.strip() if repo is not None else ""
    for said in (configured, _user(), env.get("USER", "")):
        with suppress(Stop):
            return named(said)
    return "unknown"


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""


def ancestors(pid: int) -> Iterator[frozenset[str]]:
    """The names in the environments of `pid` and of each process above it, as far as this user may read them.

    A dispatcher above counts as marked: below it is what its agents started, also what lost its parent and its mark.
    """
    seen: set[int] = set()
    while pid > 1 and pid not in seen:
        names = _environment_names(pid)
        yield names | {MARK} if seen and orphans.is_dispatcher(pid) else names
        seen.add(pid)
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
