"""One call of git, in which nothing an agent wrote decides what runs or what it can use.

Folders are pinned, the environment is an allow-list, and programs that configuration could have git start are off. `Rights`
adds to a call what it needs to sign, or to reach a remote.
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
from correctless.base.files import open_plain
from correctless.base.values import frozen

_LONGEST = 300  # characters of git's error that are shown
SECONDS = 120.0  # longer than a local git command takes; ends a signing prompt or a dead disk

Rights = Literal["", "sign", "remote"]

# Whatever the repository's configuration says: no hook, no monitor, no pager, no editor, no housekeeping in the background,
# nothing read of repositories inside this one (their configuration is untrusted), no cache of untracked files (so is the index).
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
    "core.safecrlf=false",  # true: git refuses to commit a file whose line ends it would convert
    "submodule.recurse=false",
    "diff.ignoreSubmodules=dirty",
    "status.submoduleSummary=false",
    "fetch.recurseSubmodules=false",
    "log.showSignature=false",
    "gc.auto=0",
    "maintenance.auto=false",
)
# Files that configuration names: what is ignored, and how files are read. A run has copies beside its frozen configuration.
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
    "GIT_NO_LAZY_FETCH": "1",  # reading an object must not fetch from a remote
    "GIT_NO_REPLACE_OBJECTS": "1",  # an agent can make a ref that replaces the base by another commit
    "LC_ALL": "C",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_EDITOR": "false",
    "GIT_PAGER": "cat",
    "GIT_ASKPASS": "false",
    "PYTHONSAFEPATH": "1",  # a filter that is a Python module must not be taken from the worktree
}
# Variables that say where programs and files are, and who commits.
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
# A push or a fetch gets all of the environment but what would lead it to another repository or start a program of its own.
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
    """Where git works: pinned folders, or only the folder to search from.

    `settings` is the frozen file that replaces the user's and the machine's configuration, "" for none.
    """

    top: str
    git_dir: str = ""
    common_dir: str = ""
    settings: str = ""

    def pins(self) -> tuple[str, ...]:
        """Return the options that pin git to its folders."""
        return (f"--git-dir={self.git_dir}", f"--work-tree={self.top}") if self.git_dir else ()


def argv(place: GitPlace, args: Sequence[str], rights: Rights = "") -> list[str]:
    """Return the whole command of one call."""
    off = [*FIXED, *_rules(place)]
    if rights != "remote":
        off += _NO_REMOTE
    if rights != "sign":
        off += _NO_SIGNATURE
    settings = [option for setting in off for option in ("-c", setting)]
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
    """Return git's outcome, whatever it is. Raises: `Stop(3)` without git, and when it takes longer than `seconds`."""
    command = argv(place, args, rights)
    try:
        with _Git(
            command,
            cwd=place.top,
            env=environment(place, rights, env),
            stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as git:
            data = stdin.encode("utf-8", "surrogateescape") if stdin is not None else None
            try:
                out, err = git.communicate(data, timeout=seconds)
            except BaseException:
                git.kill()
                raise
        if text:
            # By hand: Python's text mode would make line ends of the CRs in a patch, and lines of what is behind them.
            # A path is bytes to git; it must come back as the same bytes.
            out, err = (each.decode("utf-8", "surrogateescape") for each in (out, err))
        return subprocess.CompletedProcess(command, git.returncode, out, err)
    except (FileNotFoundError, NotADirectoryError):
        missing = "git" if os.path.isdir(place.top) else place.top
        raise Stop(
            exits.REFUSED, f"{missing} was not found. install git, or name a folder that exists"
        ) from None
    except subprocess.TimeoutExpired:
        name = next((arg for arg in args if not arg.startswith("-")), "")
        raise Stop(
            exits.REFUSED,
            f"git {name} took over {seconds:.0f} s. see what it waits for in {place.top}: a file of many gigabytes, "
            "one that never ends (a fifo), a slow disk. then do it again",
        ) from None


def error_line(done: subprocess.CompletedProcess[str]) -> str:
    """Return the first line of git's output, cut to a length people read: it names paths of any length."""
    line = (done.stderr.strip() or done.stdout.strip() or f"exit {done.returncode}").splitlines()[0]
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"


class _Git(subprocess.Popen[Any]):
    """A process whose end is waited for by its pidfd: the standard library polls, for longer than most calls take."""

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
    """Return a call with the repository's own hooks, which run files of the branch: for an agent's environment, not ours.

    Folders are not pinned: hooks would inherit that, and a hook that uses git in another repository would work in this one.
    """
    fixed = (*(setting for setting in FIXED if "hooks" not in setting), *_rules(place))
    settings = [option for setting in fixed for option in ("-c", setting)]
    return [_program(os.environ.get("PATH", ""), place.top), *settings, *args]


def as_agent(*args: str, cwd: str, env: Mapping[str, str]) -> subprocess.CompletedProcess[bytes]:
    """Run git as an agent does, for an agent that is a program of ours."""
    return subprocess.run(["git", *args], cwd=cwd, env=dict(env), capture_output=True, check=False)


def environment(place: GitPlace, rights: Rights, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of one call."""
    if rights == "remote":
        variables = {name: value for name, value in os.environ.items() if name not in _REDIRECTING}
    else:
        wanted = _PASSED | _SIGNING if rights == "sign" else _PASSED
        variables = {
            name: value for name, value in os.environ.items() if name in wanted or name.startswith("LC_")
        }
        variables |= _settings_of(os.environ)
    variables["PATH"] = _path(variables.get("PATH", os.defpath), place.top)
    if place.common_dir not in ("", place.git_dir):
        variables["GIT_COMMON_DIR"] = place.common_dir
    return {**variables, **settings_of(place), **_SAFE_ENV, **(extra or {})}


def settings_of(place: GitPlace) -> dict[str, str]:
    """Return the variables with which git reads the frozen settings of a run in place of the user's and the machine's."""
    return {"GIT_CONFIG_GLOBAL": place.settings, "GIT_CONFIG_NOSYSTEM": "1"} if place.settings else {}


def _rules(place: GitPlace) -> tuple[str, ...]:
    # Not in the frozen configuration: the repository's own has precedence, and can name files in your home as well.
    return tuple(f"{key}={place.settings}.{name}" for name, key in RULES.items()) if place.settings else ()


def _plain(args: Sequence[str]) -> Iterator[str]:
    """Yield the arguments of a call, with options against the programs that attributes and configuration set for diffs."""
    past_command = False
    before = ""
    for arg in args:
        yield arg
        before, setting = arg, before == "-c"
        if setting:
            continue
        if not past_command and arg in ("diff", "log", "show"):
            yield from ("--no-ext-diff", "--no-textconv")
        if not past_command and arg in ("diff", "status"):
            yield "--ignore-submodules=dirty"  # overrides .gitmodules
        past_command = past_command or not arg.startswith("-")


def _settings_of(env: Mapping[str, str]) -> dict[str, str]:
    """Return the settings git gets by numbered variables, without those for logins."""
    count = env.get("GIT_CONFIG_COUNT", "")
    pairs = [
        (env.get(f"GIT_CONFIG_KEY_{n}", ""), env.get(f"GIT_CONFIG_VALUE_{n}", ""))
        for n in range(int(count) if count.isdigit() and len(count) < 4 else 0)
    ]
    wanted = [(key, value) for key, value in pairs if key and not key.lower().startswith(_LOGIN)]
    if not wanted:
        return {}
    variables = {"GIT_CONFIG_COUNT": str(len(wanted))}
    for n, (key, value) in enumerate(wanted):
        variables |= {f"GIT_CONFIG_KEY_{n}": key, f"GIT_CONFIG_VALUE_{n}": value}
    return variables


@lru_cache(maxsize=64)
def _path(path: str, top: str) -> str:
    """Return PATH without folders an agent writes in: git and what it starts must not come from the worktree."""
    inside = _checkout(top)
    return os.pathsep.join(
        folder
        for folder in path.split(os.pathsep)
        if os.path.isabs(folder) and not within(os.path.realpath(folder), inside)
    )


@lru_cache(maxsize=64)
def _program(path: str, top: str) -> str:
    """Return the path of git on that PATH; a missing file without one, so that the call fails."""
    for folder in _path(path or os.defpath, top).split(os.pathsep):
        program = os.path.join(folder, "git")
        if os.access(program, os.X_OK) and os.path.isfile(program):
            return program
    return "/nonexistent/git"


def _checkout(folder: str) -> tuple[str, ...]:
    """Return the real path of the nearest folder with a `.git`, at or above `folder`; empty without one."""
    current = os.path.realpath(folder)
    while not os.path.lexists(os.path.join(current, ".git")):
        above = os.path.dirname(current)
        if above == current:
            return ()
        current = above
    return (current,)


def within(path: str, folders: Iterable[str]) -> bool:
    """Tell whether a path is one of the folders, or in one."""
    return any(path == folder or path.startswith(folder.rstrip(os.sep) + os.sep) for folder in folders)


def dot_git(top: str) -> str | None:
    """Return the real path of the git folder that the `.git` in a folder is or leads to; None without one."""
    path = os.path.join(top, ".git")
    if os.path.isdir(path):
        return os.path.realpath(path)
    try:
        with open(open_plain(path, follow=True), "rb") as file:
            text = os.fsdecode(file.read(1 << 14))
    except OSError:
        return None
    if not text.startswith("gitdir: "):
        return None
    return os.path.realpath(os.path.join(top, text.removeprefix("gitdir: ").rstrip("\r\n")))
