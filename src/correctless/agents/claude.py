"""Claude Code as an agent: a subprocess with stream-json output."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from correctless.agents import Outcome, Task, state
from correctless.agents.recorder import TOOLS
from correctless.agents.running import Running, hold, outcome_from_transcript
from correctless.agents.stream import TESTED, Stream, spell_tested, version_of
from correctless.base import install
from correctless.base.clock import utcnow
from correctless.base.exits import REFUSED, Stop
from correctless.base.files import replace_file
from correctless.base.process.process import run
from correctless.base.text import one_line
from correctless.sandbox.reach import Needs

_TOOL = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*(\([^\x00-\x1f\x7f]*\))?\Z")
_GUARD_SECONDS = 60  # the guard ends itself long before: a hook that is timed out lets the call through
_ONE_ARGUMENT = 100_000  # bytes; Linux takes 128 KiB in one argument


class Claude:
    """The client found by CORRECTLESS_CLAUDE or on PATH."""

    spelled = "claude"
    takes_recorder = True
    continues = True

    def __init__(self, now: Callable[[], datetime] = utcnow) -> None:
        self._now = now

    def check(self, environment: Mapping[str, str], cwd: str) -> None:
        """Check that the client is installed in a tested version.

        Raises: Stop(3) when it is missing, does not run or is too old.
        """
        path = program(environment)
        done = run([path, "--version"], cwd=cwd, env=environment, wall_s=60.0)
        version = version_of(done.out.decode(errors="replace"))
        if done.code != 0 or version is None:
            output = one_line((done.err or done.out).decode(errors="replace"))
            raise Stop(REFUSED, f"'{path} --version' gave no version ({output}). reinstall Claude Code")
        if version < TESTED[0]:
            installed = ".".join(map(str, version))
            raise Stop(REFUSED, f"Claude Code {installed} is too old: tested is {spell_tested()}. update it")

    def hold(self, task: Task) -> Running:
        """Start the client and make it wait."""
        argv = command_line(task, program(task.environment))
        needs = state.of_claude(task.environment, task.state, task.mcp_config) if task.sandbox else Needs()
        process = hold(task, argv, task.environment, needs)
        # The prompt goes through standard input: it may have any length, and the nonce is in no process list.
        return Running(process, task, Stream(task, self._now), task.prompt.encode())

    def outcome_from_transcript(self, task: Task) -> Outcome:
        """Compute the outcome of an interrupted attempt from its transcript."""
        return outcome_from_transcript(Stream(task, self._now), task.transcript)


def program(environment: Mapping[str, str]) -> str:
    """Return the client's absolute path.

    Raises: Stop(3) when it is missing.
    """
    chosen = environment.get("CORRECTLESS_CLAUDE")
    fix = (
        "install Claude Code, set CORRECTLESS_CLAUDE to its absolute path, or name another agent with --agent"
    )
    if chosen is not None:
        if os.path.isabs(chosen) and os.path.isfile(chosen) and os.access(chosen, os.X_OK):
            return chosen
        raise Stop(REFUSED, f"CORRECTLESS_CLAUDE is '{chosen}', which is not a program. {fix}")
    # A relative entry of PATH would find a program the repository brought along.
    folders = [folder for folder in environment.get("PATH", "").split(os.pathsep) if os.path.isabs(folder)]
    path = shutil.which("claude", path=os.pathsep.join(folders)) if folders else None
    if path is None:
        raise Stop(REFUSED, f"the program 'claude' is not on PATH. {fix}")
    return path


def command_line(task: Task, path: str) -> list[str]:
    """Return the argv of one attempt.

    The system text is written beside the transcript when it is too long for an argument.
    """
    for tool in task.tools:
        # --allowedTools takes all following words: an entry that looks like an option would be one
        if not _TOOL.match(tool):
            raise Stop(
                REFUSED, f"'{one_line(tool)}' is not a tool pattern. write it as Name or Name(pattern)"
            )
    built_in = dict.fromkeys(tool.partition("(")[0] for tool in task.tools if not tool.startswith("mcp__"))
    allowed = [*task.tools, *(TOOLS if task.mcp_config else ())]
    argv = [path, "-p", "--output-format", "stream-json", "--verbose"]
    for folder in task.plugin_dirs:
        argv += ["--plugin-dir", folder]
    # Setting sources are emptied so that a project cannot switch the hooks off; its CLAUDE.md is in the system text.
    argv += ["--setting-sources", "", "--settings", json.dumps(settings())]
    argv += ["--mcp-config", task.mcp_config] if task.mcp_config else []
    argv += ["--strict-mcp-config", "--permission-mode", "dontAsk", "--tools", ",".join(built_in)]
    argv += ["--allowedTools", ",".join(allowed)] if allowed else []
    argv += ["--max-turns", str(task.limits.turns)]
    argv += ["--max-budget-usd", f"{task.limits.usd:g}"] if task.limits.usd is not None else []
    argv += ["--model", task.model] if task.model else []
    argv += _system(task)
    return [*argv, "--resume" if task.resume else "--session-id", task.session]


def settings(door: str | None = None, python: str = sys.executable) -> dict[str, Any]:
    """Return the client's settings for an agent, with the guard before each tool call.

    `door` is the guard's program, run by the interpreter `python`. Any exit code of it other than 0 blocks
    the call, also when the file is missing.
    """
    door = door or os.path.join(install.plugin_root(), "scripts", "guard")
    command = f"CORRECTLESS_GUARD_PYTHON={shlex.quote(python)} {shlex.quote(door)} || exit 2"
    hook = {"type": "command", "command": command, "timeout": _GUARD_SECONDS}
    return {"disableAllHooks": False, "hooks": {"PreToolUse": [{"matcher": "*", "hooks": [hook]}]}}


def _system(task: Task) -> list[str]:
    if not task.system:
        return []
    text = task.system.encode()
    if len(text) <= _ONE_ARGUMENT:
        return ["--append-system-prompt", task.system]
    path = os.path.abspath(f"{task.transcript}.system.md")
    replace_file(path, text, mode=0o600, durable=False)
    return ["--append-system-prompt-file", path]
