"""`correctless hook`: answer the plugin's hooks, without click."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from correctless.base import exits
from correctless.base.exits import Stop
from correctless.cli import typable
from correctless.project import person

_EVENTS = {"prompt": "UserPromptSubmit", "start": "SessionStart", "stop": "Stop"}
_MOST = 1 << 24  # bytes of one input


def main(argv: list[str]) -> int:
    """Answer one hook.

    Returns 0 for any answer, and 2 for an unknown hook.
    """
    if len(argv) != 1 or argv[0] not in _EVENTS:
        print(
            "correctless hook must be called with prompt, start or stop, by Claude Code's hooks",
            file=sys.stderr,
        )
        return exits.USAGE
    event_input = _input()
    if argv[0] == "prompt":
        return _prompt(event_input)
    from correctless.hooks import session

    try:
        text = session.waiting(event_input["cwd"]) if argv[0] == "start" else session.unfinished(os.environ)
    except (Stop, OSError, ValueError, KeyError, TypeError):
        return exits.OK  # a hook that fails must not disturb the session
    if text is not None:
        _tell(_EVENTS[argv[0]], typable(text), model=argv[0] == "start")
    return exits.OK


def _prompt(event_input: Any) -> int:
    from correctless.base.clock import utcnow
    from correctless.hooks import prompt

    try:
        text = prompt.record_answer(
            prompt.Prompt.of(event_input), os.environ, person.ancestors(os.getpid()), utcnow()
        )
    except Stop as stop:
        # Only the user sees this: the model could take the text for an answer.
        print(json.dumps({"decision": "block", "reason": typable(f"correctless: {stop.message}")}))
        return exits.OK
    if text is not None:
        _tell(_EVENTS["prompt"], typable(f"correctless: {text}"), model=True)
    return exits.OK


def _tell(event: str, text: str, *, model: bool) -> None:
    answer: dict[str, Any] = {"systemMessage": text}
    if model:
        answer["hookSpecificOutput"] = {"hookEventName": event, "additionalContext": text}
    print(json.dumps(answer))


def _input() -> Any:
    try:
        return json.loads(sys.stdin.buffer.read(_MOST))
    except (ValueError, RecursionError):
        raise Stop(exits.REFUSED, "the input of the hook is not JSON. Update correctless") from None
