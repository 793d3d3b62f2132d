"""Commit status `correctless/escalations`: how many decisions needed you, and the digest you confirmed."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from correctless.base import exits
from correctless.base.exits import Stop
from correctless.base.text import counted
from correctless.github import rest
from correctless.github.client import GitHub, strange, take
from correctless.review.coverage import SHOWN_DIGITS
from correctless.review.gate import GateState

CONTEXT = "correctless/escalations"
_MOST = 140  # characters of a description; GitHub refuses more
_LOOKS = 4  # how often the head is read until it is the commit that was just pushed
_PAUSE = 1.5  # seconds between them
_OID = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?\Z")


@dataclass(frozen=True, slots=True)
class CommitStatus:
    """What is said of a commit."""

    state: Literal["success", "pending", "failure"]
    description: str


def of_gate(gate: GateState) -> CommitStatus:
    """Return the status of a branch's gate."""
    digests = dict.fromkeys(answer.digest[:SHOWN_DIGITS] for answer in gate.covered.values())
    confirmed = f"{counted(len(gate.covered), 'decision')} confirmed" if gate.covered else ""
    if gate.open:
        what = f"{confirmed}, digest {', '.join(digests)}" if confirmed else "no decision needs confirmation"
        return CommitStatus("success", what[:_MOST])
    waiting = f"{counted(len(gate.waiting), 'decision needs', 'decisions need')} confirmation"
    digest = f"digest {gate.closing.digest[:SHOWN_DIGITS]}" if gate.closing else ""
    if gate.rejected is not None:
        rejected = f"rejected by {gate.rejected.by}"
        return CommitStatus("failure", ", ".join(filter(None, (waiting, rejected, digest)))[:_MOST])
    return CommitStatus(
        "pending", ", ".join(filter(None, (waiting, confirmed, digest or gate.before)))[:_MOST]
    )


def post(
    github: GitHub,
    number: int,
    commit: str,
    status: CommitStatus,
    *,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Post a status for the head of a pull request, which must be `commit`; one that is there already is not posted again.

    Raises: Stop(10) when its head is another commit, or also that of another open pull request; `rest.Refused`; Stop(3).
    """
    for tried in range(_LOOKS):
        sleep(_PAUSE if tried else 0.0)
        if (head := head_of(github, number)) == commit:
            break
    _refuse_other(number, head, commit)
    refuse_shared(github, number, head)
    if _current(github, head) != status:
        values = {"state": status.state, "context": CONTEXT, "description": status.description}
        rest.write(github, "post the commit status", f"statuses/{head}", values)
        _refuse_other(number, head_of(github, number), commit)


def head_of(github: GitHub, number: int) -> str:
    """Return the commit that GitHub has as the head of a pull request."""
    head = take(take(rest.read(github, "read the pull request", f"pulls/{number}"), "head", dict), "sha", str)
    if not _OID.match(head):
        raise strange("the head of a pull request is no commit")
    return head


def refuse_shared(github: GitHub, number: int, head: str) -> None:
    """Refuse a commit that is the head of another open pull request too: a status is about a commit, for all of them."""
    for pull in rest.read_all(github, "list the pull requests of a commit", f"commits/{head}/pulls"):
        other, is_open = take(pull, "number", int), take(pull, "state", str) == "open"
        if is_open and other != number and take(take(pull, "head", dict), "sha", str) == head:
            raise Stop(
                exits.PERSON,
                f"pull request #{other} has the same head as #{number} ({head[:12]}), and a commit status would count for "
                "both. close one, then run cauto resume",
            )


def _refuse_other(number: int, head: str, commit: str) -> None:
    if head != commit:
        raise Stop(
            exits.PERSON,
            f"the head of pull request #{number} is {head[:12]}, and not the commit that the run made ({commit[:12]}). "
            "see who pushed to the branch; the other commits are neither checked nor confirmed",
        )


def _current(github: GitHub, head: str) -> CommitStatus | None:
    found = rest.read(github, "read the commit statuses", f"commits/{head}/status?per_page=100")
    for status in take(found, "statuses", list):
        if take(status, "context", str) == CONTEXT:
            state, text = take(status, "state", str), status.get("description")
            return CommitStatus(state, text if type(text) is str else "")  # type: ignore[arg-type]  # compared only
    return None
