"""What was noted of a decisions log outside it, in commits and in the run log: a branch's logs in, a verdict or a mended log out.

The chain can't show that its own tail was cut off, or that all of it was written anew. What stands elsewhere can.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from correctless import coverage, ledger
from correctless.chain import EMPTY
from correctless.correction import synthesized
from correctless.finding import Finding
from correctless.heads import Heads
from correctless.ledger import Anchor, Entry, Ledger, Missing, Repaired, Report
from correctless.logfile import opened
from correctless.record import RecordError, decode, read, timestamp
from correctless.repo import Logs, Repo
from correctless.runlog.branch import Lost, lost
from correctless.runlog.events import GateClosed

TRAILER = "Correctless-Log"
_NOTED = re.compile(r"([0-9]{1,18}):([0-9a-f]{64})")
_RUN_LOG = "run log entry "
_NOT_DECISIONS = ("pipeline-", "confirmations-")


def verify(
    logs: Logs, repo: Repo | None, env: Mapping[str, str], more: Iterable[Anchor] = (), *, at: str = "HEAD"
) -> Report:
    """The decisions log checked against its chain and every anchor; `Stop(3)` when it, or the run log, can't be read.

    Anchors are what the commits of `at` (none with `repo` None), the run log, the private copy of the heads and `more` noted, and what
    a person confirmed. Those of a log that `repair` set aside since are warnings.
    """
    events = _entries(logs.run, logs)
    faults: list[Finding] = []
    anchors = [*_of_events(events), *more]
    if repo is not None:
        for commit, said in _trailers(
            repo, at, {run for e in events if isinstance(run := e.fields.get("run"), str)}
        ):
            noted = _NOTED.fullmatch(said)
            if noted is None:
                what = (
                    f"commit {commit} has a trailer {TRAILER} that is no entry and head. rewrite that commit"
                )
                faults.append(Finding(logs.decisions, 1, 1, "log-anchor", what))
            else:
                anchors.append(Anchor(int(noted[1]), noted[2], f"commit {commit}"))
    before = _before(logs)
    if before is not None:
        anchors = [replace(a, severity="warning") if _about(a, before, events) else a for a in anchors]
    report = ledger.verify(
        logs.decisions, anchors, heads=Heads(logs.decisions, env).anchors(), root=logs.root
    )
    confirmed = _unlike_confirmed(logs, events, before) if report.intact else ()
    return replace(report, findings=(*faults, *report.findings, *confirmed))


def repair(logs: Logs, now: datetime, env: Mapping[str, str]) -> Repaired:
    """Mend the log; one that lost entries starts anew with a deferred entry that names them, so the gate closes.

    Lost are also entries that an anchor on this machine knows of and the log does not have so.
    """

    def begins(what: Repaired) -> dict[str, Any]:
        return _loss(what, now, len(events))

    events = _entries(logs.run, logs) if logs.run != logs.decisions else ()
    heads = Heads(logs.decisions, env)
    first = None if os.path.basename(logs.decisions).startswith(_NOT_DECISIONS) else begins
    try:
        done = ledger.repair(logs.decisions, now, root=logs.root, first=first)
        if done.action in ("intact", "torn") and first is not None:
            done = _set_aside_if_disproved(logs, now, env, events, begins) or done
    except Missing:
        noted = max((*_of_events(events), *heads.anchors()), key=lambda a: a.seq, default=None)
        if noted is None or first is None:
            raise  # nobody ever knew of a log here
        done = Repaired("missing", None, EMPTY, ledger.Head(noted.seq, noted.sha256))
        Ledger(logs.decisions, root=logs.root).append(begins(done))
    if done.action in ("damaged", "missing") and first is not None:
        heads.note(Ledger(logs.decisions, root=logs.root).read()[0])
    return done


def _set_aside_if_disproved(
    logs: Logs,
    now: datetime,
    env: Mapping[str, str],
    events: tuple[Entry, ...],
    begins: Callable[[Repaired], dict[str, Any]],
) -> Repaired | None:
    report = verify(logs, None, env)
    if report.intact:
        return None
    noted = [
        Anchor(report.head.seq, report.head.sha256, ""),
        *_of_events(events),
        *Heads(logs.decisions, env).anchors(),
    ]
    most = max(noted, key=lambda a: a.seq)
    return ledger.repair(
        logs.decisions, now, root=logs.root, first=begins, disproved=ledger.Head(most.seq, most.sha256)
    )


def _loss(what: Repaired, now: datetime, events: int) -> dict[str, Any]:
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
            "run_log_seq": events,
        },
    )
    return decision.fields()


def _before(logs: Logs) -> Lost | None:
    """What the decisions log says of one before it."""
    with opened(logs.decisions, logs.root, write=False) as file, file.stream() as stream:
        try:
            return lost(decode(stream.readline().removesuffix(b"\n")))
        except RecordError:
            return None


def _about(anchor: Anchor, before: Lost, events: tuple[Entry, ...]) -> bool:
    """Whether an anchor may be about the lost log."""
    if anchor.seq > before.seq:
        return False
    number = anchor.where.removeprefix(_RUN_LOG)
    # A commit's date proves nothing.
    return not number.isdigit() or before.knew(
        int(number), str(events[int(number) - 1].fields.get("timestamp"))
    )


def _unlike_confirmed(logs: Logs, events: tuple[Entry, ...], before: Lost | None) -> Iterator[Finding]:
    """Each closing of the gate whose digest, the one a person confirms, the lines of the log no longer give."""
    closings = [
        (e, said)
        for e in events
        if e.fields.get("event") == GateClosed.event
        and not (before is not None and before.knew(e.seq, str(e.fields.get("timestamp"))))
        and (said := read(GateClosed, e.fields)).entries
    ]
    wanted = {seq for _, said in closings for seq in said.entries}
    if not wanted:
        return
    lines = {e.seq: e.line for e in Ledger(logs.decisions, root=logs.root).entries() if e.seq in wanted}
    for event, said in closings:
        if coverage.shown(said, lines) != said.digest:
            named = ", ".join(map(str, said.entries))
            what = f"{_RUN_LOG}{event.seq} closed the gate over entries {named}, and those lines are not the ones that were shown"
            yield Finding(logs.decisions, said.entries[0], 1, "log-anchor", what)


def _of_events(events: tuple[Entry, ...]) -> Iterator[Anchor]:
    for event in events:
        seq, head = event.fields.get("log_seq"), event.fields.get("log_head")
        if type(seq) is int and isinstance(head, str):
            yield Anchor(seq, head, f"{_RUN_LOG}{event.seq}")


def _entries(path: str, logs: Logs) -> tuple[Entry, ...]:
    return Ledger(path, root=logs.root).read() if os.path.lexists(path) else ()


def _trailers(repo: Repo, at: str, runs: set[str]) -> Iterator[tuple[str, str]]:
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
    out = repo.git("log", "-z", f"--grep=^{TRAILER}:", f"--format={'%x1e'.join(fields)}", at, *bounds)
    for commit, run, said in (line.split("\x1e", 2) for line in out.split("\0") if line.count("\x1e") >= 2):
        if not runs or runs.intersection(run.split("\x1f")):
            yield from ((commit, each) for each in said.split("\x1f") if each)
