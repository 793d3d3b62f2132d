"""What was noted of a decisions log outside it, in commits and in the run log: a branch's logs in, a verdict or a mended log out.

The chain can't show that its own tail was cut off, or that all of it was written anew. What stands elsewhere can.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

from correctless import ledger
from correctless.correction import synthesized
from correctless.finding import Finding
from correctless.ledger import Anchor, Entry, Ledger, Missing, Repaired, Report
from correctless.logfile import opened
from correctless.record import RecordError, decode, timestamp
from correctless.repo import Logs, Repo

TRAILER = "Correctless-Log"
_NOTED = re.compile(r"([0-9]{1,18}):([0-9a-f]{64})")
_NOT_DECISIONS = ("pipeline-", "confirmations-")


def verify(logs: Logs, repo: Repo | None) -> Report:
    """The decisions log checked against its chain and every anchor; `Stop(3)` when it, or the run log, can't be read.

    `repo` None: no commit is looked at. Anchors of a log that `repair` set aside since are warnings.
    """
    events = _entries(logs.run, logs)
    runs = {run for e in events if isinstance(run := e.fields.get("run"), str)}
    faults: list[Finding] = []
    anchors = list(_of_events(events))
    if repo is not None:
        for commit, said in _trailers(repo, runs):
            noted = _NOTED.fullmatch(said)
            if noted is None:
                what = (
                    f"commit {commit} has a trailer {TRAILER} that is no entry and head. rewrite that commit"
                )
                faults.append(Finding(logs.decisions, 1, 1, "log-anchor", what))
            else:
                anchors.append(Anchor(int(noted[1]), noted[2], f"commit {commit}"))
    lost, when = _lost(logs)
    aged = [
        replace(a, severity="warning") if a.seq <= lost and _before(a, events, when) else a for a in anchors
    ]
    report = ledger.verify(logs.decisions, aged, root=logs.root)
    return replace(report, findings=(*faults, *report.findings))


def repair(logs: Logs, now: datetime) -> Repaired:
    """Mend the log; one that lost entries starts anew with a deferred entry that names them, so the gate closes."""

    def begins(what: Repaired) -> dict[str, Any]:
        return _loss(what, now)

    first = None if os.path.basename(logs.decisions).startswith(_NOT_DECISIONS) else begins
    try:
        return ledger.repair(logs.decisions, now, root=logs.root, first=first)
    except Missing:
        noted = max(_of_events(_entries(logs.run, logs)), key=lambda a: a.seq, default=None)
        if noted is None or first is None:
            raise  # nobody ever knew of a log here
        gone = Repaired("missing", None, ledger.Head(0, ledger.GENESIS), ledger.Head(noted.seq, noted.sha256))
        Ledger(logs.decisions, root=logs.root).append(begins(gone))
        return gone


def _loss(what: Repaired, now: datetime) -> dict[str, Any]:
    lost = what.lost or what.intact
    decision = synthesized(
        "cauto",
        "repair",
        f"start a new log after entry {lost.seq} of one that was {what.action}",
        "a log that can't be trusted is kept aside, not mended: its entries are no longer counted",
        run=None,
        step=None,
        attempt=None,
        now=timestamp(now),
        unlisted=1,
        reason=f"the log before this entry was {what.action}; what it held has to be looked at by a person",
        extra={
            "lost_seq": lost.seq,
            "lost_head": lost.sha256,
            "intact_seq": what.intact.seq,
            "intact_head": what.intact.sha256,
        },
    )
    return decision.fields()


def _lost(logs: Logs) -> tuple[int, str]:
    """How many entries the log before this one had, and when this one began; (-1, "") when there was none before."""
    try:
        with opened(logs.decisions, logs.root, write=False) as file, file.stream() as stream:
            first = decode(stream.readline().removesuffix(b"\n"))
    except RecordError:
        return -1, ""
    extra = first.get("extra")
    lost = extra.get("lost_seq") if isinstance(extra, dict) else None
    ours = first.get("source") == "synthesized" and first.get("escalation_deferred") is True
    return (lost, str(first.get("timestamp"))) if ours and type(lost) is int else (-1, "")


def _before(anchor: Anchor, events: tuple[Entry, ...], when: str) -> bool:
    # What the run log noted after the new log began is about the new log. A commit's date proves nothing.
    line = anchor.where.removeprefix("run log entry ")
    return not line.isdigit() or str(events[int(line) - 1].fields.get("timestamp")) <= when


def _of_events(events: tuple[Entry, ...]) -> Iterator[Anchor]:
    for event in events:
        seq, head = event.fields.get("log_seq"), event.fields.get("log_head")
        if type(seq) is int and isinstance(head, str):
            yield Anchor(seq, head, f"run log entry {event.seq}")


def _entries(path: str, logs: Logs) -> tuple[Entry, ...]:
    return Ledger(path, root=logs.root).read() if os.path.lexists(path) else ()


def _trailers(repo: Repo, runs: set[str]) -> Iterator[tuple[str, str]]:
    """(short commit, trailer) of the commits of this branch's runs; without a run log, of the branch itself.

    A branch also holds commits of other branches' runs, by a merge or because it began there: their logs are others.
    """
    if not repo.has_commit():
        return
    bounds = []
    if not runs and (default := repo.default_branch("origin")) is not None:
        bounds = ["--not", f"refs/remotes/origin/{default}"]
    fields = (
        "%h",
        *(f"%(trailers:key={key},valueonly,unfold,separator=%x1f)" for key in ("Correctless-Run", TRAILER)),
    )
    out = repo.git("log", "-z", f"--grep=^{TRAILER}:", f"--format={'%x1e'.join(fields)}", "HEAD", *bounds)
    for commit, run, said in (line.split("\x1e", 2) for line in out.split("\0") if line.count("\x1e") >= 2):
        if not runs or runs.intersection(run.split("\x1f")):
            yield from ((commit, each) for each in said.split("\x1f") if each)
