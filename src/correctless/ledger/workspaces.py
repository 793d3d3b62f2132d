"""Recording your declaration that a folder of logs is a new workspace, and starting its private copies.

A process that removes the logs could also make `.git` look newly cloned. So nothing in the folder tells a cleaned workspace
from one whose logs were removed: you declare it, and the earlier copies stay under other names.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict
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
class Declaration:
    """One declaration, and the earlier copies that no longer apply."""

    by: str
    channel: str
    timestamp: str
    noted: tuple[str, ...]  # NAME: entry N, head HEAD


def begin(folder: str, env: Mapping[str, str], now: datetime, *, by: str, channel: str) -> Declaration:
    """Record that the workspace with its logs in `folder` is new, then begin new copies of the logs that exist.

    `Stop(3)` for a log that its copy disproves: cleaning makes none. The caller checks that a person declares this, and that
    no run is under way.
    """
    logs = {path: _verified(path, env) for path in _logs(folder)}
    places = heads.folders(folder, env)
    copies = heads.chosen(places)
    if copies is None:
        raise Stop(exits.REFUSED, "this user has no home for the copies. set HOME")
    earlier = tuple(each for place in places for each in _copies(place))
    declaration = Declaration(by, channel, timestamp(now), earlier)
    try:
        os.makedirs(copies, mode=0o700, exist_ok=True)
        # Recorded before it applies: a crash in between leaves a workspace that is refused as before.
        entry = {"kind": "new_workspace", "folder": folder, **asdict(declaration)}
        Ledger(copies + ".jsonl").append(entry)
        for place in places:
            heads.aside(place)
        os.makedirs(copies, mode=0o700, exist_ok=True)
        for path, entries in logs.items():
            copy = Heads(path, env)
            copy.set_aside()
            for each in entries:
                copy.note(each)
    except OSError as error:
        where = error.filename or copies
        raise Stop(exits.REFUSED, f"{where}: {error.strerror}. fix that, then retry") from None
    return declaration


def declarations(log: str, env: Mapping[str, str]) -> Iterator[Declaration]:
    """Yield each declaration about the workspace of a log; `Stop(3)` when they can't be read."""
    for place in heads.folders(heads.workspace(log), env):
        path = place + ".jsonl"
        for entry in Ledger(path).read() if os.path.lexists(path) else ():
            by, channel, when = (str(entry.fields.get(name)) for name in ("by", "channel", "timestamp"))
            earlier = entry.fields.get("noted")
            yield Declaration(by, channel, when, tuple(earlier) if isinstance(earlier, list) else ())


def _logs(folder: str) -> Iterator[str]:
    """Yield the logs in a folder that have private copies."""
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


def _verified(path: str, env: Mapping[str, str]) -> list[Entry]:
    entries: list[Entry] = []
    report = verify(path, heads=Heads(path, env).local_anchors(), keep=entries)
    for finding in report.findings:
        if finding.severity == "error":
            raise Stop(
                exits.REFUSED,
                f"{path}:{finding.line}: {finding.message}. a cleaned workspace has no such log. "
                "look at it with: correctless decisions verify",
            )
    return entries


def _copies(place: str) -> Iterator[str]:
    for name in sorted(os.listdir(place)) if os.path.isdir(place) else ():
        last = heads.last(os.path.join(place, name))
        if ".before-" not in name and last is not None:
            yield f"{name}: entry {last.seq}, head {last.sha256[:12]}"
