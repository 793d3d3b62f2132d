"""A small project with a spec, a configuration and an agent program, and the commands a person would type in it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Self

import correctless
import forked
import terminal
from correctless.project import paths
from correctless.project.git import find
from correctless.runlog.events import LoggedEvent, logged
from correctless.runlog.fold import fold
from correctless.runlog.state import State
from patience import PATIENCE, until

SPEC = "# Greeting\n\n- R-001: greet() says hello.\n- R-002: greet(name) says hello to name.\n"
CONFIG = {
    "commands": {"test": [sys.executable, "-m", "unittest", "-q"]},
    "pipelines": {
        "default": {
            "steps": [
                {"skill": "ctdd"},
                {"skill": "simplify"},
                {"skill": "cverify", "report": ".correctless/reports/{branch_slug}/cverify.md"},
                {"skill": "cdocs"},
            ]
        }
    },
}

# Reads the prompt, does what its step is for, and ends with the block. AGENT_* variables (let through by agent_env)
# make it misbehave.
AGENT = """\
#!{python}
import json, os, re, sys, time, pathlib
prompt = sys.stdin.read()
assert prompt.startswith("mode: autonomous\\n"), prompt[:80]
nonce = re.search(r"^AUTONOMOUS_DECISIONS_START ([0-9a-f]{{8}})$", prompt, re.M)[1]
step, attempt = os.environ["CORRECTLESS_STEP"], os.environ["CORRECTLESS_ATTEMPT"]
with open(os.environ["AGENT_DIARY"], "a") as diary:
    diary.write(f"{{step}}#{{attempt}}\\n")
saying = []
def decide(id, applied, deferred=False, reason=None, **more):
    saying.append(json.dumps({{"decision_id": id, "default_applied": applied, "rationale": "because",
        "escalation_deferred": deferred, "original_escalation_reason": reason, **more}}))
play = os.environ.get("AGENT_PLAY", "")
if f"sleep:{{step}}#{{attempt}}" in play.split():
    pathlib.Path(os.environ["AGENT_DIARY"] + ".asleep").write_text(str(os.getpid()))
    time.sleep(60)
if f"hold:{{step}}" in play.split():
    while not os.path.exists(os.environ["AGENT_DIARY"] + ".go"):
        time.sleep(0.02)
if step == "ctdd":
    pathlib.Path("greet.py").write_text("def greet(name=''):\\n    return f'hello {{name}}'.strip()\\n")
    pathlib.Path("test_greet.py").write_text("import unittest\\nfrom greet import greet\\n\\n"
        "class T(unittest.TestCase):\\n    def test(self):\\n        self.assertEqual(greet('Ada'), 'hello Ada')\\n")
    decide("AD-001", "what the skill says")
elif step == "simplify":
    if "break-simplify" in play:
        pathlib.Path("greet.py").write_text("def greet(name=''):\\n    return ''\\n")
    if "simplify-touches-config" in play:
        pathlib.Path(".correctless/config/correctless.yaml").write_text("intensity: standard\\n")
    decide("AD-001", "kept the behaviour")
elif step == "cverify":
    report = re.search(r"Write your report to (\\S+)\\. ", prompt)[1]
    pathlib.Path(report).parent.mkdir(parents=True, exist_ok=True)
    if "no-report" not in play:
        pathlib.Path(report).write_text("" if "empty-report" in play else "R-001: met\\n" + ("" if "short-report" in play else "R-002: met\\n"))
    escalated = re.search(r"^- (AD-\\d{{3}}) \\[escalate: always\\]", prompt, re.M)[1]
    decide(escalated, "left as it is", False)  # the contract says it is a person's
elif step == "cdocs":
    pathlib.Path("README.md").write_text("# project\\n\\ngreets\\n")
    decide("AD-777", "invented")
if f"fail:{{step}}" in play.split():
    sys.exit(9)
if f"fail:{{step}}#{{attempt}}" in play.split():
    sys.exit(9)
exec(os.environ.get("AGENT_EXTRA", ""))
print("Done.", f"AUTONOMOUS_DECISIONS_START {{nonce}}", *saying, "AUTONOMOUS_DECISIONS_END", sep="\\n")
"""

# Kills its own dispatcher at a chosen point: after the n-th event is durable, or after the n-th effect was performed
# and before its event is written.
KILLER = """
import os, signal, sys
from correctless.dispatch import loop
from correctless import cli
from correctless.cli.display import progress
where, number = sys.argv[1], int(sys.argv[2])
count = 0
def tick():
    global count
    count += 1
    if count == number:
        os.kill(os.getpid(), signal.SIGKILL)
perform, event = loop.perform, progress.event
def performed(*args):
    done = perform(*args)
    if where == "effect":
        tick()
    return done
def told(*args):
    event(*args)
    if where == "event":
        tick()
