"""Repair of a log that was damaged, cut or deleted; the loss is recorded."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from correctless.base.clock import timestamp
from correctless.decisions.correction import synthesized
from correctless.decisions.decision import Attempt
from correctless.ledger import check
from correctless.ledger.chain import EMPTY, Entry, Head
from correctless.ledger.check import Anchor, RepairResult
from correctless.ledger.heads import Heads
from correctless.ledger.ledger import Ledger
from correctless.ledger.log_file import Missing
from correctless.project.paths import Logs
from correctless.review.anchors import by_seq, entries_of, of_events, verify

_NOT_DECISIONS = ("pipeline-", "confirmations-")


def repair(logs: Logs, now: datetime, env: Mapping[str, str]) -> RepairResult:
    """Repair a decisions log so that it can be appended to.

    A log that lost entries starts anew with a deferred entry that names them, so the gate closes. Entries
    that an anchor on this machine knows and the log lacks count as lost.
    """

    def begins(what: RepairResult) -> dict[str, Any]:
        return _loss(what, now, len(events))

    if os.path.basename(logs.decisions).startswith(_NOT_DECISIONS):
        return _other(logs.decisions, logs.root, now, env)
    events = entries_of(logs.run, logs) if logs.run != logs.decisions else ()
    copy = Heads(logs.decisions, env)
    try:
        done = check.repair(logs.decisions, now, root=logs.root, first=begins)
        if done.action in ("intact", "torn"):
            done = _set_aside_if_disproved(logs, now, env, events, begins) or done
    except Missing:
        newest = max((*of_events(events), *copy.local_anchors()), key=by_seq, default=None)
        if newest is None:
            raise  # no anchor notes a log
        done = RepairResult("missing", None, EMPTY, Head(newest.seq, newest.sha256))
        Ledger(logs.decisions, root=logs.root).append(begins(done))
    if done.action in ("damaged", "missing"):
        copy.set_aside()
        copy.note(Ledger(logs.decisions, root=logs.root).read()[0])
    return done


def _other(path: str, root: str | None, now: datetime, env: Mapping[str, str]) -> RepairResult:
    """Repair a run log or confirmations, which start empty.

    What they recorded is lost, and you answer again.
    """
    copy = Heads(path, env)
    try:
        done = check.repair(path, now, root=root)
        report = check.verify(path, heads=copy.local_anchors(), root=root)
        if not report.intact:
            most = max((Anchor(report.head.seq, report.head.sha256, ""), *copy.local_anchors()), key=by_seq)
            done = check.repair(path, now, root=root, disproved=Head(most.seq, most.sha256))
    except Missing:
        newest = max(copy.local_anchors(), key=by_seq, default=None)
        if newest is None:
            raise
        done = RepairResult("missing", None, EMPTY, Head(newest.seq, newest.sha256))
    if done.action in ("damaged", "missing"):
        copy.set_aside()
        copy.begin(EMPTY)
    return done


def _set_aside_if_disproved(
    logs: Logs,
    now: datetime,
    env: Mapping[str, str],
    events: tuple[Entry, ...],
    begins: Callable[[RepairResult], dict[str, Any]],
) -> RepairResult | None:
    report = verify(logs, None, env)
    if report.intact:
        return None
    anchors = [
        Anchor(report.head.seq, report.head.sha256, ""),
        *of_events(events),
        *Heads(logs.decisions, env).anchors(),
    ]
    most = max(anchors, key=by_seq)
    return check.repair(
        logs.decisions, now, root=logs.root, first=begins, disproved=Head(most.seq, most.sha256)
    )


def _loss(what: RepairResult, now: datetime, events: int) -> dict[str, Any]:
    lost = what.lost or what.intact
    decision = synthesized(
        "cauto",
        "repair",
        f"start a new log after entry {lost.seq} of one that was {what.action}",
        "a log that can't be trusted is set aside, not repaired: its entries are no longer counted",
        at=Attempt(),
        now=timestamp(now),
        unlisted=1,
        reason=f"the log before this entry was {what.action}; its lost entries need your review",
        extra={
            "lost_seq": lost.seq,
            "lost_head": lost.sha256,
            "intact_seq": what.intact.seq,
            "intact_head": what.intact.sha256,
            "run_log_seq": events,
        },
    )
    return decision.fields()
