"""The real Claude Code client with this plugin loaded, on a scripted model: what it was told in, what it said out."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from patience import PATIENCE
from places import ROOT
from programs import claude_program
from scripted_model import Reply, ScriptedModel, text_of

TOOLS = "Bash,Edit,Write,Read,NotebookEdit,Task,Skill,Grep,Glob,CronCreate,SendMessage,ToolSearch,ScheduleWakeup,Monitor"


@dataclass(frozen=True)
class Session:
    """One headless session: its messages, what each tool call gave back (in order), and the model's requests."""

    code: int
    messages: tuple[Mapping[str, Any], ...]
    errors: str
    requests: tuple[Mapping[str, Any], ...]

    @property
    def init(self) -> Mapping[str, Any]:
        return next(each for each in self.messages if each.get("subtype") == "init")

    @property
    def results(self) -> list[str]:
        """The text of each tool result, as the client put it into its stream."""
        return [
            text_of(block["content"])
            for message in self.messages
            if message["type"] == "user" and isinstance(message["message"]["content"], list)
            for block in message["message"]["content"]
            if block["type"] == "tool_result"
        ]

    def asked(self) -> str:
        """Everything the model was ever sent."""
        return json.dumps(self.requests)


def session(
    cwd: Path,
    prompt: str,
    scripts: Mapping[str, Sequence[Reply]] | None = None,
    *,
    env: Mapping[str, str] | None = None,
    flags: Sequence[str] = (),
    plugin: Path | None = ROOT,
    before: Sequence[str] = (),
    allowed: str = TOOLS,
) -> Session:
    """`before` are words before the client's own: a program it is started by; `plugin` None loads what is installed."""
    with ScriptedModel(scripts or {}) as model:
        done = subprocess.run(
            [
                *before,
                *(claude_program(), "-p", prompt, "--output-format", "stream-json", "--verbose"),
                *(("--plugin-dir", str(plugin)) if plugin else ()),
                *("--permission-mode", "dontAsk", "--allowedTools", allowed, *flags),
            ],
            cwd=cwd,
            env={**os.environ, **model.environment, **(env or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        messages = tuple(json.loads(line) for line in done.stdout.splitlines() if line.startswith("{"))
        return Session(done.returncode, messages, done.stderr, tuple(model.requests))
