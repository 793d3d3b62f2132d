"""Messages about runs at the start and the end of a Claude Code session."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from contextlib import suppress

from correctless.base.exits import Stop
from correctless.base.files import replace_file
from correctless.base.text import one_line
from correctless.guard import where
from correctless.project import git, lock, paths
from correctless.project.paths import Logs
from correctless.review import gate, open_set, standing
from correctless.review.coverage import SHOWN_DIGITS
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
        (logs, state, lock.is_branch_locked(state.branch, places))
        for logs, state in ((logs, open_set.state_of(logs)) for logs in paths.all_logs(repo))
        if state.unfinished
    ]
    paused = [(logs, state) for logs, state, lives in states if not lives]
    if not paused:
        if not states:
            return None
        return f"correctless: {_named(states[0][1])} is under way.\nSee its status with: correctless cauto status"
    logs, state = max(paused, key=lambda each: each[1].started_at)
    more = f" ({len(paused) - 1} more: correctless cauto status --all)" if len(paused) > 1 else ""
    return _message(logs, state, _named(state), more)


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
    return _message(logs, state, f"{_named(state)}, which this session started,")


def _note(env: Mapping[str, str]) -> str | None:
    session = env.get("CLAUDE_CODE_SESSION_ID", "")
    if not _ID.match(session):
        return None
    return os.path.join(where.state_folder(env), "sessions", session)


def _named(state: State) -> str:
    return f"run {state.run} on {state.branch or '?'}"


def _message(logs: Logs, state: State, subject: str, more: str = "") -> str:
    """Return two lines about a run whose dispatcher is not at work."""
    now = None
    with suppress(Stop):  # then an answer is unknown, and the run log's word counts
        now = gate.load(logs)[1]
    at = standing.of(state, now)
    why = one_line(at.why) or "it was interrupted"
    what = "can continue" if at.word == "confirmed" else "waits"
    typed = ""
    if at.word == "waiting" and state.gate:
        typed = f", or type here: confirm escalations {state.gate.digest[:SHOWN_DIGITS]}"
    how = "Continue" if "resume" in at.next else "Read and answer"
    return f"correctless: {subject} {what}: {why}{more}\n{how} with: {at.next}{typed}"
