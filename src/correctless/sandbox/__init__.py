"""Sandbox of an agent, enforced by the kernel: bubblewrap or sandbox-exec."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

from correctless.base import below, install
from correctless.base.exits import REFUSED, Stop
from correctless.base.files import replace_file
from correctless.base.process.process import Wrap
from correctless.guard import state
from correctless.project.git import Repo
from correctless.project.paths import ARTIFACTS, CONTRACTS
from correctless.sandbox import bubblewrap, credentials, git_layout, seatbelt, seccomp, sockets
from correctless.sandbox.reach import AccessRule, Needs, Reach, arrange, inside, make_room

_TRIAL_SECONDS = 20.0
_TEMPORARY = ("/tmp", "/var/tmp")  # noqa: S108 what is shown there is the run's own
_RUNTIME = ("/run", "/var/run")
# Caches that programs refuse to work without, and that can be anywhere: each goes to the run's own folder.
_CACHES = {"GOCACHE": "go-build", "npm_config_cache": "npm", "UV_CACHE_DIR": "uv", "PIP_CACHE_DIR": "pip"}


@dataclass(frozen=True, slots=True)
class Means:
    """Program that makes sandboxes on this machine."""

    name: str  # bubblewrap or sandbox-exec
    programs: tuple[str, ...]  # by their absolute paths


@dataclass(frozen=True, slots=True)
class Sandbox:
    """One sandbox: the wrapper of a command, and the variables to set in its environment."""

    means: Means
    reach: Reach
    wrap: Wrap
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SandboxPlace:
    """Worktree, branch and run folder that a sandbox is made for.

    `writable` and `readable` are paths a configuration names; `commands` are words whose programs have to be found,
    `env` is your environment when you start the run, `git` git's configuration by lower-case key.
    """

    repo: Repo
    branch: str
    run_folder: str
    env: Mapping[str, str]
    git: Mapping[str, str] = field(default_factory=dict)
    writable: Sequence[str] = ()
    readable: Sequence[str] = ()


def private(run_folder: str) -> str:
    """Return a run's own folder for what its agents store.

    That is temporary files, caches and their programs' state.
    """
    return os.path.join(run_folder, "private")


def find(mode: str, env: Mapping[str, str], *, exclude: Sequence[str] = ()) -> tuple[Means | None, str]:
    """Return this machine's sandbox program, or None and the reason.

    A program in one of the folders `exclude` is not used: an agent could have put it there.

    Raises: Stop(3) where `mode` is require and none is found.
    """
    if mode == "off":
        return None, ""
    means, fault = _means(env.get("PATH", ""), tuple(exclude))
    if means is None and mode == "require":
        raise Stop(REFUSED, f"agent_sandbox is require, and {fault}, or set agent_sandbox: auto")
    return means, fault


def refuse(repo: Repo) -> None:
    """Refuse a repository that no sandbox can protect.

    Raises: Stop(3).
    """
    git_layout.refuse_link(repo)


def missing(place: SandboxPlace) -> tuple[str, ...]:
    """Return the paths a configuration names that do not exist.

    Nothing is shown or made writable for them.
    """
    home = place.env.get("HOME", "")
    return tuple(
        path for path in (*place.writable, *place.readable) if not os.path.lexists(_expanded(path, home))
    )


def prepare(place: SandboxPlace) -> None:
    """Create what a sandbox needs of git's files and ours.

    Anything that appears there later comes from an agent.
    """
    git_layout.prepare(place.repo, place.branch, place.git)
    contracts = os.path.join(place.repo.top, CONTRACTS)
    if not os.path.isdir(contracts):  # where there are none, an agent can't make some
        below.make_folder(place.repo.top, contracts)


def make(
    means: Means, place: SandboxPlace, needs: Needs, command: Sequence[str], env: Mapping[str, str]
) -> Sandbox:
    """Return the sandbox of one process.

    `command` is what will run in it, `env` the environment it will have.
    """
    # The agent writes in the first of these, and not in their parent folder: it can put nothing else in their place.
    temporary, empty, filtered = (
        os.path.join(private(place.run_folder), name) for name in ("tmp", "empty", "filter")
    )
    os.makedirs(temporary, mode=0o700, exist_ok=True)
    for file, data in ((empty, b""), (filtered, seccomp.program())):
        if not os.path.exists(file):
            replace_file(file, data, durable=False)
    prepare(place)
    rules = arrange(_rules(place, needs, (*command, *needs.environment.values()), env))
    make_room(rules)
    reach = Reach(rules, temporary, empty, filtered)
    bwrap = means.name == bubblewrap.PACKAGE
    temporary_inside = "/tmp" if bwrap else temporary  # noqa: S108 the run's own is shown there
    caches = {name: os.path.join(temporary_inside, "cache", folder) for name, folder in _CACHES.items()}
    environment = {
        "TMPDIR": temporary_inside,
        **{name: folder for name, folder in caches.items() if name not in env},
        **needs.environment,
    }
    prefix = bubblewrap.prefix if bwrap else seatbelt.prefix
    wrap = Wrap(prefix(means.programs, reach, place.repo.top), contains=bwrap)  # by its process namespace
    return Sandbox(means, reach, wrap, environment)


def _rules(
    place: SandboxPlace, needs: Needs, arguments: Sequence[str], env: Mapping[str, str]
) -> Iterator[AccessRule]:
    repo = place.repo
    home = place.env.get("HOME", "")
    cleared = [
        AccessRule(path, "write", os.path.join(private(place.run_folder), "tmp")) for path in _TEMPORARY
    ]
    cleared += [AccessRule(path, "hide") for path in _RUNTIME]
    secret = [
        rule for rule in credentials.rules(place.env, place.git, state.home()) if os.path.lexists(rule.path)
    ]
    yield from (*cleared, *secret)
    yield from _visible_below(_programs(arguments, env), (*cleared, *secret))
    yield from _visible_below(
        (*arguments, repo.home, repo.common_dir, home, os.path.realpath("/etc/resolv.conf")), cleared
    )
    for path in sockets.listening(home):
        yield AccessRule(path, "hide")
    yield from (AccessRule(_expanded(path, home), "read") for path in place.readable)
    yield AccessRule(repo.top, "write")
    yield from git_layout.rules(repo, place.branch, place.git)
    for top in dict.fromkeys((repo.home, repo.top)):
        yield AccessRule(os.path.join(top, ARTIFACTS), "read", narrows=True)
        yield AccessRule(os.path.join(top, CONTRACTS), "read", narrows=True)
        yield AccessRule(os.path.join(top, ARTIFACTS, "runs"), "hide")
    yield AccessRule(place.run_folder, "read")
    if inside(sys.prefix, repo.top):
        yield AccessRule(sys.prefix, "read")  # an environment in the worktree is the dispatcher's own program
    yield from (AccessRule(_expanded(path, home), "write") for path in place.writable)
    # The logs are checked against these folders, so no rule above may make them writable.
    yield from (
        AccessRule(folder, "read", narrows=True)
        for folder in state.folders(place.env)
        if os.path.isdir(folder)
    )
    yield from needs.rules


def _programs(arguments: Sequence[str], env: Mapping[str, str]) -> Iterator[str]:
    """Yield the folders of programs started in the sandbox.

    They are the agent's own, those on PATH, and this package's.
    """
    yield from (sys.prefix, sys.base_prefix, install.plugin_root(), install.import_root())
    yield from env.get("PATH", "").split(os.pathsep)
    yield from arguments[:1]


def _visible_below(paths: Iterable[str], hidden: Sequence[AccessRule]) -> Iterator[AccessRule]:
    """Yield rules that show those of `paths` that are below something hidden.

    Each is shown by its real name and by that of a link which leads to it.
    """
    folders = [os.path.realpath(rule.path) for rule in hidden]

    def lost(path: str) -> bool:
        return any(inside(path, folder) and path != folder for folder in folders)

    for path in dict.fromkeys(path for path in paths if os.path.isabs(path) and os.path.exists(path)):
        real = os.path.realpath(path)
        if lost(real):
            yield AccessRule(path, "read")
        folder = os.sep  # by its real name
        for name in path.split(os.sep):
            at = os.path.normpath(os.path.join(folder, name))
            folder = os.path.realpath(at) if os.path.islink(at) else at
            if folder != at and lost(at):
                # The link, not its target: hidden files in the target would be visible.
                yield AccessRule(at, "link", folder)


def _expanded(path: str, home: str) -> str:
    return home + path[1:] if path == "~" or path.startswith("~/") else path


@cache
def _means(path: str, exclude: tuple[str, ...]) -> tuple[Means | None, str]:
    if sys.platform == "darwin":
        means = Means("sandbox-exec", (seatbelt.PROGRAM,))
        return _tried(means, seatbelt.trial(means.programs))
    folders = [folder for folder in path.split(os.pathsep) if os.path.isabs(folder)]
    folders += [folder for folder in ("/usr/bin", "/usr/local/bin", "/bin") if folder not in folders]
    folders = [each for each in folders if not any(inside(os.path.realpath(each), top) for top in exclude)]
    programs = []
    for name, package in bubblewrap.PROGRAMS.items():
        program = shutil.which(name, path=os.pathsep.join(folders))
        if program is None:
            return None, f"the program '{name}' is missing. install the package {package}"
        programs.append(program)
    return _tried(Means(bubblewrap.PACKAGE, tuple(programs)), bubblewrap.trial(programs))


def _tried(means: Means, argv: tuple[str, ...]) -> tuple[Means | None, str]:
    try:
        done = subprocess.run(
            argv, env={}, stdin=subprocess.DEVNULL, capture_output=True, timeout=_TRIAL_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return None, f"{means.name} cannot be used here ({error}). see docs/sandbox.md"
    if done.returncode == 0:
        return means, ""
    why = (done.stderr.decode("utf-8", "replace").strip() or f"exit {done.returncode}").splitlines()[0]
    return None, f"{means.name} cannot make a sandbox here ({why}). see docs/sandbox.md"
