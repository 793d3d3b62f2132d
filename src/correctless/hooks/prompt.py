"""Answers that you type into Claude Code as a prompt.

Only a whole prompt counts: `confirm escalations DIGEST` or `approve spec DIGEST`. A model's text is never a prompt.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from correctless.base import below, exits
from correctless.base.exits import Stop
from correctless.base.text import counted
from correctless.hooks import client
from correctless.project import git, paths, person
from correctless.project.git import Repo
from correctless.project.lock import Lock
from correctless.review import anchors, gate, open_set
from correctless.review.coverage import LEAST_DIGITS, SHOWN_DIGITS, names

CHANNEL = "prompt"
_AGAIN = 0.3  # seconds until the transcript is read once more: the client writes it while the hook runs
_ANSWER = re.compile(r"\s*(confirm\s+escalations|approve\s+spec)\s+([0-9a-f]{1,64})\s*\Z", re.IGNORECASE)
_LARGEST = 1 << 20  # bytes of a file that may be a spec
_MOST_FILES = 5000


@dataclass(frozen=True, slots=True)
class Prompt:
    """One prompt, as the client reports it."""

    text: str
    cwd: str
    inside: bool  # of a sub-agent
    transcript: str  # the client's record of the session

    @classmethod
    def of(cls, event_input: Any) -> Prompt:
        """Parse the hook's input.

        Raises: Stop(3) when its form is unknown.
        """
        if (
            not isinstance(event_input, dict)
            or not isinstance(event_input.get("prompt"), str)
            or not isinstance(event_input.get("cwd"), str)
        ):
            raise Stop(exits.REFUSED, "the client's input for this prompt is invalid. Update correctless")
        transcript = event_input.get("transcript_path")
        return cls(
            event_input["prompt"],
            event_input["cwd"],
            "agent_id" in event_input,
            transcript if isinstance(transcript, str) else "",
        )


def record_answer(
    prompt: Prompt, env: Mapping[str, str], processes: Iterable[frozenset[str]], now: datetime
) -> str | None:
    """Record the answer in a prompt and describe it; None for other prompts.

    Raises: Stop when the answer cannot be recorded.
    """
    answer = _ANSWER.match(prompt.text)
    if answer is None:
        return None
    what, digest = answer[1].split()[0].lower(), answer[2].lower()
    client.refuse_agents(processes)
    if prompt.inside:
        raise Stop(exits.REFUSED, "a sub-agent cannot answer for you. Type it yourself")
    for pause in (0.0, _AGAIN):
        time.sleep(pause)
        if os.path.exists(prompt.transcript):  # not at the very first prompt
            with open(prompt.transcript, "rb") as file:
                client.refuse_scheduled(prompt.text, file)
    if len(digest) < LEAST_DIGITS:
        raise Stop(
            exits.USAGE,
            f"'{digest}' is too short for a digest. Type at least {LEAST_DIGITS} characters of it",
        )
    repo = git.find(prompt.cwd)
    who = person.name(repo, env)
    with Lock.take(repo, "an answer typed into Claude Code"):
        anchors.refuse_disproved(paths.logs(repo), repo, env)
        return (
            _confirm(repo, digest, who, env, now) if what == "confirm" else _approve(repo, digest, who, now)
        )


def _confirm(repo: Repo, digest: str, who: str, env: Mapping[str, str], now: datetime) -> str:
    logs = paths.logs(repo)
    branch, state = gate.load(logs, repo)
    if not state.inherited and not os.path.lexists(logs.decisions):
        raise Stop(exits.PERSON, f"no run found on the branch of {repo.top}. Nothing was confirmed")
    _refuse_channel(branch.plan.confirm_channels if branch.plan else gate.DEFAULT_CHANNELS)
    branch, state = open_set.close_gate(logs, branch, state, token=secrets.token_hex(16), now=now, repo=repo)
    if state.open or state.closing is None:
        raise Stop(exits.PERSON, "no decision needs your confirmation")
    if not names(digest, state.closing.digest):
        raise Stop(
            exits.PERSON,
            f"'{digest}' is not the digest of the open set, which is {state.closing.digest[:SHOWN_DIGITS]}. Nothing was confirmed. "
            "Read it first: correctless review",
        )
    open_set.answer(
        logs,
        state.closing.digest,
        kind="escalations",
        by=who,
        channel=CHANNEL,
        note="",
        now=now,
        head=state.closing.head,
    )
    branch, now_state = gate.load(logs, repo)
    if not now_state.open:
        raise Stop(
            exits.PERSON,
            f"the answer of {who} is recorded, but the configuration does not let it open the gate. See confirmers",
        )
    from correctless.dispatch.tell import escalation  # only a prompt that is an answer needs it

    escalation.answered(logs, branch, now_state, env, now)
    return f"{counted(len(state.waiting), 'decision')} confirmed by {who}. Continue with: correctless cauto resume"


def _approve(repo: Repo, digest: str, who: str, now: datetime) -> str:
    from correctless.dispatch.control import start

    _refuse_channel(start.load_config(repo, None, repo.top).confirm_channels)
    matches = [(path, sha) for path, sha in _hashed(repo) if sha.startswith(digest)]
    if len(matches) != 1:
        why = "no file" if not matches else f"{len(matches)} files"
        raise Stop(
            exits.PERSON,
            f"{why} of {repo.top} has a SHA-256 that begins with {digest}. Nothing was approved. "
            "Show the digest again: correctless cauto run --spec FILE",
        )
    path, sha = matches[0]
    logs = paths.logs(repo)
    paths.ensure_artifacts(logs)
    open_set.approve_spec(logs, sha, by=who, channel=CHANNEL, now=now)
    return f"the spec {path} ({sha[:LEAST_DIGITS]}) is approved by {who}. Start the run with: correctless cauto run --detach --spec {path}"


def _hashed(repo: Repo) -> Iterator[tuple[str, str]]:
    """Yield each file that may be a spec, with the SHA-256 of its bytes."""
    listed = repo.git("ls-files", "-z", "--cached", "--others", "--exclude-standard")
    paths = [
        path
        for path in dict.fromkeys(listed.split("\0"))
        if path.lower().endswith((".md", ".markdown", ".txt", ".rst", ".adoc"))
    ]
    for path in paths[:_MOST_FILES]:
        try:
            data = below.read(os.path.join(repo.top, path), _LARGEST + 1, root=repo.top)
        except OSError:  # a link, or not a plain file
            continue
        if len(data) <= _LARGEST:
            yield path, hashlib.sha256(data).hexdigest()


def _refuse_channel(channels: Iterable[str]) -> None:
    if CHANNEL not in channels:
        raise Stop(
            exits.PERSON,
            "the configuration takes no answer typed into Claude Code (confirm_channels). Answer in a terminal: correctless review",
        )
