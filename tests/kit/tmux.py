"""A real terminal: one window of tmux, and what the display shows in it."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from pathlib import Path

from patience import PATIENCE


class Pane:
    """One tmux window with a shell in it, on a server of its own."""

    def __init__(self, socket: str, top: Path, env: dict[str, str]) -> None:
        self.socket = socket
        words = ["new-session", "-d", "-x", "80", "-y", "30", "env", "-i"]
        kept = {**env, "TERM": "screen-256color", "LC_ALL": "C.UTF-8", "PS1": "$ "}
        shell = [f"{name}={value}" for name, value in kept.items() if "\n" not in value]
        self.tmux("-f", "/dev/null", *words, *shell, "sh", cwd=top)

    def tmux(self, *words: str, cwd: Path | None = None) -> str:
        program = shutil.which("tmux")
        assert program, "tmux is not installed: scripts/setup-ci says which"
        done = subprocess.run(
            [program, "-S", self.socket, *words],
            cwd=cwd,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=True,
        )
        return done.stdout

    def type(self, line: str) -> None:
        self.tmux("send-keys", "-l", line)
        self.tmux("send-keys", "Enter")

    def press(self, key: str) -> None:
        self.tmux("send-keys", key)

    def resize(self, columns: int, lines: int = 30) -> None:
        self.tmux("resize-window", "-x", str(columns), "-y", str(lines))

    def shown(self, *, history: bool = False) -> str:
        words = ("-S", "-200") if history else ()
        return self.tmux("capture-pane", "-p", *words).rstrip("\n")

    def wait(self, pattern: str) -> str:
        deadline = time.monotonic() + PATIENCE
        while not re.search(pattern, shown := self.shown(), re.MULTILINE):
            assert time.monotonic() < deadline, f"no {pattern!r} in\n{shown}"
            time.sleep(0.1)
        return shown


def board(shown: str) -> list[str]:
    """The display's lines: from the last rule on."""
    lines = shown.splitlines()
    first = max(number for number, line in enumerate(lines) if line.startswith("── run "))
    return lines[first:]
