"""Anchors of a decisions log: what commits and the run log noted of it.

The chain cannot show that its own tail was cut off, or that all of it was rewritten. Anchors outside of it
can.
"""

from __future__ import annotations

import os
import re
from dataclasses import replace

from correctless.base import exits
from correctless.base.exits import Stop
from correctless.ledger import check, heads, workspaces
from correctless.ledger.chain import Entry
from correctless.ledger.check import Anchor, LogReport
from correctless.ledger.heads import Heads
from correctless.ledger.ledger import Ledger
from correctless.ledger.log_file import Missing, opened
from correctless.ledger.record import decode
from correctless.syntax.finding import Finding
from correctless.syntax.strict_json import RecordError

TYPE_CHECKING = False  # typing costs 4 ms to import
# Modules that only the log of a run needs are imported where they are used: an append is on a hot path.
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from correctless.project.git import Repo
    from correctless.project.paths import Logs
    from correctless.runlog.branch import LostLog

TRAILER = "Correctless-Log"
_TRAILER = re.compile(r"([0-9]{1,18}):([0-9a-f]{64})")
_RUN_LOG = "run log entry "
_OTHER = (
    f"see who changed it; where it can't be put back: correctless decisions repair --log FILE. {heads.NEW}"
)


def refuse_disproved(logs: Logs, repo: Repo | None, env: Mapping[str, str]) -> None:
    """Refuse a decisions log that an anchor disproves, or that is missing.

    Every command calls this before it trusts the log or appends to it. The commits of `repo` count only for runs
    in the run log: without one, or in a fresh clone, they may belong to logs of other machines.

    Raises: Stop(3).
    """
    _refuse(beside(logs, env))
    began = os.path.lexists(logs.run)
    try:
        report = verify(logs, repo if began else None, env)
    except Missing:
        known = max(
            (*of_events(entries_of(logs.run, logs)), *Heads(logs.decisions, env).anchors()),
            key=by_seq,
            default=None,
        )
        if known is None:
            return  # no anchor notes a log
        raise Stop(
            exits.REFUSED,
            f"{logs.decisions} is missing although {known.where} noted {known.seq} entries of it. put it back, or start a new one with: "
            f"correctless decisions repair. {heads.NEW}",
        ) from None
    if not report.intact:
        first = next(f for f in report.findings if f.severity == "error")
        raise Stop(
            exits.REFUSED,
            f"{first.path}:{first.line}: {first.message}. see all of it with: correctless decisions verify",
        )


def refuse_disproved_run(logs: Logs, env: Mapping[str, str]) -> None:
    """Refuse a run log that its private copy disproves.

    Raises: Stop(3).
    """
    _refuse(_beside(logs.run, logs, env))


def _refuse(findings: Iterable[Finding]) -> None:
    for finding in findings:
        if finding.severity == "error":
            raise Stop(exits.REFUSED, f"{finding.path}:{finding.line}: {finding.message}. {_OTHER}")


def verify(
    logs: Logs, repo: Repo | None, env: Mapping[str, str], more: Iterable[Anchor] = (), *, at: str = "HEAD"
) -> LogReport:
    """Check the decisions log against its chain and every anchor.

    Anchors are the notes in the commits of `at` (none with `repo` None), the run log, the private copy of the
    heads, `more`, and your confirmations. Those of a log that `repair` set aside since are warnings.

    Raises: Stop(3) when the decisions log or the run log cannot be read.
    """
    events = entries_of(logs.run, logs)
    declarations = tuple(_declared_new(logs.decisions, env))
    faults: list[Finding] = []
    anchors = [*of_events(events), *more]
    if repo is not None:
        runs = {run for e in events if isinstance(run := e.fields.get("run"), str)}
        # In a workspace declared new, a branch without a run log may have commits whose logs are elsewhere.
        severity = "error" if runs or not declarations else "warning"
        for commit, trailer in _trailers(repo, at, runs):
            match = _TRAILER.fullmatch(trailer)
            if match is None:
                what = f"commit {commit} has an invalid trailer {TRAILER}: it must be an entry and a head. rewrite that commit"
                faults.append(Finding(logs.decisions, 1, 1, "log-anchor", what))
            else:
                anchors.append(Anchor(int(match[1]), match[2], f"commit {commit}", severity))
    before = _before(logs)
    if before is not None:
        anchors = [replace(a, severity="warning") if _about(a, before, events) else a for a in anchors]
    report = check.verify(logs.decisions, anchors, heads=Heads(logs.decisions, env).anchors(), root=logs.root)
    confirmed = _unlike_confirmed(logs, events, before) if report.intact else ()
    return replace(report, findings=(*faults, *report.findings, *confirmed, *declarations))


