"""A small world around a worktree, and programs run in it within a sandbox: who got out is seen by what changed, or was shown."""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import escapes
from conftest import at_home
from correctless import sandbox
from correctless.base.process import process
from correctless.project.git import Repo, find
from correctless.sandbox.reach import Needs
from programs import CACHE

SECRET = "the secret of this world"
NOBODY = 65534
LAYOUTS = ("ordinary", "linked")
ALL_LAYOUTS = (*LAYOUTS, "submodule", "bare")
_SOURCE = Path(escapes.__file__).read_bytes()

# What an agent writes in git's folder beside its branch; everything else of it has to stay.
_ITS_OWN = {
    "index",
    "HEAD",
    "ORIG_HEAD",
    "COMMIT_EDITMSG",
    "FETCH_HEAD",
    "MERGE_HEAD",
    "AUTO_MERGE",
    "description",
}
_ITS_OWN |= {"logs", "objects/pack"}
_ITS_OWN |= {
    "refs/heads/feature/x",
    "logs/refs/heads/feature/x",
    "logs/HEAD",
    "refs/stash",
    "logs/refs/stash",
}
_MAY_GET = ("", "objects", "refs/heads/feature", "logs/refs/heads/feature", "logs", "logs/refs", "refs")


def python() -> str:
    """An interpreter that every user may run."""
    return shutil.which("python3", path="/usr/bin:/usr/local/bin") or sys.executable


def scratch() -> str:
    """A new folder that is not below one of those for temporary files: what is there is another in a sandbox."""
    # root's home is no place that others may enter
    place = Path("/srv") if os.geteuid() == 0 else CACHE
    place.mkdir(parents=True, exist_ok=True)
    folder = tempfile.mkdtemp(prefix="correctless-", dir=place)
    os.chmod(folder, 0o755)
    return folder


