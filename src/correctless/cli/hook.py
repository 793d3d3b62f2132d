"""`correctless hook prompt|start|stop`: what the plugin's hooks call, answered without click; the client's JSON in and out."""

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
    """Answer one hook; 0 whatever was said, 2 for a call that is none."""
    if len(argv) != 1 or argv[0] not in _EVENTS:
        print("correctless hook: called by Claude Code's hooks: prompt, start or stop", file=sys.stderr)
        return exits.USAGE
    given = _input()
    if argv[0] == "prompt":
        return _prompt(given)
    from correctless.hooks import session

    try:
        said = session.waiting(given["cwd"]) if argv[0] == "start" else session.left(os.environ)
    except (Stop, OSError, ValueError, KeyError, TypeError):
        return exits.OK  # a session is not troubled by what could only not be said
    if said is not None:
        _tell(_EVENTS[argv[0]], typable(said), model=argv[0] == "start")
    return exits.OK


def _prompt(given: Any) -> int:
    from correctless.base.clock import utcnow
    from correctless.hooks import prompt

    try:
        said = prompt.heard(prompt.Prompt.of(given), os.environ, person.ancestors(os.getpid()), utcnow())
    except Stop as stop:
        # Seen by the person alone, and the model gets nothing: it could take the words for an answer.
        print(json.dumps({"decision": "block", "reason": typable(f"correctless: {stop.message}")}))
        return exits.OK
    if said is not None:
        _tell(_EVENTS["prompt"], typable(f"correctless: {said}"), model=True)
    return exits.OK


def _tell(event: str, text: str, *, model: bool) -> None:
    told: dict[str, Any] = {"systemMessage": text}
    if model:
        told["hookSpecificOutput"] = {"hookEventName": event, "additionalContext": text}
    print(json.dumps(told))


def _input() -> Any:
    try:
        return json.loads(sys.stdin.buffer.read(_MOST))
    except (ValueError, RecursionError):
        raise Stop(exits.REFUSED, "what the client said is no JSON. update correctless") from None
