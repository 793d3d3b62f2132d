"""Reasons to deny a tool call of Claude Code.

Always: what only the program writes (logs, confirmations, run state), and answers that only you may give. In an agent the
dispatcher started, or while this repository has an unfinished run or a run contract in force: also hooks, settings, and
publishing the run's branch.
"""

from __future__ import annotations

import json

from correctless.guard import where
from correctless.guard.context import OPEN_CONTRACT, PROTECTED, SETTINGS, TYPED_ANSWER, CallContext

TYPE_CHECKING = False  # see shell
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

_WRITERS = ("Edit", "Write", "NotebookEdit", "MultiEdit")
# Their text is data: it is written to a file or searched for, and nobody takes it for an answer.
_DATA = (
    *(*_WRITERS, "Read", "Grep", "Glob", "LS", "TodoWrite", "WebFetch", "WebSearch"),
    *("AskUserQuestion", "ToolSearch"),
)
_READING = ("read", "get", "list", "search", "find", "view", "stat", "tree")
_DEEP = 50


def denial(data: bytes, env: Mapping[str, str]) -> str | None:
    """Return why the call is denied, None when it may pass.

    Raises: ValueError, KeyError or TypeError for a call that cannot be read.
    """
    call = json.loads(data.decode("utf-8"))
    tool, tool_input, cwd = call["tool_name"], call["tool_input"], call["cwd"]
    if not (isinstance(tool, str) and isinstance(tool_input, dict) and isinstance(cwd, str)):
        raise ValueError("it is not a tool call")  # noqa: TRY004 the value came from outside
    context = CallContext(cwd, env)
    reason = _reason(tool, tool_input, context)
    return None if reason is None or context.switched_off else reason


def _reason(tool: str, tool_input: Mapping[str, Any], context: CallContext) -> str | None:
    if tool in _WRITERS:
        for key in ("file_path", "notebook_path"):
            if key in tool_input:
                return _written(str(tool_input[key]), context)
        raise ValueError("it names no file")
    if tool in _DATA:
        return None
    if isinstance(tool_input.get("command"), str):
        from correctless.guard import command  # an edit needs none of it

        return command.denial(tool_input["command"], context)
    from correctless.guard.spoken import is_answer

    texts = list(_texts(tool_input, 0))
    if any(is_answer(text) for text in texts):
        return TYPED_ANSWER
    verbs = tool.lower().replace("-", "_").split("_")
    if tool.startswith("mcp__") and not any(verb in _READING for verb in verbs):
        for text in texts:
            if len(text) < 4096 and "\n" not in text and where.is_protected(text, context.cwd, context.env):
                return PROTECTED.format(text)
    return None


def _written(path: str, context: CallContext) -> str | None:
    if where.is_protected(path, context.cwd, context.env):
        return PROTECTED.format(path)
    if where.is_settings(path, context.cwd) and context.under_way:
        return SETTINGS.format(path)
    if where.is_contract(path, context.cwd) and context.pinned:
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