@dataclass
class World:
    """`base` holds everything: a home, a repository with its worktrees, and what lies beside them."""

    base: str
    layout: str
    uid: int
    repo: Repo = field(init=False)
    git: dict[str, str] = field(init=False)
    tmp: str = field(init=False)
    shm: str = field(init=False)
    branch: str = "feature/x"

    def __post_init__(self) -> None:
        self.tmp = tempfile.mkdtemp(prefix="correctless-wall-", dir="/tmp")
        os.chmod(self.tmp, 0o777)
        self.shm = os.path.join("/dev/shm", os.path.basename(self.tmp))
        self._build()
        self.make()  # what it prepares in git's folder stays
        self.template = self.base + "-template"
        os.rename(self.base, self.template)
        self.pristine: dict[str, str] = {}
        self.restore()

    @property
    def home(self) -> str:
        return os.path.join(self.base, "home")

    @property
    def run_folder(self) -> str:
        return os.path.join(self.repo.home, ".correctless/artifacts/runs/this")

    def restore(self) -> None:
        """Everything as it was made."""
        if self.pristine and self.everything() == self.pristine:
            return
        shutil.rmtree(self.base, ignore_errors=True)
        subprocess.run(["cp", "-a", self.template, self.base], check=True)
        for path in (os.path.join(self.tmp, "file"), self.shm):
            Path(path).write_text(SECRET)
            os.chown(path, self.uid, self.uid)
        self.pristine = self.everything()

    def remove(self) -> None:
        for path in (os.path.dirname(self.base), self.tmp):
            shutil.rmtree(path, ignore_errors=True)
        with suppress(OSError):
            os.unlink(self.shm)

    def place(self, **more: Any) -> sandbox.SandboxPlace:
        env = {"HOME": self.home, "PATH": os.environ["PATH"]}
        return sandbox.SandboxPlace(self.repo, self.branch, self.run_folder, env, self.git, **more)

    def make(self, command: Sequence[str] = (), needs: Needs | None = None, **more: Any) -> sandbox.Sandbox:
        means, _ = sandbox.find("require", os.environ)
        assert means
        place = self.place(**more)
        with self.as_its_user():
            return sandbox.make(means, place, needs or Needs(), command, place.env)

    @contextmanager
    def as_its_user(self) -> Iterator[None]:
        me, group = os.getuid(), os.getgid()
        if me != self.uid:
            os.setresgid(self.uid, self.uid, group)
            os.setresuid(self.uid, self.uid, me)
        try:
            yield
        finally:
            if me != self.uid:
                os.setresuid(me, me, me)
                os.setresgid(group, group, group)

    def own(self, folder: str) -> None:
        if os.geteuid() != self.uid:
            subprocess.run(["chown", "-R", f"{self.uid}:{self.uid}", folder], check=True)

    def within(self, argv: Sequence[str], made: sandbox.Sandbox | None, **more: Any) -> process.Result:
        """A program run in a sandbox, or without one, as the world's user."""
        drop = ["setpriv", f"--reuid={self.uid}", f"--regid={self.uid}", "--clear-groups"]
        wrap = (*(drop if os.geteuid() != self.uid else ()), *(made.wrap.argv if made else ()))
        env = {"HOME": self.home, "PATH": os.environ["PATH"], "GIT_CONFIG_NOSYSTEM": "1"}
        env |= {**(made.environment if made else {}), **more.pop("env", {})}
        return process.run(
            argv,
            cwd=self.repo.top,
            env=env,
            wall_s=120,
            wrap=process.Wrap(wrap, bool(made)) if wrap else None,
            **more,
        )

    def attempt(self, name: str, around: Around, *, bare: bool = False) -> tuple[str, dict[str, str]]:
        """One way tried: what it said, and what of the world changed."""
        made = None if bare else self.make()
        before = self.everything()
        env = {"CONTEXT": json.dumps({**self.context(), **around.context})}
        done = self.within([python(), "-I", "-", name], made, stdin=_SOURCE, env=env)
        said = done.out.decode(errors="replace")
        said += "" if around.decoy.lives else "reached: the process outside was ended\n"
        after = self.everything()
        changed = {
            path: f"{before.get(path)} -> {after.get(path)}"
            for path in {*before, *after}
            if before.get(path) != after.get(path) and not self._is_its_own(path, new=path not in before)
        }
        if done.code != 0 or "tried" not in said:
            raise AssertionError(
                f"{name} was not tried: {done.code}\n{said}\n{done.err.decode(errors='replace')}"
            )
        return said, changed

    def context(self) -> dict[str, Any]:
        return {
            "top": self.repo.top,
            "common": self.repo.common_dir,
            "own": self.repo.git_dir,
            "home_of_logs": self.repo.home,
            "logs": os.path.join(self.repo.home, ".correctless/artifacts"),
            "run": self.run_folder,
            "other_run": os.path.join(os.path.dirname(self.run_folder), "other"),
            "home": self.home,
            "victim": os.path.join(self.base, "victim"),
            "elsewhere": os.path.join(self.base, "elsewhere"),
            "remote": os.path.join(self.base, "remote.git"),
            "head": self.git["head"],
            "tmp": self.tmp,
            "shm": self.shm,
            "pid": os.getpid(),
            "device": os.stat(self.base).st_dev,
        }

    def everything(self) -> dict[str, str]:
        """Each file, link and folder there is, with all that could be changed of it."""
        found = {}
        for top in (self.base, self.tmp, self.shm):
            for path in _below(top):
                found[path] = _fingerprint(path)
        return found

    def _is_its_own(self, path: str, *, new: bool) -> bool:
        if path == self.repo.top or path.startswith(self.run_folder + "/private/"):
            return path not in (f"{self.run_folder}/private/{name}" for name in ("empty", "filter", "tmp"))
        for folder in (self.repo.git_dir, self.repo.common_dir):
            if path.startswith(folder + "/"):
                name = path[len(folder) + 1 :].removesuffix(".lock")
                return name in _ITS_OWN or (new and self._may_get(name, folder))
        kept = [os.path.join(self.repo.home, ".correctless", name) for name in ("artifacts", "contracts")]
        kept.append(os.path.join(self.repo.top, ".git"))
        return path.startswith(self.repo.top + "/") and not any(
            path == each or path.startswith(each + "/") for each in kept
        )

    def _may_get(self, name: str, folder: str) -> bool:
        if "-moved" in name:  # a copy it made
            return True
        above = os.path.dirname(name)
        if name.startswith("objects/") and not name.startswith("objects/info"):
            return True
        return above in _MAY_GET and (above != "" or folder == self.repo.git_dir)

    def _build(self) -> None:
        os.mkdir(self.base)
        home = at_home(Path(self.home))
        write = _writer(home)
        write(".ssh/id_ed25519", SECRET)
        write(".ssh/id_ed25519.pub", "public")
        write(".ssh/known_hosts", "host")
        write(".ssh/config", "Host *\n  IdentityFile ~/keys/deploy\nInclude more/*\n")
        write(".ssh/more/one", "IdentityFile ~/keys/included\n")
        for name in ("deploy", "included", "sign"):
            write(f"keys/{name}", SECRET)
            write(f"keys/{name}.pub", "public")
        write("dotfiles/key", SECRET)
        write("dotfiles/hosts.yml", SECRET)
        for name in (
            *(
                "store",
                ".git-credentials",
                ".netrc",
                ".local/share/keyrings/login.keyring",
                ".docker/config.json",
            ),
            *(".bash_history", ".claude/history.jsonl", ".claude/.credentials.json", ".claude.json"),
            ".codex/auth.json",
        ):
            write(name, SECRET)
        write(".npmrc", f"//registry.example.invalid/:_authToken={SECRET}\n")
        for name in (
            ".bashrc",
            ".profile",
            ".local/state/correctless/heads",
            ".claude/settings.json",
            ".local/bin/tool",
        ):
            write(name, "as it was\n")
        for name in (".config/systemd/user", ".config/autostart", ".config/git", ".config/gh"):
            (home / name).mkdir(parents=True)
        (home / ".ssh/id_linked").symlink_to(home / "dotfiles/key")
        (home / ".config/gh/hosts.yml").symlink_to(home / "dotfiles/hosts.yml")
        with (home / ".gitconfig").open("a") as file:
            file.write(f"[user]\n\tsigningkey = {home}/keys/sign.pub\n")
            file.write("[credential]\n\thelper = store --file=~/store\n")
        _writer(Path(self.base, "victim"))("file", "as it was\n")
        _writer(Path(self.base, "victim"))("decoys", "as it was\n")
        self._build_repository(_runner(home))

    def _build_repository(self, git: Any) -> None:
        base, remote = Path(self.base), Path(self.base, "remote.git")
        project = base / "project"
        git(base, "init", "-q", "--bare", str(base / "part.git"))
        git(base, "init", "-q", "--bare", str(remote))
        project.mkdir()
        git(project, "init", "-q", "-b", "main")
        write = _writer(project)
        write("README", "one\n")
        write("a.txt", "a\n")
        git(project, "add", ".")
        git(project, "commit", "-q", "-m", "one")
        git(project, "push", "-q", str(base / "part.git"), "main")
        git(base / "part.git", "symbolic-ref", "HEAD", "refs/heads/main")
        git(
            project,
            "-c",
            "protocol.file.allow=always",
            "submodule",
            "add",
            "-q",
            f"file://{base}/part.git",
            "sub",
        )
        git(project / "sub", "gc", "-q")
        git(project, "commit", "-q", "-m", "two")
        git(project, "remote", "add", "origin", str(remote))
        git(project, "push", "-q", "origin", "main")
        git(project, "tag", "v1")
        for name in ("feature/packed", "team/deep", "feature/x"):
            git(project, "branch", name)
        git(project, "gc", "-q")
        git(project, "branch", "feature/neighbour")
        git(project, "fetch", "-q", "origin")
        write(".git/hooks/post-commit", "#!/bin/sh\nexit 0\n")
        git(project, "worktree", "add", "-q", "-b", "elsewhere", str(base / "elsewhere"))
        top = self._checked_out(git, project)
        self.repo = find(str(top))
        with _made(Path(self.repo.common_dir, "info/exclude")).open("a") as file:
            file.write(".correctless/\n")
        log = _writer(Path(self.repo.home, ".correctless"))
        for name in (
            "artifacts/decisions-feature-x.jsonl",
            "artifacts/run-feature-x.jsonl",
            "contracts/contract.md",
        ):
            log(name, "as it was\n")
        log("artifacts/runs/this/frozen/spec.md", "as it was\n")
        log("artifacts/runs/other/prompt.md", SECRET)
        Path(self.repo.git_dir, "correctless.lock").write_text("{}")
        self.git = {**_configuration(git, top), "head": git(top, "rev-parse", "HEAD")}
        self.own(self.base)

    def _checked_out(self, git: Any, project: Path) -> Path:
        base = Path(self.base)
        match self.layout:
            case "ordinary":
                git(project, "switch", "-q", "feature/x")
                return project
            case "linked":
                git(project, "worktree", "add", "-q", str(base / "linked"), "feature/x")
                git(
                    base / "linked", "-c", "protocol.file.allow=always", "submodule", "update", "-q", "--init"
                )
                return base / "linked"
            case "submodule":
                git(project / "sub", "branch", "feature/neighbour")
                git(project / "sub", "switch", "-q", "-c", "feature/x")
                return project / "sub"
            case _:
                git(base, "clone", "-q", "--bare", f"file://{project}", "bare.git")
                git(base / "bare.git", "worktree", "add", "-q", str(base / "of-bare"), "feature/x")
                return base / "of-bare"


