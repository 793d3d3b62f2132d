"""One tool call, as the bytes Claude Code sends, in; the reason why it is denied, or None, out.

Always: what only the program writes (logs, confirmations, run state), and what only a person says. In an agent the
dispatcher started, or while this repository has an unfinished run or a run contract in force: also hooks, settings, and
publishing the run's branch.
"""

from __future__ import annotations

import json
import os

from correctless.guard import where

TYPE_CHECKING = False  # see shell
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

_WRITERS = ("Edit", "Write", "NotebookEdit", "MultiEdit")
# Their text is data: it lands in a file, or is looked for. What is in it is said to nobody.
_DATA = (
    *_WRITERS,
    "Read",
    "Grep",
    "Glob",
    "LS",
    "TodoWrite",
    "WebFetch",
    "WebSearch",
    "AskUserQuestion",
    "ToolSearch",
)
_READING = ("read", "get", "list", "search", "find", "view", "stat", "tree")
_DEEP = 50

KEPT = (
    "{} is written by correctless alone (logs, confirmations, run state). read it with: correctless decisions list, "
    "correctless cauto status; change nothing there"
)
SPOKEN = (
    "these are words of a person, and count only when a person types them. show them what to type, and wait"
)
SETTINGS = "{} holds hooks or settings, which are not changed while a run or a run contract is under way"
OPEN_CONTRACT = "{} is a run contract in force: a change voids every grant. ask the operator"


class Around:
    """What a verdict depends on beside the call: looked up when a rule asks for it, and once."""

    def __init__(self, cwd: str, env: Mapping[str, str]) -> None:
        self.cwd = cwd
        self.env = env
        self.dispatched = bool(env.get("CORRECTLESS_AGENT"))
        self._home: where.Home | None = None
        self._runs: list[str] | None = None
        self._looked = False

    @property
    def home(self) -> where.Home | None:
        if not self._looked:
            self._home, self._looked = where.home(self.cwd), True
        return self._home

    @property
    def runs(self) -> list[str]:
        if self._runs is None:
            self._runs = list(where.runs(self.home)) if self.home else []
        return self._runs

    @property
    def pinned(self) -> bool:
        return self.home is not None and where.is_pinned(self.home)

    @property
    def under_way(self) -> bool:
        return self.dispatched or bool(self.runs) or self.pinned

    @property
    def switched_off(self) -> bool:
        """A person's switch. An agent the dispatcher started has no person who could be locked out."""
        return not self.dispatched and os.path.lexists(where.off_switch(self.home, self.env))


def denial(data: bytes, env: Mapping[str, str]) -> str | None:
    """Why the call is denied, None when it may pass. A call that can't be read raises."""
    call = json.loads(data.decode("utf-8"))
    tool, given, cwd = call["tool_name"], call["tool_input"], call["cwd"]
    if not (isinstance(tool, str) and isinstance(given, dict) and isinstance(cwd, str)):
        raise ValueError("it has not the form of a tool call")  # noqa: TRY004 the value came from outside
    around = Around(cwd, env)
    reason = _reason(tool, given, around)
    return None if reason is None or around.switched_off else reason


def _reason(tool: str, given: Mapping[str, Any], around: Around) -> str | None:
    if tool in _WRITERS:
        for key in ("file_path", "notebook_path"):
            if key in given:
                return _written(str(given[key]), around)
        raise ValueError("it names no file")
    if tool in _DATA:
        return None
    if isinstance(given.get("command"), str):
        from correctless.guard import command  # an edit needs none of it

        return command.denial(given["command"], around)
    from correctless.guard.spoken import is_spoken

    texts = list(_texts(given, 0))
    if any(is_spoken(text) for text in texts):
        return SPOKEN
    verbs = tool.lower().replace("-", "_").split("_")
    if tool.startswith("mcp__") and not any(verb in _READING for verb in verbs):
        for text in texts:
            if len(text) < 4096 and "\n" not in text and where.is_kept(text, around.cwd, around.env):
                return KEPT.format(text)
    return None


def _written(path: str, around: Around) -> str | None:
    if where.is_kept(path, around.cwd, around.env):
        return KEPT.format(path)
    if where.is_settings(path, around.cwd) and around.under_way:
        return SETTINGS.format(path)
    if where.is_contract(path, around.cwd) and around.pinned:
        return OPEN_CONTRACT.format(path)
    return None


def _texts(value: Any, depth: int) -> Iterator[str]:
    if depth > _DEEP:
        raise ValueError("it is nested too deep")
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, each in value.items():
            yield name
            for text in _texts(each, depth + 1):
                yield text
    elif isinstance(value, list):
        for each in value:
            for text in _texts(each, depth + 1):
                yield text
