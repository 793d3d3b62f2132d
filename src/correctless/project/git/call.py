"""One call of git, run so that nothing an agent wrote decides what runs or what it can use.

Folders are pinned, the environment is made from an allow-list, and what git could be told to start is off. `Rights` says what
more a call gets: a key to sign with, or what speaks to a remote.
"""

from __future__ import annotations

import os
import select
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Literal

from correctless.base import exits
from correctless.base.exits import Stop
from correctless.base.values import frozen

SECONDS = 120.0  # longer than any local git command of ours takes; a signing prompt or a dead disk ends here

Rights = Literal["", "sign", "remote"]

# Whatever the repository's configuration says: no hook, no monitor, no pager, no editor, no housekeeping in the background, no
# look into repositories inside this one (their configuration is anybody's), no cache of what is untracked: an index is an agent's.
FIXED = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.untrackedCache=false",
    "core.quotePath=false",
    "core.pager=cat",
    "core.editor=false",
    "sequence.editor=false",
    "core.alternateRefsCommand=true",
    "protocol.ext.allow=never",
    "submodule.recurse=false",
    "diff.ignoreSubmodules=dirty",
    "status.submoduleSummary=false",
    "fetch.recurseSubmodules=false",
    "log.showSignature=false",
    "gc.auto=0",
    "maintenance.auto=false",
)
# Files the user's configuration names: what is ignored, and how files are read. Of a run they lie beside its frozen configuration.
RULES = {"ignore": "core.excludesFile", "attributes": "core.attributesFile"}
_NO_REMOTE = ("core.sshCommand=false", "core.askPass=", "credential.helper=")
_NO_SIGNATURE = (
    *("gpg.program=false", "gpg.openpgp.program=false", "gpg.x509.program=false"),
    *("gpg.ssh.program=false", "gpg.ssh.defaultKeyCommand=false"),
)
# The same by key and value, as git lists them.
OURS = frozenset(
    (key.lower(), value)
    for key, _, value in (setting.partition("=") for setting in (*FIXED, *_NO_REMOTE, *_NO_SIGNATURE))
)
_SAFE_ENV = {
    "GIT_NO_LAZY_FETCH": "1",  # what a remote is to be asked for is asked for by name: a fetch is never a look's side effect
    "GIT_NO_REPLACE_OBJECTS": "1",  # an agent can make a ref that shows another commit in place of the base
    "LC_ALL": "C",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_EDITOR": "false",
    "GIT_PAGER": "cat",
    "GIT_ASKPASS": "false",
    "PYTHONSAFEPATH": "1",  # a filter that is a Python module must not be taken from the worktree
}
# What git needs to know of whoever started us: where things lie, and who commits.
_PASSED = frozenset(
    {
        *("PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "LANG", "TZ", "LD_LIBRARY_PATH", "DEVELOPER_DIR"),
        *("XDG_CONFIG_HOME", "EMAIL", "GIT_CEILING_DIRECTORIES", "GIT_DISCOVERY_ACROSS_FILESYSTEM"),
        *("GIT_CONFIG_NOSYSTEM", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_GLOBAL", "GIT_OPTIONAL_LOCKS"),
        *(f"GIT_{who}_{what}" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL", "DATE")),
    }
)
_SIGNING = frozenset(
    {
        *("SSH_AUTH_SOCK", "GNUPGHOME", "GPG_AGENT_INFO", "GPG_TTY"),
        *("XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS", "DISPLAY", "WAYLAND_DISPLAY"),
    }
)
# A push or a fetch has all of the environment but what would take it to another repository or start a program of its own.
_REDIRECTING = frozenset(
    {
        *(
            "GIT_DIR",
            "GIT_WORK_TREE",
            "GIT_INDEX_FILE",
            "GIT_COMMON_DIR",
            "GIT_OBJECT_DIRECTORY",
            "GIT_NAMESPACE",
        ),
        *("GIT_PREFIX", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_CONFIG_PARAMETERS", "GIT_EXTERNAL_DIFF"),
        *("GIT_EXEC_PATH", "GIT_TEMPLATE_DIR", "GIT_ATTR_SOURCE", "GIT_SHALLOW_FILE", "GIT_GRAFT_FILE"),
        *("GIT_REPLACE_REF_BASE", "GIT_PROXY_COMMAND"),
    }
)
# Settings in the environment reach a local call unless they could log in somewhere.
_LOGIN = ("credential.", "http.", "url.", "remote.", "core.sshcommand", "core.askpass", "include")


@frozen
class GitPlace:
    """Where git works: its folders pinned, or nothing but the folder to look from."""

    top: str
    git_dir: str = ""
    common_dir: str = ""
    settings: str = (
        ""  # the frozen file that stands for the user's and the machine's configuration; "": they themselves
    )

    def pins(self) -> tuple[str, ...]:
        """Return the options that pin git to its folders."""
        return (f"--git-dir={self.git_dir}", f"--work-tree={self.top}") if self.git_dir else ()


def argv(place: GitPlace, args: Sequence[str], rights: Rights = "") -> list[str]:
    """The whole command of one call."""
    off = [*FIXED, *_rules(place)]
    if rights != "remote":
        off += _NO_REMOTE
    if rights != "sign":
        off += _NO_SIGNATURE
    settings = [word for setting in off for word in ("-c", setting)]
    return [_program(os.environ.get("PATH", ""), place.top), *place.pins(), *settings, *_plain(args)]


def run(
    place: GitPlace,
    args: Sequence[str],
    *,
    rights: Rights = "",
    env: Mapping[str, str] | None = None,
    stdin: str | None = None,
    seconds: float = SECONDS,
    text: bool = True,
) -> Any:
    """git's outcome, whatever it is; `Stop(3)` where there is no git, or when it takes longer than `seconds`."""
    words = argv(place, args, rights)
    try:
        with _Git(
            words,
            cwd=place.top,
            env=environment(place, rights, env),
            stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8" if text else None,
            # a path is bytes to git; it must come back as the same bytes
            errors="surrogateescape" if text else None,
        ) as git:
            given = stdin.encode("utf-8", "surrogateescape") if stdin is not None and not text else stdin
            try:
                out, err = git.communicate(given, timeout=seconds)
            except BaseException:
                git.kill()
                raise
        return subprocess.CompletedProcess(words, git.returncode, out, err)
    except (FileNotFoundError, NotADirectoryError):
        where = "git" if os.path.isdir(place.top) else place.top
        raise Stop(
            exits.REFUSED, f"{where} was not found. install git, or name a folder that exists"
        ) from None
    except subprocess.TimeoutExpired:
        name = next((word for word in args if not word.startswith("-")), "")
        raise Stop(
            exits.REFUSED,
            f"git {name} took over {seconds:.0f} s. see what it waits for in {place.top}: a file of many gigabytes, "
            "one that never ends (a fifo), a slow disk. then do it again",
        ) from None


class _Git(subprocess.Popen[Any]):
    """A process whose end is waited for: the standard library sleeps and looks again, for longer than most calls take."""

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code; `TimeoutExpired` after `timeout` seconds."""
        if timeout is None or self.returncode is not None or not hasattr(os, "pidfd_open"):
            return super().wait(timeout)
        try:
            fd = os.pidfd_open(self.pid)
        except OSError:
            return super().wait(timeout)
        try:
            look = select.poll()
            look.register(fd, select.POLLIN)
            look.poll(max(timeout, 0.0) * 1e3)
        finally:
            os.close(fd)
        return super().wait(0)


def hooked(place: GitPlace, args: Sequence[str]) -> list[str]:
    """A call with the repository's own hooks, which run what the branch holds: for an agent's environment, not for ours.

    Folders are not pinned: hooks would inherit them, and those that work in another repository as well would work in this one.
    """
    fixed = (*(setting for setting in FIXED if "hooks" not in setting), *_rules(place))
    settings = [word for setting in fixed for word in ("-c", setting)]
    return [_program(os.environ.get("PATH", ""), place.top), *settings, *args]


def as_agent(*args: str, cwd: str, env: Mapping[str, str]) -> subprocess.CompletedProcess[bytes]:
    """A call of an agent that is a program of ours, as any agent would make it."""
    return subprocess.run(["git", *args], cwd=cwd, env=dict(env), capture_output=True, check=False)


def environment(place: GitPlace, rights: Rights, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of one call."""
    if rights == "remote":
        kept = {name: value for name, value in os.environ.items() if name not in _REDIRECTING}
    else:
        wanted = _PASSED | _SIGNING if rights == "sign" else _PASSED
        kept = {name: value for name, value in os.environ.items() if name in wanted or name.startswith("LC_")}
        kept |= _settings_of(os.environ)
    kept["PATH"] = _path(kept.get("PATH", os.defpath), place.top)
    if place.common_dir not in ("", place.git_dir):
        kept["GIT_COMMON_DIR"] = place.common_dir
    return {**kept, **settings_of(place), **_SAFE_ENV, **(extra or {})}


def settings_of(place: GitPlace) -> dict[str, str]:
    """What has git read the frozen settings of a run in place of the user's and the machine's."""
    return {"GIT_CONFIG_GLOBAL": place.settings, "GIT_CONFIG_NOSYSTEM": "1"} if place.settings else {}


def _rules(place: GitPlace) -> tuple[str, ...]:
    # Here and not in the frozen configuration: the repository's own, which counts more, names files at home as well.
    return tuple(f"{key}={place.settings}.{name}" for name, key in RULES.items()) if place.settings else ()


def _plain(args: Sequence[str]) -> Iterator[str]:
    """The words of a call; where it shows differences, without the programs attributes and configuration name for that."""
    seen = False
    before = ""
    for word in args:
        yield word
        before, setting = word, before == "-c"
        if setting:
            continue
        if not seen and word in ("diff", "log", "show"):
            yield from ("--no-ext-diff", "--no-textconv")
        if not seen and word in ("diff", "status"):
            yield "--ignore-submodules=dirty"  # in place of what .gitmodules says
        seen = seen or not word.startswith("-")


def _settings_of(env: Mapping[str, str]) -> dict[str, str]:
    """The settings git gets by numbered variables, but those that log in somewhere."""
    count = env.get("GIT_CONFIG_COUNT", "")
    pairs = [
        (env.get(f"GIT_CONFIG_KEY_{n}", ""), env.get(f"GIT_CONFIG_VALUE_{n}", ""))
        for n in range(int(count) if count.isdigit() and len(count) < 4 else 0)
    ]
    kept = [(key, value) for key, value in pairs if key and not key.lower().startswith(_LOGIN)]
    if not kept:
        return {}
    found = {"GIT_CONFIG_COUNT": str(len(kept))}
    for n, (key, value) in enumerate(kept):
        found |= {f"GIT_CONFIG_KEY_{n}": key, f"GIT_CONFIG_VALUE_{n}": value}
    return found


@lru_cache(maxsize=64)
def _path(path: str, top: str) -> str:
    """PATH without folders an agent writes in: what git starts, and git itself, must not be taken from the worktree."""
    inside = _checkout(top)
    return os.pathsep.join(
        folder
        for folder in path.split(os.pathsep)
        if os.path.isabs(folder) and not within(os.path.realpath(folder), inside)
    )


@lru_cache(maxsize=64)
def _program(path: str, top: str) -> str:
    """git as it is found on that PATH; by its bare name where it is not, which says so at the call."""
    for folder in _path(path or os.defpath, top).split(os.pathsep):
        found = os.path.join(folder, "git")
        if os.access(found, os.X_OK) and os.path.isfile(found):
            return found
    return "/nonexistent/git"


def _checkout(folder: str) -> tuple[str, ...]:
    """The folder above (or at) `folder` that holds a `.git`, by its real path; none where there is none."""
    here = os.path.realpath(folder)
    while not os.path.lexists(os.path.join(here, ".git")):
        above = os.path.dirname(here)
        if above == here:
            return ()
        here = above
    return (here,)


def within(path: str, folders: Iterable[str]) -> bool:
    """Tell whether a path is one of the folders, or in one."""
    return any(path == folder or path.startswith(folder.rstrip(os.sep) + os.sep) for folder in folders)