class Decoy:
    """Another process of the world's user, with a secret in its environment and open to be traced."""

    _TEXT = (
        "import ctypes, sys, time; kept = ctypes.create_string_buffer(b'good'); "
        "print(ctypes.addressof(kept), flush=True); time.sleep(600)"
    )

    def __init__(self, world: World) -> None:
        self._process = subprocess.Popen(
            [python(), "-I", "-c", self._TEXT],
            cwd=os.path.join(world.base, "victim"),
            env={"SECRET": SECRET},
            stdout=subprocess.PIPE,
            start_new_session=True,
            user=world.uid,
            group=world.uid if os.geteuid() == 0 else None,
        )
        assert self._process.stdout
        self.address = int(self._process.stdout.readline())
        self.pid = self._process.pid

    @property
    def lives(self) -> bool:
        return self._process.poll() is None

    def end(self) -> None:
        self._process.kill()
        self._process.communicate()


class Around:
    """What else there is on the machine: another process, sockets, keys, shared memory."""

    def __init__(self, world: World) -> None:
        self.decoy, self.sockets, self._key = Decoy(world), Sockets(world), shared_memory()
        keep_a_key()

    @property
    def context(self) -> dict[str, Any]:
        decoy = self.decoy
        return {"decoy": decoy.pid, "address": decoy.address, "sockets": self.sockets.paths, "key": self._key}

    def end(self) -> None:
        self.decoy.end()
        self.sockets.end()


