"""Collection of the evidence about a recorded run, without writing anything."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import cast

import jsonlines

from correctless.audit.evidence import TRAILERS, Git, RunCommit, RunEvidence
from correctless.base import exits
from correctless.base.clock import utcnow
from correctless.base.exits import Stop
from correctless.base.files import open_plain
from correctless.decisions.decision import Confirmation, Decision
from correctless.ledger import chain, check
from correctless.ledger.chain import EMPTY, Entry
from correctless.ledger.check import Anchor, LogReport
from correctless.ledger.heads import Heads
from correctless.ledger.ledger import Ledger
from correctless.ledger.log_file import Damaged, Missing
from correctless.project.git import Repo
from correctless.project.git.objectid import OID
from correctless.project.lock import is_branch_locked
from correctless.project.paths import Logs, all_logs
from correctless.publish import noted_heads
from correctless.review import anchors, coverage, gate, standing
from correctless.review.gate import GateState
from correctless.review.standing import Standing
from correctless.runlog.branch import Branch, RecordedDecision, confirmed_ahead, lost_log, typed_events
from correctless.runlog.events import (
    AgentEnded,
    Asking,
    Consolidated,
    Event,
    GateClosed,
    GateOpened,
    LoggedEvent,
    Merged,
    Published,
    RunStarted,
    StepFinished,
)
from correctless.runlog.fold import OutOfOrderError, after
from correctless.runlog.plan import Plan
from correctless.runlog.state import State
from correctless.syntax.strict_json import RecordError

# Replacements of a commit or of its parents, which a repository may define, prove nothing.
_PLAIN = {"GIT_NO_REPLACE_OBJECTS": "1", "GIT_GRAFT_FILE": os.devnull}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}\Z")


def choose(repo: Repo, own_logs: Logs, wanted: str | None) -> tuple[Logs, str]:
    """Return the logs and the id of the run to audit.

    `wanted` is the beginning of its id, among all branches; None means the newest run of this branch.

    Raises: Stop(3) when no run is found, Stop(2) when several are.
    """
    if wanted is None:
        runs = _runs(own_logs)
        if not runs:
            raise Stop(exits.REFUSED, "no run found on this branch. name one of another branch by its id")
        return own_logs, runs[-1]
    runs_by_prefix: list[tuple[Logs, str]] = []
    unread = ""
    for logs in all_logs(repo):
        try:
            runs_by_prefix += [(logs, run) for run in _runs(logs) if run.startswith(wanted)]
        except Stop as stop:
            unread = unread or stop.message
    exact = [each for each in runs_by_prefix if each[1] == wanted] or runs_by_prefix
    if len(exact) == 1:
        return exact[0]
    if not exact:
        why = f", and one log could not be read: {unread}" if unread else ""
        message = f"no recorded run begins with '{wanted}'{why}. see correctless cauto status --all"
        raise Stop(exits.REFUSED, message)
    named = ", ".join(run for _, run in exact[:4])
    raise Stop(exits.USAGE, f"'{wanted}' begins {len(exact)} runs: {named}. write more of it")


def gather(
    repo: Repo,
    logs: Logs,
    run: str,
    env: Mapping[str, str],
    *,
    offline: bool,
    loaded: tuple[Branch, GateState] | Stop | None = None,
) -> RunEvidence:
    """Return all evidence about one run of a branch.

    `loaded` is what `gate.load` gave or raised, where it was called already.

    Raises: Stop(3) when the run log cannot be read at all.
    """
    events, fault = _events(logs)
    own = _own(events, run)
    own_events = tuple(item.event for item in own.values())
    plan = next(event.plan for event in own_events if isinstance(event, RunStarted))
    state, unordered = _fold(own, run)
    runs = [*dict.fromkeys(item.run for item in reversed(events))]
    heads, request_fault = _request_heads(own_events, runs, env, offline=offline)
    permit, permit_fault = _permit(repo, own_events, env)
    entries, unread = entries_of(logs.decisions, logs.root)
    report, log_fault, missing = _report(repo, logs, env, heads.get("decisions"), plan)
    # `_events` reports any error of the file itself: a broken chain ends the reading.
    findings = check.verify(logs.run, heads.get("run", ()), root=logs.root).findings
    differs = next((finding.message for finding in findings if finding.severity == "error"), "")
    confirmations, confirmations_fault = _confirmations(logs)
    branch = replace(_branch(entries, events, confirmations), ahead=confirmed_ahead(logs))
    before = lost_log(entries[0].fields) if entries else None
    lines = {entry.seq: entry.line for entry in entries}
    line_digests = {
        seq: digests
        for seq, item in own.items()
        if (digests := _line_digests(item.event, lines))
        and not (before is not None and before.concerns(seq, item.timestamp))
    }
    return RunEvidence(
        run=run,
        plan=plan,
        events=own,
        state=state,
        standing=_standing(repo, logs, state, loaded),
        fault=fault or differs or unordered,
        entries=tuple(each for each in branch.decisions if each.decision.run == run),
        log=report,
        log_fault=log_fault or unread,
        missing=missing,
        lost=before,
        confirmations=confirmations,
        confirmations_fault=confirmations_fault,
        question_digests=frozenset(digest for item in events for digest in _digests(item.event)),
        line_digests=line_digests,
        uncovered={
            seq: _uncovered(branch, seq, item.event.log_seq)
            for seq, item in own.items()
            if isinstance(item.event, GateOpened)
        },
        git=_git(repo, plan, run, own_events),
        answers=dict(_answers(logs, run, own_events)),
        request_fault=request_fault,
        offline=offline,
        permit=permit,
        permit_fault=permit_fault,
    )


def _runs(logs: Logs) -> list[str]:
    if not os.path.lexists(logs.run):
        return []
    events, _ = _events(logs)
    return [item.run for item in events if isinstance(item.event, RunStarted)]


def _events(logs: Logs) -> tuple[tuple[LoggedEvent, ...], str]:
    """Return the events up to the first damage, and what that is."""
    events: list[LoggedEvent] = []
    try:
        for item in typed_events(logs):
            events.append(item)  # noqa: PERF402 the events before the damage count
    except Damaged as damaged:
        if not events:
            raise
        return tuple(events), damaged.message.partition(". look at it with")[0]
    return tuple(events), ""


def _own(events: Sequence[LoggedEvent], run: str) -> dict[int, LoggedEvent]:
    """Return the events from a run's start up to the next one's, by entry number."""
    starts = [n for n, item in enumerate(events, 1) if isinstance(item.event, RunStarted)]
    first = [n for n in starts if events[n - 1].run == run][-1]
    end = next((n for n in starts if n > first), len(events) + 1)
    return {n: events[n - 1] for n in range(first, end)}


def _fold(own: Mapping[int, LoggedEvent], run: str) -> tuple[State, str]:
    """Return the state as far as the events follow each other, and where they do not."""
    state = State()
    for seq, item in own.items():
        try:
            state = after(state, replace(item, run=run))
        except OutOfOrderError as error:
            return state, f"entry {seq} can't follow what is before it: {error}"
    return state, ""


def _request_heads(
    events: Iterable[Event], runs: Sequence[str], env: Mapping[str, str], *, offline: bool
) -> tuple[dict[str, tuple[Anchor, ...]], str]:
    """Return the head of each log that the pull request's body notes, and why it could not be read."""
    urls = [event.url for event in events if isinstance(event, Published) and event.how == "gh"]
    if offline or not urls:
        return {}, ""
    try:
        heads = noted_heads.of_pull_request(runs, urls[-1], env)
    except Stop as stop:
        return {}, stop.message
    return {name: (anchor,) for name, anchor in heads.items()}, ""