def beside(logs: Logs, env: Mapping[str, str]) -> Iterator[Finding]:
    """Yield what the private copies disprove of a branch's run log and confirmations."""
    yield from _beside(logs.run, logs, env)
    yield from _beside(logs.confirmations, logs, env)
    if os.path.lexists(logs.confirmations):
        known = Heads(logs.confirmations, env).acknowledged()
        for each in Ledger(logs.confirmations, root=logs.root).entries():
            if not known(each):
                what = "no command of correctless wrote this entry: a yes in it counts for nothing"
                yield Finding(logs.confirmations, each.seq, 1, "log-anchor", what, "warning")


def _beside(path: str, logs: Logs, env: Mapping[str, str]) -> Iterator[Finding]:
    copy = Heads(path, env)
    if path == logs.decisions:
        return
    if os.path.lexists(path):
        yield from check.verify(path, heads=copy.anchors(), root=logs.root).findings
    elif entries := max((anchor.seq for anchor in copy.anchors()), default=0):
        what = f"it is missing although {heads.WHERE} noted {entries} entries of it"
        yield Finding(path, 1, 1, "log-anchor", what)


def _declared_new(log: str, env: Mapping[str, str]) -> Iterator[Finding]:
    """Yield each declaration that this workspace is new: it voids all earlier notes."""
    for each in workspaces.declarations(log, env):
        what = (
            f"{each.by} declared at {each.timestamp} ({each.channel}) that this workspace is new: "
            f"the earlier notes of {len(each.noted)} logs are set aside"
        )
        yield Finding(log, 1, 1, "log-anchor", what, "warning")


def _before(logs: Logs) -> LostLog | None:
    """Return what the decisions log says about its predecessor."""
    with opened(logs.decisions, logs.root, write=False) as file, file.stream() as stream:
        line = stream.readline()
    if b'"lost_seq"' not in line:
        return None
    from correctless.runlog.branch import lost_log

    try:
        return lost_log(decode(line.removesuffix(b"\n")))
    except RecordError:
        return None


def _about(anchor: Anchor, before: LostLog, events: tuple[Entry, ...]) -> bool:
    """Return whether an anchor may refer to the lost log."""
    if anchor.seq > before.seq:
        return False
    number = anchor.where.removeprefix(_RUN_LOG)
    # A commit's date proves nothing.
    return not number.isdigit() or before.concerns(
        int(number), str(events[int(number) - 1].fields.get("timestamp"))
    )


def _unlike_confirmed(logs: Logs, events: tuple[Entry, ...], before: LostLog | None) -> Iterator[Finding]:
    """Yield each closing of the gate whose digest the log's lines no longer give.

    That digest is the one you confirm.
    """
    if not events:
        return
    from correctless.review import coverage
    from correctless.runlog.branch import typed
    from correctless.runlog.events import GateClosed, logged

    closings = [
        (e, digests)
        for e in events
        if e.fields.get("event") == GateClosed.event
        and not (before is not None and before.concerns(e.seq, str(e.fields.get("timestamp"))))
        and isinstance(digests := typed(logs.run, e, logged).event, GateClosed)
        and digests.entries
    ]
    wanted = {seq for _, digests in closings for seq in digests.entries}
    if not wanted:
        return
    lines = {e.seq: e.line for e in Ledger(logs.decisions, root=logs.root).entries() if e.seq in wanted}
    for event, digests in closings:
        if coverage.digest_of_closing(digests, lines) != digests.digest:
            named = ", ".join(map(str, digests.entries))
            what = f"{_RUN_LOG}{event.seq} closed the gate over entries {named}, and those lines are not the ones that were shown"
            yield Finding(logs.decisions, digests.entries[0], 1, "log-anchor", what)


def by_seq(anchor: Anchor) -> int:
    """Return an anchor's sort key: its entry's number."""
    return anchor.seq


def of_events(events: tuple[Entry, ...]) -> Iterator[Anchor]:
    """Yield the anchors that a run log holds of the decisions log."""
    for event in events:
        seq, head = event.fields.get("log_seq"), event.fields.get("log_head")
        if type(seq) is int and isinstance(head, str):
            yield Anchor(seq, head, f"{_RUN_LOG}{event.seq}")


def entries_of(path: str, logs: Logs) -> tuple[Entry, ...]:
    """Return every entry of one of a branch's logs; none where the log is missing."""
    return Ledger(path, root=logs.root).read() if os.path.lexists(path) else ()


def _trailers(repo: Repo, at: str, runs: set[str]) -> Iterator[tuple[str, str]]:
    """Yield short commit and trailer of this branch's runs; without a run log, of the branch itself.

    A branch may also contain commits of other branches' runs, which have their own logs.
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
    for commit, run, value in (line.split("\x1e", 2) for line in out.split("\0") if line.count("\x1e") >= 2):
        if not runs or runs.intersection(run.split("\x1f")):
            yield from ((commit, each) for each in value.split("\x1f") if each)
