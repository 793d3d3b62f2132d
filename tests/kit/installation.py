"""The plugin as a person installs it: a marketplace, the client's own commands, and a machine that lacks something."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from patience import PATIENCE
from places import ROOT
from plugin_client import TOOLS, Session, session
from programs import claude_program
from scripted_model import Reply, ScriptedModel

NAME = "correctless@correctless"
URL = "https://git.example.invalid/correctless.git"
PROGRAMS = (
    *(
        "bash",
        "cat",
        "chmod",
        "cksum",
        "cp",
        "cut",
        "date",
        "dirname",
        "env",
        "find",
        "git",
        "grep",
        "head",
        "id",
    ),
    *(
        "kill",
        "ln",
        "ls",
        "mkdir",
        "mv",
        "ps",
        "pwd",
        "readlink",
        "rm",
        "rmdir",
        "sed",
        "sh",
        "sleep",
        "sort",
        "stat",
    ),
    *("tail", "tee", "touch", "tr", "uname", "wc", "which"),
)
BASE = os.path.realpath(sys.executable)

# A Python that is 3.8 to whoever asks it, and runs what it is given.
OLD = """\
import sys
sys.version_info = type("version_info", (tuple,), {})((3, 8, 18, "final", 0))
sys.version = "3.8.18 (default)"
sys.modules["tomllib"] = None
words = sys.argv[1:]
while words and words[0] in ("-I", "-S", "-B"):
    words.pop(0)
sys.argv = words
if words and words[0] == "-c":
    sys.argv = ["-c", *words[2:]]
    exec(compile(words[1], "<string>", "exec"), {"__name__": "__main__"})
elif words and words[0] == "-m":
    sys.exit(f"No module named {words[1]}")
else:
    import runpy
    runpy.run_path(words[0], run_name="__main__")
"""

# Makes an environment from the one the tests run in, so that the packages are real and nothing is fetched.
UV = """\
#!/bin/sh
echo "$*" >>{log}
for last; do :; done
case $1 in
  venv)
    mkdir -p "$last/bin" "$last/lib/{python}" && cp {venv}/pyvenv.cfg "$last" && cp -R {venv}/lib/{python}/site-packages "$last/lib/{python}"
    rm -f "$last/lib/{python}/site-packages/correctless.pth" "$last/bin/python"
    ln -s {base} "$last/bin/python" ;;
esac
"""


class Machine:
    """A home without anything, a PATH of our own, and no network but the loopback."""

    def __init__(self, folder: Path, home: Path) -> None:
        self._know(folder, home)
        self.bin.mkdir()
        for name in PROGRAMS:
            found = shutil.which(name, path="/usr/bin:/bin:/usr/local/bin") or shutil.which(name)
            assert found, name
            (self.bin / name).symlink_to(found)
        # Whatever packages the interpreter of the tests has, this one has none.
        self.program("python3", f'case "$*" in *find_spec*) exit 1 ;; esac\nexec {shlex.quote(BASE)} "$@"')
        venv = Path(sys.prefix)
        self.program(
            "uv",
            UV.format(
                log=shlex.quote(str(self.log)),
                venv=shlex.quote(str(venv)),
                python=f"python3.{sys.version_info.minor}",
                base=shlex.quote(BASE),
            ),
        )
        self._copy()

    def _know(self, folder: Path, home: Path) -> None:
        self.folder, self.home = folder, home
        self.bin = folder / "bin"
        self.log = folder / "uv.log"
        self.market = folder / "märket"

    def moved(self, folder: Path, home: Path) -> Machine:
        """The same machine in other places: whatever says where it lay says where it lies now."""
        machine = Machine.__new__(Machine)
        machine._know(folder, home)
        for old, new in ((self.folder, folder), (self.home, home)):
            shutil.copytree(old, new, symlinks=True, dirs_exist_ok=True)
        for path in (*folder.rglob("*"), *home.rglob("*")):
            if path.is_symlink() or not path.is_file():
                continue
            text = before = path.read_bytes()
            for old, new in ((self.folder, folder), (self.home, home)):
                text = text.replace(os.fsencode(old), os.fsencode(new))
            if text != before:
                path.write_bytes(text)
        return machine

    @property
    def env(self) -> dict[str, str]:
        nowhere = "http://127.0.0.1:9"
        return {
            "PATH": str(self.bin),
            "HOME": str(self.home),
            **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), nowhere),
            **dict.fromkeys(("NO_PROXY", "no_proxy"), "127.0.0.1,localhost"),
            "PIP_RETRIES": "1",
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_INDEX_URL": f"{nowhere}/simple",
        }

    @property
    def data(self) -> Path:
        return self.home / ".claude/plugins/data/correctless-correctless"

    def program(self, name: str, body: str) -> None:
        path = self.bin / name
        path.unlink(missing_ok=True)
        path.write_text(body if body.startswith("#!") else f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)

    def _copy(self) -> None:
        listed = self.git(ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
        for name in filter(None, listed):
            if (ROOT / name).is_file():
                (self.market / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, self.market / name, follow_symlinks=False)
        self.git(self.market, "init", "-q", "-b", "main")
        self.commit("all")

    def commit(self, message: str) -> None:
        self.git(self.market, "add", "--all")
        self.git(self.market, "commit", "-q", "-m", message)

    def git(self, cwd: Path, *words: str) -> str:
        return subprocess.run(["git", *words], cwd=cwd, capture_output=True, text=True, check=True).stdout

    def plugin(self, *words: str, check: bool = True) -> str:
        """`claude plugin WORDS`, and what it said."""
        with ScriptedModel({}) as model:
            done = subprocess.run(
                [claude_program(), "plugin", *words],
                cwd=self.home,
                env={**model.environment, **self.env},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=PATIENCE,
                check=False,
            )
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def install(self, kind: str = "git") -> Path:
        """From the folder itself, where the client reads the plugin in its place, or from a URL, which it copies."""
        if kind == "git":
            with (self.home / ".gitconfig").open("a") as config:
                config.write(f'[url "file://{self.market}"]\n\tinsteadOf = {URL}\n')
        self.plugin("marketplace", "add", URL if kind == "git" else str(self.market))
        self.plugin("install", NAME)
        return self.root(kind)

    def root(self, kind: str = "git", version: str = "*") -> Path:
        """Where the client has the plugin."""
        if kind == "folder":
            return self.market
        (found,) = (self.home / ".claude/plugins/cache/correctless/correctless").glob(version)
        return found

    def session(
        self,
        cwd: Path,
        prompt: str,
        *replies: Reply,
        env: Mapping[str, str] | None = None,
        allowed: str = TOOLS,
        flags: Sequence[str] = (),
    ) -> Session:
        return session(
            cwd,
            prompt,
            {"": [*replies, Reply("done")]},
            env={**self.env, **(env or {})},
            plugin=None,
            allowed=allowed,
            flags=flags,
        )

    def installs(self) -> int:
        """How often packages were installed."""
        return self.log.read_text().count("pip install") if self.log.exists() else 0