loop.perform, progress.event = performed, told
sys.exit(cli.main(sys.argv[3:]))
"""


class Project:
    """A repository on feature/x with everything committed that a run needs."""

    def __init__(self, top: Path, git: Callable[..., str], *, config: dict[str, Any] | None = CONFIG) -> None:
        self._know(top, git)
        self.agent.write_text(AGENT.format(python=sys.executable))
        self.agent.chmod(0o755)
        self.write("spec.md", SPEC)
        self.write(".gitignore", "__pycache__/\n")
        if config is not None:
            given = {
                "agent_env": ["AGENT_DIARY", "AGENT_PLAY", "AGENT_EXTRA", "PYTHONDONTWRITEBYTECODE"],
                "agent_sandbox": "off",  # its agent writes a diary beside the worktree; see test_sandbox.py
                "pr": "skip",
            }
            self.write(".correctless/config/correctless.yaml", json.dumps({**given, **config}))
        git(top, "add", "--all", "--sparse")
        git(top, "commit", "-q", "-m", "a spec")

    @classmethod
    def found(cls, top: Path, git: Callable[..., str]) -> Self:
        """One that is there already (`shelf`), as it stands."""
        project = cls.__new__(cls)
        project._know(top, git)
        return project

    def _know(self, top: Path, git: Callable[..., str]) -> None:
        self.top, self.git = top, git
        self.diary = top.parent / f"{top.name}-diary"
        self.agent = top.parent / "agent.py"
        self.env = {**os.environ, "AGENT_DIARY": str(self.diary), "PYTHONDONTWRITEBYTECODE": "1"}

    def write(self, name: str, text: str) -> None:
        path = self.top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))

    def cauto(
        self, *args: str, env: dict[str, str] | None = None, cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        return self.command("cauto", *args, env=env, cwd=cwd)

    def command(
        self, *args: str, env: dict[str, str] | None = None, cwd: Path | None = None, stdin: bytes = b""
    ) -> subprocess.CompletedProcess[str]:
        return forked.run(args, cwd=cwd or self.top, env={**self.env, **(env or {})}, stdin=stdin)

    def run(self, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
        """`cauto run` with this project's agent, approved."""
        return self.cauto(*self.run_words(*args), env=env)

    def run_words(self, *args: str) -> list[str]:
        return [
            "run",
            "--no-check",  # what tests/unit/dispatch/test_preflight.py is about
            "--spec",
            "spec.md",
            "--approve-spec-as",
            "Ada",
            "--agent",
            f"command:{self.agent}",
            *args,
        ]

    def start(self, *words: str, **env: str) -> subprocess.Popen[str]:
        """A cauto command that is not waited for; what it says on standard error can be read."""
        return subprocess.Popen(
            [*correctless.itself(), "cauto", *words],
            cwd=self.top,
            env={**self.env, **env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def killed(self, where: str, number: int, *words: str) -> subprocess.CompletedProcess[str]:
        """A cauto command whose dispatcher is killed at its `number`-th event or effect."""
        return subprocess.run(
            [sys.executable, "-c", KILLER, where, str(number), "cauto", *words],
            cwd=self.top,
            env=self.env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    def review(
        self, *args: str, answer: str | None = None, env: dict[str, str] | None = None
    ) -> tuple[int, str]:
        """`correctless review` in a pseudo-terminal; `answer` is typed, "{digest}" in it is what was shown, "{short}" half of that."""
        child = terminal.spawn(
            [*correctless.itself(), "review", *args], self.top, {**self.env, **(env or {})}
        )
        shown = ""
        if answer is not None:
            shown, digest = terminal.accepted(child)
            child.sendline(answer.replace("{digest}", digest).replace("{short}", digest[:4]))
            if answer == "no":
                child.expect("Why[^>]*> ")
                child.sendline("not like this")
        code, rest = terminal.ended(child)
        return code, shown + rest

    def on_terminal(self, *args: str, env: dict[str, str] | None = None) -> tuple[int, str]:
        """A command in a pseudo-terminal, nothing typed: its exit code and what it showed."""
        return terminal.ended(
            terminal.spawn([*correctless.itself(), *args], self.top, {**self.env, **(env or {})})
        )

    @property
    def logs(self) -> paths.Logs:
        return paths.logs(find(str(self.top)))

    def events(self) -> tuple[LoggedEvent, ...]:
        return tuple(logged(values) for values in _lines(self.logs.run))

    def state(self) -> State:
        return fold(self.events())

    def decisions(self) -> list[dict[str, Any]]:
        return _lines(self.logs.decisions)

    def ran(self) -> list[str]:
        """What the agent program wrote into its diary: one line each time it was really run."""
        return self.diary.read_text().split() if self.diary.exists() else []

    def agent_ended(self) -> datetime:
        """When the last agent had ended, as the run log has it."""
        [*_, when] = [item.timestamp for item in self.events() if item.event.event == "agent_ended"]
        return datetime.fromisoformat(when)

    def let_go(self) -> None:
        """Agents held by AGENT_PLAY hold:STEP go on."""
        Path(f"{self.diary}.go").touch()

    def wait_asleep(self) -> int:
        """The process id of an agent that sleeps (AGENT_PLAY sleep:STEP#ATTEMPT)."""
        path = Path(f"{self.diary}.asleep")
        until(lambda: path.exists() and path.read_text(), "the agent did not come to sleep")
        return int(path.read_text())

    def end(self, pid: int) -> None:
        try:
            os.killpg(os.getpgid(pid), signal.SIGKILL)
        except ProcessLookupError:
            return


def _lines(path: str) -> list[dict[str, Any]]:
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]
