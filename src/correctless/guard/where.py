"""Paths that the guard protects, and the runs that are active in their repository."""

from __future__ import annotations

import json
import os
from fnmatch import fnmatchcase

from correctless.guard import state

TYPE_CHECKING = False  # see shell
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

OURS = ".correctless"
ARTIFACTS = "artifacts"  # logs, confirmations, run state: only the program writes them
CONTRACTS = "contracts"
_ENDS = ("complete", "abandoned")  # the events after which a run needs nothing more
_TAIL = 1 << 18  # bytes of a run log's end that are read for its last event
_SETTINGS = (
    (".claude", "settings*.json"),
    (".claude", "hooks"),
    (".claude", "plugins"),
    (".claude", "scheduled_tasks.json"),
    (".git", "hooks"),
    (".git", "config*"),
    ("hooks", "hooks.json"),
    (".claude-plugin", "*"),
)
_SETTINGS_FILES = (".mcp.json", ".githooks", ".husky", ".gitconfig", ".claude.json")


class Home:
    """A repository: the worktree's top, its own git folder, and the folder with the logs in `.correctless/artifacts`."""

    __slots__ = ("folder", "git_dir", "top")

    def __init__(self, top: str, git_dir: str, folder: str) -> None:
        self.top = top
        self.git_dir = git_dir
        self.folder = folder


def resolved(path: str, cwd: str) -> Iterator[str]:
    """Yield the absolute path as it is written and, where links lead elsewhere, its real path."""
    written = os.path.normpath(os.path.join(cwd, os.path.expanduser(path)))
    yield written
    real = os.path.realpath(written)
    if real != written:
        yield real


def is_protected(path: str, cwd: str, env: Mapping[str, str]) -> bool:
    """Return whether a path is a log, a confirmation or run state, or a pattern that could match one."""
    return any(_is_protected_path(each, env) for each in resolved(path, cwd))


def _is_protected_path(path: str, env: Mapping[str, str]) -> bool:
    parts = [part.lower() for part in path.split("/")]
    for first, second in zip(parts, parts[1:]):
        if _could_be(first, OURS) and _could_be(second, ARTIFACTS):
            return True
    if parts[-1].startswith("correctless.lock"):
        return True
    ours = (state_folder(env).lower(), *(each.lower() for each in state.folders(env)))
    return path.lower() in ours or path.lower().startswith(tuple(each + "/" for each in ours))


def holds_protected(path: str, cwd: str, env: Mapping[str, str]) -> bool:
    """Return whether a path is our folder or all that is in it: removing or moving it takes the logs along."""
    for each in resolved(path, cwd):
        above, _, last = each.lower().rpartition("/")
        if _could_be(last, OURS) or (last == "*" and _could_be(above.rpartition("/")[2], OURS)):
            return True
    return is_protected(path, cwd, env)


def is_settings(path: str, cwd: str) -> bool:
    """Return whether a path is a hook, or settings of the client or of git."""
    for each in resolved(path, cwd):
        parts = [part.lower() for part in each.split("/")]
        if any(part in _SETTINGS_FILES for part in parts):
            return True
        for first, second in zip(parts, parts[1:]):
            for folder, name in _SETTINGS:
                if first == folder and fnmatchcase(second, name):
                    return True
    return False


def is_contract(path: str, cwd: str) -> bool:
    """Return whether a path is a run contract."""
    for each in resolved(path, cwd):
        parts = [part.lower() for part in each.split("/")]
        if any(pair == (OURS, CONTRACTS) for pair in zip(parts, parts[1:])):
            return True
    return False


def _could_be(written: str, name: str) -> bool:
    """Return whether a part of a path is this name or a pattern for it, other than a lone star."""
    return written == name or (
        any(mark in written for mark in "*?[") and written.strip("*?") != "" and fnmatchcase(name, written)
    )


