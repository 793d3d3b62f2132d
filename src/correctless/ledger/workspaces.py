"""Recording your statement that a folder of logs is a new workspace, and starting its private copies.

Whoever removes the logs could also make `.git` look newly cloned. So no look at the folder tells a cleaned workspace from
logs that were taken away: a person says so, and what was noted before is kept.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from datetime import datetime

from correctless.base import exits
from correctless.base.clock import timestamp
from correctless.base.exits import Stop
from correctless.base.values import frozen
from correctless.ledger import heads
from correctless.ledger.chain import Entry
from correctless.ledger.check import verify
from correctless.ledger.heads import Heads
from correctless.ledger.ledger import Ledger


@frozen
class Declared:
    """One time that a person said so, and the copies of before that hold nothing any more."""

    by: str
    channel: str
    timestamp: str
    noted: tuple[str, ...]  # NAME: entry N, head HEAD


def begin(folder: str, env: Mapping[str, str], now: datetime, *, by: str, channel: str) -> Declared:
    """Put on record that the workspace whose logs lie in `folder` is new, then begin new copies of the logs that are there.

    `Stop(3)` for a log that is there and is not what was noted: no cleaning makes one. The caller sees to it that a person says this, and that no run is under way.
    """
    logs = {path: _sound(path, env) for path in _logs(folder)}
    places = heads.folders(folder, env)
    noted = tuple(each for place in places for each in _copies(place))
    here = heads.chosen(places)
    if here is None:
        raise Stop(exits.REFUSED, "this user has no home in which anything could be noted. set HOME")
    said = Declared(by, channel, timestamp(now), noted)
    try:
        os.makedirs(here, mode=0o700, exist_ok=True)
        # On record before it holds: a crash in between leaves a workspace that is refused as before.
        Ledger(here + ".jsonl").append(
            {
                "kind": "new_workspace",
                "folder": folder,
                "by": by,
                "channel": channel,
                "timestamp": said.timestamp,
                "noted": noted,
            }
        )
        for place in places:
            heads.aside(place)
        os.makedirs(here, mode=0o700, exist_ok=True)
        for path, entries in logs.items():
            copy = Heads(path, env)
            copy.set_aside()
            for entry in entries:
                copy.note(entry)
    except OSError as error:
        raise Stop(
            exits.REFUSED, f"{error.filename or here}: {error.strerror}. fix that, then retry"
        ) from None
    return said


def declared(log: str, env: Mapping[str, str]) -> Iterator[Declared]:
    """What was said so far of the workspace of a log; `Stop(3)` when that can't be read."""
    for place in heads.folders(heads.workspace(log), env):
        path = place + ".jsonl"
        for entry in Ledger(path).read() if os.path.lexists(path) else ():
            by, channel, when, noted = (
                entry.fields.get(name) for name in ("by", "channel", "timestamp", "noted")
            )
            yield Declared(str(by), str(channel), str(when), tuple(noted) if isinstance(noted, list) else ())


def _logs(folder: str) -> Iterator[str]:
    """The logs that are there and have private copies."""
    for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
        path = (
            os.path.join(folder, name, "ledger.jsonl")
            if name.startswith("contract-")
            else os.path.join(folder, name)
        )
        if (
            name.startswith(("contract-", "autonomous-decisions-", "pipeline-", "confirmations-"))
            and path.endswith(".jsonl")
            and os.path.lexists(path)
        ):
            yield path


def _sound(path: str, env: Mapping[str, str]) -> list[Entry]:
    entries: list[Entry] = []
    report = verify(path, heads=Heads(path, env).noted(), keep=entries)
    for found in report.findings:
        if found.severity == "error":
            raise Stop(
                exits.REFUSED,
                f"{path}:{found.line}: {found.message}. a cleaned workspace has no such log. "
                "look at it with: correctless decisions verify",
            )
    return entries


def _copies(place: str) -> Iterator[str]:
    for name in sorted(os.listdir(place)) if os.path.isdir(place) else ():
        last = heads.last(os.path.join(place, name))
        if ".before-" not in name and last is not None:
            yield f"{name}: entry {last.seq}, head {last.sha256[:12]}"