def _permit(repo: Repo, events: Iterable[Event], env: Mapping[str, str]) -> tuple[str, str]:
    """Return the permit used for the run's merge, and why the ledger cannot be read."""
    merges = [event for event in events if isinstance(event, Merged)]
    if not merges:
        return "", ""
    from correctless.runcontract.ledger import store  # few runs have one
    from correctless.runcontract.ledger.actions import Action

    merged = merges[-1]
    try:
        snapshot = store.load(store.files_of(repo.home, merged.contract), env, utcnow())
    except Stop as stop:
        return "", stop.message
    if broken := [fault.found for fault in snapshot.case.faults if fault.code == "ledger"]:
        return "", f"the ledger of the contract {merged.contract}: {broken[0]}"
    exactly = Action("merge", str(merged.number), head=merged.head)
    used = [
        id_
        for id_, status in snapshot.case.state.permits.items()
        if status.consumed and Action.of(status.permit.action) == exactly
    ]
    return used[-1] if used else "", ""


def entries_of(path: str, root: str | None = None) -> tuple[tuple[Entry, ...], str]:
    """Return each line of a decisions log that is a valid entry by itself.

    The second value says why the log could not be read, "" when it could.
    """
    try:
        # jsonlines removes a byte-order mark from a line: a line with one is not ours.
        lines = (each for each in check.lines(path, root) if each.startswith(b"{"))
        with jsonlines.Reader(lines, loads=lambda text: chain.entry(bytes(text, "utf-8"))) as reader:  # type: ignore[arg-type]  # always text
            return tuple(cast("Iterator[Entry]", reader.iter(skip_invalid=True))), ""
    except Stop as stop:
        return (), stop.message


