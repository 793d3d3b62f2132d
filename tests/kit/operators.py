"""A repository with a run contract: the commands of an agent in it, and those of a person at a terminal."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import contracts as c
import correctless
import forked
import terminal
from conftest import Git
from correctless.runcontract.document import contract_file

RUN = "sessions-cutover"
ENDS = "2099-01-01T00:00:00Z"
TEXT = c.edited(
    ("not_after = 2026-08-07T18:00:00Z", f"not_after = {ENDS}"),
    ('check = ["python3", "tools/compare.py"]', f'check = ["{sys.executable}", "tools/compare.py"]'),
    text=c.named(RUN),
)

COMPARE = """\
import json, os, pathlib, sys
wanted = pathlib.Path("wanted").read_text().strip() if os.path.exists("wanted") else "0"
os.makedirs("reports", exist_ok=True)
pathlib.Path("reports/compare.json").write_text(json.dumps({"differ": 0}))
sys.exit(int(wanted))
"""


class Operator:
    """A repository with a contract in it, the commands of an agent, and those of a person at a terminal."""

    def __init__(self, top: Path, git: Git, text: str | None = TEXT) -> None:
        self.top, self.git = top, git
        self.env = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
        self.program = [*correctless.itself(), "contract"]
        (top / "tools").mkdir()
        (top / "tools" / "compare.py").write_text(COMPARE)
        (top / ".gitignore").write_text("/reports/\n/wanted\n/.correctless/\n")
        git(top, "add", ".")
        git(top, "commit", "-q", "-m", "tools")
        self.contract = top / ".correctless" / "contracts" / RUN / "contract.md"
        self.folder = top / ".correctless" / "artifacts" / f"contract-{RUN}"
        if text is not None:
            self.contract.parent.mkdir(parents=True)
            self.contract.write_text(text)

    def run(
        self, *words: str, env: dict[str, str] | None = None, cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        return forked.run(["contract", *words], cwd=cwd or self.top, env={**self.env, **(env or {})})

    def terminal(
        self, *words: str, typed: terminal.Typed = (), env: dict[str, str] | None = None
    ) -> tuple[int, str]:
        """A command at a pseudo-terminal; `typed` are what is waited for and what is typed then."""
        child = terminal.spawn(
            [*self.program, *words], self.top, {**self.env, **(env or {})}, dimensions=(50, 160)
        )
        return terminal.typed(child, typed)

    def answer(self, *words: str) -> str:
        short = contract_file.digest_of(self.contract.read_bytes())[:8]
        code, shown = self.terminal("answer", *words, typed=(("to leave it|leave it", short),))
        assert code == 0, shown
        return shown

    def activate(self) -> None:
        """What `surface`, an answer to each of four asks and `pin` leave behind; the first test here types them."""
        c.place(self.top, self.contract.read_text(), run=RUN)

    def ask(self, *words: str, env: dict[str, str] | None = None) -> dict[str, Any]:
        done = self.run("authorize", *words, "--json", env=env)
        found: dict[str, Any] = json.loads(done.stdout)
        assert done.returncode == {"allow": 0, "deny": 1, "escalate": 10}[found["verdict"]]
        return found

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.run("status", "--json").stdout)
        return found

    def codes(self, *words: str) -> tuple[str, list[str]]:
        found = self.ask(*words)
        return found["verdict"], [clause["code"] for clause in found["clauses"]]


SPAWN = ("spawn", "--agents", "2", "--cost-usd", "5", "--minutes", "30")
OWN = ('evidence = "reports/compare.json"', 'evidence = "reports/compare.json"\ncheckout = "own"')
