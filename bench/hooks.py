"""The hooks, measured: what a tool call and a prompt wait for, beside a bare interpreter and a bare shell, out."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Any

from bench.measure import measured, percentile, ran
from bench.rows import Figure, Found, Row

NAMES_NOTHING = 1.3  # of a bare interpreter
JUDGED = 2.5
_LOG = ".correctless/artifacts/autonomous-decisions-feature-x-000000.jsonl"
# Tool calls as sessions are full of, then those that have to be read.
_CALLS: Mapping[str, tuple[str, dict[str, Any]]] = {
    "a command": (
        "Bash",
        {"command": "pytest -q tests/test_codes.py 2>&1 | tail -20", "description": "Run tests"},
    ),
    "a file of 100 kB": ("Write", {"file_path": "src/data.py", "content": "value = 1\n" * 10_000}),
    "a look at the log": ("Bash", {"command": f"tail -n 3 {_LOG} | jq -c .decision_id"}),
    "a pipeline that pushes": (
        "Bash",
        {"command": "pytest -q && git add -A && git commit -m 'fix: x' && git push origin HEAD"},
    ),
    "a backslash-u escape": ("Edit", {"file_path": "a.py", "old_string": "\u2028", "new_string": "x"}),
    "a denied write": ("Write", {"file_path": _LOG, "content": "x"}),
}
_QUICK = ("a command", "a file of 100 kB")


def run(*, quick: bool, folder: str | None, root: str, say: Callable[[str], None]) -> Found:
    """Measure in a scratch folder in `folder`, which is removed; `Stop(3)` when that can't be done."""
    rounds = 5 if quick else 60

    def rows(top: str) -> list[Row]:
        os.mkdir(os.path.join(top, ".git"))
        return [*_guard(top, root, rounds, say), *_others(top, root, rounds, say)]

    # Not our name: a call says its folder, and is read whole where that names something guarded.
    return measured(rows, folder, prefix="bench-")


def _guard(top: str, root: str, rounds: int, say: Callable[[str], None]) -> list[Row]:
    bare = [sys.executable, "-I", "-S", "-c", "pass"]
    interpreter = [sys.executable, "-I", "-S", os.path.join(root, "src", "correctless", "guard", "call.py")]
    door = ["/bin/sh", os.path.join(root, "scripts", "guard")]
    rows = []
    for name, (tool, given) in _CALLS.items():
        say(f"the guard: {name}")
        call = {
            "session_id": "s",
            "cwd": top,
            "hook_event_name": "PreToolUse",
            "tool_name": tool,
            "tool_input": given,
        }
        path = _file(top, call)
        least, judged, whole = _turns([bare, interpreter, door], rounds, top, path)
        floor = Figure("python3 -I -S -c pass", median(least), percentile(least, 99))
        goal = NAMES_NOTHING if name in _QUICK else JUDGED
        rows.append(
            Row(
                Figure(f"guard, {name}", median(judged), percentile(judged, 99)),
                "ms",
                floor,
                rounds,
                goal=goal,
            )
        )
        rows.append(
            Row(Figure(f"its door, {name}", median(whole), percentile(whole, 99)), "ms", floor, rounds)
        )
    return rows


def _others(top: str, root: str, rounds: int, say: Callable[[str], None]) -> list[Row]:
    say("a prompt, and the start of a session")
    hear = ["/bin/sh", os.path.join(root, "scripts", "hear")]
    call = {
        "session_id": "s",
        "cwd": top,
        "hook_event_name": "UserPromptSubmit",
        "prompt": "fix the failing test",
    }
    path = _file(top, call)
    least, prompt, start, stop = _turns(
        [["/bin/sh", "-c", ":"], [*hear, "prompt"], [*hear, "start"], [*hear, "stop"]], rounds, top, path
    )
    floor = Figure("sh -c :", median(least), percentile(least, 99))
    named = (
        ("an ordinary prompt", prompt),
        ("a session starts where no run is", start),
        ("a turn ends", stop),
    )
    return [
        Row(Figure(name, median(took), percentile(took, 99)), "ms", floor, rounds) for name, took in named
    ]


def _turns(commands: Sequence[Sequence[str]], rounds: int, top: str, call: str) -> list[list[float]]:
    """The milliseconds of each command, the call on its standard input; they take turns."""
    env = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": top,
        "CORRECTLESS_GUARD_PYTHON": sys.executable,
    }
    found: list[list[float]] = [[] for _ in commands]
    for _ in range(rounds + 1):
        for took, argv in zip(found, commands, strict=True):
            took.append(ran(argv, cwd=top, env=env, codes=(0, 2), stdin=call).seconds * 1e3)
    return [took[1:] for took in found]  # the first one reads its files from the disk


def _file(top: str, call: Mapping[str, Any]) -> str:
    path = os.path.join(top, "call.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump(call, file, separators=(",", ":"))
    return path