def _report(
    repo: Repo, logs: Logs, env: Mapping[str, str], more: Iterable[Anchor] | None, plan: Plan
) -> tuple[LogReport | None, str, bool]:
    at = f"refs/heads/{plan.branch}"
    try:
        return anchors.verify(logs, repo, env, more or (), at=at if repo.commit(at) else "HEAD"), "", False
    except Missing:
        return None, f"{logs.decisions} is missing although a run began it", True
    except Damaged:
        # The run log is damaged, as its own claim states. The chain of the decisions log can still be checked.
        why = "its chain is intact, but can't be compared with its anchors: the run log is damaged"
        return check.verify(logs.decisions, more or (), root=logs.root), why, False
    except Stop as stop:
        return None, stop.message, False


def _confirmations(logs: Logs) -> tuple[tuple[Confirmation, ...], str]:
    confirmations: list[Confirmation] = []
    try:
        if os.path.lexists(logs.confirmations):
            known = Heads(logs.confirmations, os.environ).acknowledged()
            for entry in Ledger(logs.confirmations, root=logs.root).entries():
                confirmation = Confirmation.of(entry.fields)
                if confirmation.kind != "rejected" and not known(entry):
                    what = f"entry {entry.seq} was written by no command of correctless, so it counts for nothing"
                    return tuple(confirmations), f"{logs.confirmations}: {what}"
                confirmations.append(confirmation)
    except Stop as stop:
        return tuple(confirmations), stop.message.partition(". look at it with")[0]
    except RecordError as error:
        return tuple(confirmations), f"{logs.confirmations} has a line that is not a confirmation: {error}"
    return tuple(confirmations), ""


def _standing(
    repo: Repo, logs: Logs, state: State, loaded: tuple[Branch, GateState] | Stop | None
) -> Standing:
    living = is_branch_locked(state.branch, repo.worktrees())
    now = None
    with suppress(Stop):  # then an answer since the run stopped is unknown
        if isinstance(loaded, Stop):
            raise loaded
        branch, now = loaded or gate.load(logs)
        if branch.events[-1].run != state.run:  # the gate is that of a later run
            now = None
    return standing.of(state, now, living=living)


def _branch(
    entries: Iterable[Entry], events: tuple[LoggedEvent, ...], confirmations: tuple[Confirmation, ...]
) -> Branch:
    decisions: list[RecordedDecision] = []
    for entry in entries:
        with suppress(RecordError):  # then the log's own claim is contradicted
            decisions.append(RecordedDecision(Decision.of(entry.fields), entry.seq, entry.line))
    return Branch(tuple(decisions), events, confirmations, EMPTY, EMPTY)


def _uncovered(branch: Branch, opened: int, log_seq: int) -> tuple[int, ...]:
    """Return the entries that were uncovered when the gate opened at entry `opened`."""
    decisions = tuple(each for each in branch.decisions if each.seq <= log_seq)
    then = replace(branch, decisions=decisions, events=branch.events[:opened])
    return tuple(each.seq for each in gate.evaluate(then).waiting)


def _digests(event: Event) -> tuple[str, ...]:
    if isinstance(event, GateClosed):
        return (event.digest,)
    return event.digests if isinstance(event, Asking) else ()


def _line_digests(event: Event, lines: Mapping[int, bytes]) -> tuple[str, ...]:
    """Return the digests of what an event asks you, computed from the present lines."""
    if isinstance(event, GateClosed):
        return (coverage.digest_of_closing(event, lines),)
    if isinstance(event, Asking):
        return tuple(gate.digest(event.challenge, [lines.get(seq, b"")]) for seq in event.entries)
    return ()


