"""Whether a branch may be published: what is on record of it in, open or closed, the open set and its digest out.

Computed from the logs each time, stored nowhere. An entry is live unless its attempt was discarded. The open set is every live deferred entry that no valid
confirmation covers; while it is not empty the gate is closed.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from correctless import anchors, exits
from correctless.exits import Stop
from correctless.project.git import Repo
from correctless.project.paths import Logs, logs_beside
from correctless.record import Confirmation
from correctless.runlog import branch as record
from correctless.runlog.branch import Branch, Recorded
from correctless.runlog.events import Asking, GateClosed, discarded

DEFAULT_CHANNELS = (
    "terminal",
    "prompt",
    "github",
    "signed",
)  # `flag` opens nothing unless a configuration says so


@dataclass(frozen=True, slots=True)
class Gate:
    """The gate of one branch."""

    open: bool
    waiting: tuple[Recorded, ...]  # the open set, in log order
    closing: (
        GateClosed | None
    )  # the one that names exactly this open set: its digest is what a person confirms
    rejected: Confirmation | None  # what a person answered to `closing`, when it was a no
    covered: Mapping[int, Confirmation]  # seq of a deferred entry -> the confirmation that covers it
    superseded: frozenset[int]  # seq of entries whose attempt was discarded


def of_log(
    path: str, *, channels: Sequence[str] | None = None, confirmers: Sequence[str] | None = None
) -> Gate:
    """The gate of a decisions log named by its path, with the run log and confirmations beside it; `Stop(3)` as `of`."""
    return of(logs_beside(path), None, os.environ, channels=channels, confirmers=confirmers)


def of(
    logs: Logs,
    repo: Repo | None,
    env: Mapping[str, str],
    *,
    channels: Sequence[str] | None = None,
    confirmers: Sequence[str] | None = None,
) -> Gate:
    """The gate of a branch's logs; `Stop(3)` when it can't be said: no log, a damaged one, one that an anchor disproves."""
    anchors.refuse_disproved(logs, repo, env)
    if not os.path.lexists(logs.decisions):
        raise Stop(
            exits.REFUSED,
            f"there is no decisions log {logs.decisions}. start a run, or name another with --log",
        )
    return evaluate(record.load(logs), channels=channels, confirmers=confirmers)


def evaluate(
    branch: Branch, *, channels: Sequence[str] | None = None, confirmers: Sequence[str] | None = None
) -> Gate:
    """The gate as it stands; channels and confirmers are the plan's of the last run unless given."""
    plan = branch.plan
    allowed = tuple(channels if channels is not None else plan.confirm_channels if plan else DEFAULT_CHANNELS)
    people = tuple(confirmers if confirmers is not None else plan.confirmers if plan else ())
    gone = discarded(branch.events)
    superseded = frozenset(r.seq for r in branch.decisions if _attempt(r) in gone)
    lines = {r.seq: r.line for r in branch.decisions}
    closings = [item.event for item in branch.events if isinstance(item.event, GateClosed)]
    answers: dict[str, Confirmation] = {}
    for answer in branch.confirmations:
        # A no counts from anywhere; a yes only from a channel and a person the configuration trusts.
        trusted = answer.channel in allowed and (not people or answer.by in people)
        if answer.kind == "rejected" or (answer.kind in ("escalations", "answer") and trusted):
            answers[answer.digest] = answer
    covered: dict[int, Confirmation] = {}
    for closing in closings:
        said = answers.get(closing.digest)
        if (
            said is not None
            and said.kind == "escalations"
            # Recomputed, never believed: the confirmation covers the bytes that were shown, not a number.
            and all(seq in lines for seq in closing.entries)
            and digest(closing.challenge, [lines[seq] for seq in closing.entries]) == closing.digest
        ):
            covered.update(dict.fromkeys(closing.entries, said))
    for item in branch.events:
        if isinstance(item.event, Asking):
            covered.update(_answered(item.event, lines, answers))
    waiting = tuple(
        r
        for r in branch.decisions
        if r.decision.escalation_deferred and r.seq not in superseded and r.seq not in covered
    )
    current = closings[-1] if closings else None
    if current is not None and current.entries != tuple(r.seq for r in waiting):
        current = None
    rejected = answers.get(current.digest) if current else None
    return Gate(
        open=not waiting,
        waiting=waiting,
        closing=current,
        rejected=rejected if rejected is not None and rejected.kind == "rejected" else None,
        covered=covered,
        superseded=superseded,
    )


def _answered(
    asked: Asking, lines: Mapping[int, bytes], answers: Mapping[str, Confirmation]
) -> Iterator[tuple[int, Confirmation]]:
    """The entries a person answered while the run was under way: each is bound to the line that was shown, as above."""
    for seq, shown in zip(asked.entries, asked.digests, strict=False):
        said = answers.get(shown)
        if said is None or said.kind != "answer" or seq not in lines:
            continue
        if digest(asked.challenge, [lines[seq]]) == shown:
            yield seq, said


def values(found: Gate) -> dict[str, Any]:
    """The gate as a mapping, for programs."""
    return {
        "open": found.open,
        "digest": found.closing.digest if found.closing else None,
        "rejected": found.rejected.fields() if found.rejected else None,
        "waiting": [{"seq": r.seq, **r.decision.fields()} for r in found.waiting],
    }


def close(waiting: Iterable[Recorded], challenge: str) -> GateClosed:
    """The event that closes the gate over an open set; `challenge` is random and new each time."""
    entries = tuple(waiting)
    return GateClosed(
        challenge=challenge,
        digest=digest(challenge, [r.line for r in entries]),
        entries=tuple(r.seq for r in entries),
    )


def digest(challenge: str, lines: Iterable[bytes]) -> str:
    """SHA-256 of the challenge and the exact lines of the open set: nothing written earlier can match it."""
    return hashlib.sha256(
        b"".join((challenge.encode(), b"\n", *(line + b"\n" for line in lines)))
    ).hexdigest()


def _attempt(recorded: Recorded) -> tuple[str | None, str | None, int | None]:
    d = recorded.decision
    return (d.run, d.step, d.attempt)