class Sockets:
    """Sockets programs listen on: in the home folder, beside the worktree, in /tmp, and where services have theirs."""

    def __init__(self, world: World) -> None:
        self.paths = [
            os.path.join(world.home, "agent.sock"),
            os.path.join(world.base, "victim", "docker.sock"),
        ]
        self.paths.append(os.path.join(world.tmp, "tmux"))
        runtime = f"/run/correctless-{os.getpid()}.sock"
        self.paths += [runtime] if os.access("/run", os.W_OK) else []
        self._open = []
        for path in self.paths:
            with suppress(OSError):
                os.unlink(path)
            server = socket.socket(socket.AF_UNIX)
            server.bind(path)
            os.chmod(path, 0o777)
            server.listen(100)
            self._open.append(server)

    def end(self) -> None:
        for server, path in zip(self._open, self.paths, strict=True):
            server.close()
            with suppress(OSError):
                os.unlink(path)


def keep_a_key() -> None:
    """A secret in a new session keyring of this process: what it starts has that too. Nothing where the kernel keeps no keys."""
    numbers = {"x86_64": (250, 248), "aarch64": (219, 217)}
    keyctl, add_key = numbers[os.uname().machine]
    libc = ctypes.CDLL(None)
    libc.syscall(keyctl, 1, None)
    libc.syscall(add_key, b"user", b"correctless-test", SECRET.encode(), len(SECRET), -3)


def shared_memory() -> int:
    """The key of a piece of System V shared memory that everybody may use."""
    key = 0x5EED0000 + os.getpid() % 0xFFFF
    ctypes.CDLL(None).shmget(key, 4096, 0o1666)
    return key


def _below(top: str) -> Iterator[str]:
    yield top
    for folder, folders, files in os.walk(top):
        for name in (*folders, *files):
            yield os.path.join(folder, name)


def _fingerprint(path: str) -> str:
    try:
        found = os.lstat(path)
    except OSError:
        return "gone"
    what = [oct(found.st_mode), str(found.st_uid), str(found.st_gid)]
    if stat.S_ISLNK(found.st_mode):
        return " ".join([*what, os.readlink(path)])
    if stat.S_ISREG(found.st_mode):
        what += [str(found.st_size), str(found.st_mtime_ns), str(found.st_nlink)]
        what += [hashlib.sha256(Path(path).read_bytes()).hexdigest(), *os.listxattr(path)]
    return " ".join(what)


def _writer(top: Path) -> Any:
    def write(name: str, text: str) -> None:
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    return write


def _runner(home: Path) -> Any:
    def run(folder: Path, *args: str) -> str:
        env = {**os.environ, "HOME": str(home), "GIT_TEMPLATE_DIR": ""}
        done = subprocess.run(
            ["git", *args], cwd=folder, env=env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"git {args}: {done.stderr}"
        return done.stdout.strip()

    return run


def _configuration(git: Any, top: Path) -> dict[str, str]:
    listed = git(top, "config", "--list", "-z")
    return {
        key.lower(): value for key, _, value in (item.partition("\n") for item in listed.split("\0") if item)
    }


def _made(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
