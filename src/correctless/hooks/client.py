"""Detection of agents behind a Claude Code session.

A client marks all that it starts with CLAUDECODE, hooks and tool calls alike. Only hooks get CLAUDE_PROJECT_DIR. So
above a hook come the hook's own processes, then the client. If the client or a process above it is marked, an
agent's tool call started it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import dropwhile
from typing import Any

from correctless.base import exits
from correctless.base.exits import Stop
from correctless.project.person import MARK

_HOOK = "CLAUDE_PROJECT_DIR"
_TOOL = "CLAUDECODE"


def refuse_agents(processes: Iterable[frozenset[str]]) -> None:
    """Refuse unless this Claude Code session can be yours.

    Raises: Stop(3).

    `processes` are the names in the environments of the hook's process and of each above it (`person.ancestors`).
    """
    chain = list(processes)
    above = list(dropwhile(lambda names: _HOOK in names, chain))
    if len(above) == len(chain) or not above:
        raise Stop(
            exits.REFUSED,
            "the Claude Code this was typed into could not be found above its hook. Answer in a terminal: correctless review",
        )
    if not above[0]:
        raise Stop(
            exits.REFUSED,
            "the environment of Claude Code could not be read. Answer in a terminal: correctless review",
        )
    if any(_TOOL in names for names in above) or any(MARK in names for names in chain):
        raise Stop(
            exits.REFUSED,
            "this Claude Code was started by an agent, and only you can answer. Type it into your own Claude Code",
        )


def refuse_scheduled(text: str, transcript: Iterable[bytes]) -> None:
    """Refuse a prompt that may have come from a schedule.

    A model can write a schedule. Raises: Stop(3).

    The client passes a scheduled prompt to the hook as if it had been typed. Only its transcript shows the task that
    fires, and the prompt in the queue (2.1.329). A prompt typed while the model works looks the same, hence "may".
    Both may be written after the hook began; the tool call in which a model wrote the words was written long before.
    """
    fired = queued = False
    for entry in _entries(transcript):
        if _folded(text) in _folded(" ".join(_tool_inputs(entry))):
            fired = queued = True
        fired = fired or entry.get("subtype") == "scheduled_task_fire"
        queued = queued or (
            entry.get("type") == "queue-operation"
            and entry.get("operation") == "enqueue"
            and _folded(entry.get("content")) == _folded(text)
        )
    if fired and queued:
        raise Stop(
            exits.REFUSED,
            "this may have come from a scheduled task, which a model can write. Answer in a terminal: correctless review",
        )


def _tool_inputs(entry: dict[str, Any]) -> Iterator[str]:
    """Yield every text in the inputs of the tool calls of one entry of a transcript."""
    message = entry.get("message")
    content = message.get("content") if isinstance(message, dict) else None
    pending: list[Any] = [
        each.get("input")
        for each in (content if isinstance(content, list) else ())
        if isinstance(each, dict) and each.get("type") == "tool_use"
    ]
    while pending:
        each = pending.pop()
        if isinstance(each, str):
            yield each
        elif isinstance(each, dict | list):
            pending += each.values() if isinstance(each, dict) else each


def _folded(text: Any) -> str:
    return " ".join(text.lower().split()) if isinstance(text, str) else ""


def _entries(transcript: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    for line in transcript:
        if not any(mark in line for mark in (b"scheduled_task_fire", b"queue-operation", b"tool_use")):
            continue
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            continue  # the client may still be writing
        if isinstance(entry, dict):
            yield entry