def _answers(logs: Logs, run: str, events: Iterable[Event]) -> Iterator[tuple[tuple[str, int], str]]:
    for event in events:
        if isinstance(event, AgentEnded) and _NAME.match(event.step) and _NAME.match(run):
            path = os.path.join(logs.folder(run), f"{event.step}-{event.attempt}", "answer.md")
            with suppress(OSError), open(open_plain(path), "rb") as file:
                yield (event.step, event.attempt), hashlib.file_digest(file, "sha256").hexdigest()


def _git(repo: Repo, plan: Plan, run: str, events: Sequence[Event]) -> Git:
    try:
        if not _present(repo, [plan.base]):
            return _unread(f"this clone has no commit {plan.base[:12]}, where the run began")
        where, head = _holder(repo, plan, events)
        squash_commit = (
            repo.commit(f"refs/correctless/kept/{run}/squashed", env=_PLAIN) if _NAME.match(run) else None
        )
        spec = repo.file_at(plan.base, plan.spec, env=_PLAIN)
        finished = [event for event in events if isinstance(event, StepFinished)]
        named = {event.commit for event in events if isinstance(event, StepFinished | Consolidated)}
        reports = {
            (event.commit, step.report)
            for event in finished
            if (step := plan.step(event.step)) is not None and step.report is not None
        }
        return Git(
            where=where,
            branch=_since(repo, plan.base, head),
            squashed=_since(repo, plan.base, squash_commit),
            present=_present(repo, named),
            # git may have changed the line ends of the file that you approved
            spec=tuple(_sha256(data) for data in (spec, spec.replace(b"\n", b"\r\n"))) if spec else (),
            reports={each: _holds(repo, *each) for each in reports},
        )
    except Stop as stop:
        return _unread(stop.message)


def _unread(why: str) -> Git:
    return Git(None, {}, {}, frozenset(), (), {}, why)


def _holder(repo: Repo, plan: Plan, events: Sequence[Event]) -> tuple[str | None, str | None]:
    """Return the run's branch and its commit; after a merge, another ref that has the run's last commit."""
    head = repo.commit(f"refs/heads/{plan.branch}", env=_PLAIN)
    if head is not None:
        return plan.branch, head
    commits = [event.commit for event in events if isinstance(event, StepFinished | Consolidated)]
    if not _present(repo, commits[-1:]):
        return None, None
    out = repo.git("for-each-ref", "--format=%(refname)", f"--contains={commits[-1]}", env=_PLAIN)
    others = [ref for ref in out.splitlines() if not ref.startswith("refs/correctless/")]
    return (others[0], repo.commit(others[0], env=_PLAIN)) if others else (None, None)


def _since(repo: Repo, base: str, tip: str | None) -> dict[str, RunCommit]:
    """Return every commit of `tip` that `base` lacks, the newest first."""
    if tip is None:
        return {}
    keys = "%x1f".join(f"%(trailers:key={key},valueonly,unfold,separator=%x1e)" for key in TRAILERS)
    out = repo.git("log", "-z", f"--format=%H%x1f%P%x1f{keys}", tip, "--not", base, "--", env=_PLAIN)
    commits = {}
    for entry in filter(None, out.split("\0")):
        oid, parents, *values = entry.split("\x1f")
        pairs = zip(TRAILERS, values, strict=False)
        trailers = {key: value.rpartition("\x1e")[2] for key, value in pairs if value}
        commits[oid] = RunCommit(tuple(parents.split()), trailers)
    return commits


def _present(repo: Repo, oids: Iterable[str]) -> frozenset[str]:
    wanted = "".join(f"{oid}\n" for oid in oids if OID.match(oid))
    if not wanted:
        return frozenset()
    out = repo.git("cat-file", "--batch-check=%(objectname) %(objecttype)", stdin=wanted, env=_PLAIN)
    return frozenset(line.partition(" ")[0] for line in out.splitlines() if line.endswith(" commit"))


def _holds(repo: Repo, commit: str, path: str) -> bool:
    if not OID.match(commit):
        return False
    done = repo.try_git("cat-file", "-s", f"{commit}:{path}", env=_PLAIN)
    return done.returncode == 0 and done.stdout.strip() not in ("", "0")


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