def home(cwd: str) -> Home | None:
    """Return the repository of a folder, None without one. Reads the files, without git."""
    top = os.path.abspath(cwd)
    while True:
        at = os.path.join(top, ".git")
        if os.path.isdir(at):
            return Home(top, at, top)
        if os.path.isfile(at):
            return _linked(top, at)
        above = os.path.dirname(top)
        if above == top:
            return None
        top = above


def _linked(top: str, file: str) -> Home:
    with open(file, encoding="utf-8", errors="surrogateescape") as opened:
        git_dir = os.path.join(top, opened.read().partition("gitdir:")[2].strip())
    try:
        with open(os.path.join(git_dir, "commondir"), encoding="utf-8", errors="surrogateescape") as opened:
            common = os.path.normpath(os.path.join(git_dir, opened.read().strip()))
    except OSError:
        return Home(top, git_dir, top)  # a submodule
    return Home(top, git_dir, os.path.dirname(common) if os.path.basename(common) == ".git" else top)


def branch(repository: Home) -> str:
    """Return the branch of a worktree, "" when it is on none."""
    try:
        with open(
            os.path.join(repository.git_dir, "HEAD"), encoding="utf-8", errors="surrogateescape"
        ) as file:
            head = file.read().strip()
    except OSError:
        return ""
    return head[len("ref: refs/heads/") :] if head.startswith("ref: refs/heads/") else ""


def runs(repository: Home) -> Iterator[str]:
    """Yield the branches of unfinished runs; a run log that cannot be read counts as unfinished."""
    folder = os.path.join(repository.folder, OURS, ARTIFACTS)
    for name in _names(folder):
        if (
            name.startswith("pipeline-")
            and name.endswith(".jsonl")
            and not _has_ended(os.path.join(folder, name))
        ):
            yield _branch_of(folder, name)


def is_pinned(repository: Home) -> bool:
    """Return whether a run contract is in force."""
    folder = os.path.join(repository.folder, OURS, ARTIFACTS)
    return any(
        name.startswith("contract-") and os.path.lexists(os.path.join(folder, name, "pinned.md"))
        for name in _names(folder)
    )


def off_switch(repository: Home | None, env: Mapping[str, str]) -> str:
    """Return the file that exists while you have switched the guard off for this repository."""
    import hashlib

    path = os.path.realpath(repository.folder) if repository else "/"
    name = hashlib.sha256(path.encode("utf-8", "surrogateescape")).hexdigest()[:32]
    return os.path.join(state_folder(env), "guard-off", name)


def state_folder(env: Mapping[str, str]) -> str:
    """Return the folder of the guard's switch and of Claude Code's sessions, which the environment may move.

    Private copies of logs use `state.folders`, which XDG_STATE_HOME does not move.
    """
    named = env.get("XDG_STATE_HOME", "")
    if not os.path.isabs(named):  # a relative one is invalid (XDG Base Directory)
        named = os.path.join(env.get("HOME", "/"), ".local", "state")
    return os.path.join(os.path.normpath(named), "correctless")


def _names(folder: str) -> Iterator[str]:
    try:
        return iter(sorted(os.listdir(folder)))
    except FileNotFoundError:
        return iter(())


def _has_ended(path: str) -> bool:
    with open(path, "rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _TAIL))
        lines = file.read().splitlines()
    if size == 0:
        return True
    try:
        events = (json.loads(line)["event"] for line in reversed(lines))
        # A gate may be closed after the end of a run: that starts nothing.
        return next((event for event in events if event != "gate_closed"), "") in _ENDS
    except (ValueError, KeyError, TypeError, RecursionError):
        return False


def _branch_of(folder: str, name: str) -> str:
    manifest = "pipeline-manifest-" + name[len("pipeline-") : -len(".jsonl")] + ".json"
    try:
        with open(os.path.join(folder, manifest), "rb") as file:
            return str(json.loads(file.read(1 << 20))["branch"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""
