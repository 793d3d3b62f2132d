"""Messages about runs at the start and the end of a Claude Code session."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping

from correctless.base import exits
from correctless.base.files import replace_file
from correctless.base.text import counted, one_line
from correctless.guard import where
from correctless.project import git, lock, paths
from correctless.project.paths import Logs
from correctless.review import open_set
from correctless.runlog.state import State

_ID = re.compile(r"[0-9A-Za-z-]{8,64}\Z")


def note_start(env: Mapping[str, str], logs: Logs, run: str) -> None:
    """Note which session started a run, so that its end can report the run."""
    path = _note(env)
    if path is None:
        return
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        replace_file(path, json.dumps({"log": logs.run, "run": run}).encode(), mode=0o600, durable=False)
    except OSError:
        return  # only a reminder is lost


def waiting(cwd: str) -> str | None:
    """Return two lines about a run that waits in the repository of a folder, or None."""
    repo = git.find(cwd)
    places = repo.worktrees()
    states = [
        (state, lock.is_branch_locked(state.branch, places))
        for state in (open_set.state_of(logs) for logs in paths.all_logs(repo))
        if state.unfinished
    ]
    paused = [(state, lives) for state, lives in states if not lives]
    if not paused:
        if not states:
            return None
        return f"correctless: {_named(states[0][0])} is under way.\nSee its status with: correctless cauto status"
    state = max((state for state, _ in paused), key=lambda state: state.started_at)
    more = f" ({len(paused) - 1} more: correctless cauto status --all)" if len(paused) > 1 else ""
    first = f"correctless: {_named(state)} waits: {_reason(state)}{more}"
    return f"{first}\n{_next(state)}"


def unfinished(env: Mapping[str, str]) -> str | None:
    """Return two lines about the unfinished run that this session started, or None."""
    path = _note(env)
    if path is None or not os.path.isfile(path):
        return None
    with open(path, "rb") as file:
        note = json.loads(file.read(1 << 16))
    folder = os.path.dirname(os.path.dirname(os.path.dirname(note["log"])))
    repo = git.find(folder)
    logs = next((logs for logs in paths.all_logs(repo) if logs.run == note["log"]), None)
    if logs is None:
        return None
    state = open_set.state_of(logs)
    if state.run != note["run"] or not state.unfinished:
        os.unlink(path)
        return None
    if lock.is_branch_locked(state.branch, repo.worktrees()):
        return f"correctless: {_named(state)}, which this session started, is under way.\nSee its status with: correctless cauto status"
    return (
        f"correctless: {_named(state)}, which this session started, waits: {_reason(state)}\n{_next(state)}"
    )


def _note(env: Mapping[str, str]) -> str | None:
    session = env.get("CLAUDE_CODE_SESSION_ID", "")
    if not _ID.match(session):
        return None
    return os.path.join(where.state_folder(env), "sessions", session)


def _named(state: State) -> str:
    return f"run {state.run} on {state.branch or '?'}"


def _reason(state: State) -> str:
    if state.stopped is None:
        return "it was interrupted"
    if state.stopped.code == exits.PERSON and state.gate:
        count = len(state.gate.entries) + len(state.gate.inherited)
        return f"{counted(count, 'decision needs', 'decisions need')} your confirmation"
    return one_line(state.stopped.reason)


def _next(state: State) -> str:
    if state.stopped is not None and state.stopped.code == exits.PERSON:
        digest = f", or type here: confirm escalations {state.gate.digest[:12]}" if state.gate else ""
        return f"Read and answer with: correctless review{digest}"
    return "Continue with: correctless cauto resume"
