"""Verdict on a run: its logs, each step, and how it ended."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from correctless.audit.claims import Claim, Verdict
from correctless.audit.evidence import RUN, STEP, RunEvidence, line
from correctless.audit.steps import commit_claim, of_step
from correctless.runlog.events import (
    Completed,
    Consolidated,
    GateClosed,
    GateOpened,
    Merged,
    Published,
    PublishIntended,
    Rerun,
    Rewound,
    RunStarted,
    StepFinished,
    StepStarted,
)
from correctless.runlog.manifest import status

T = TypeVar("T")

_CONSOLIDATION = "consolidation#1"
_VERIFY = "look at it with: correctless decisions verify"
_PEOPLE = "see who wrote the confirmations log, and read the decisions again: correctless review"
_MOST = 5  # numbers that are named before they are only counted


def audit(given: RunEvidence) -> tuple[Claim, ...]:
    """Return every claim in the order a run makes them."""
    return tuple(_claims(given))


def _claims(given: RunEvidence) -> Iterator[Claim]:
    yield _run_log(given)
    yield _spec(given)
    yield _decisions_log(given)
    if given.confirmations or given.confirmations_fault:
        yield _confirmations(given)
    for step in given.plan.steps:
        yield from of_step(given, step)
    yield _consolidation(given)
    for seq, closing in given.all_of(GateClosed):
        if closing.entries:
            yield _closing(given, seq, closing)
    yield from _gate(given)
    yield _publishing(given)
    yield from _request(given)
    if given.plan.merge:
        yield _merge(given)
    yield _end(given)


def _lacking(given: RunEvidence, about: str, what: str, finding: str) -> Claim:
    if given.over:
        return Claim(about, what, "not proven", finding, fix="restore the run log from a copy")
    return Claim(about, what, "not yet", finding)


def _run_log(given: RunEvidence) -> Claim:
    """Compare the run log with commits and decisions, which show a tail that was cut off."""
    numbers = tuple(decision.seq for decision in given.events)
    span = (numbers[0], numbers[-1])
    fix = "restore the run log from a copy; it proves nothing after its end"
    if given.fault:
        return Claim("run", "run log", "contradicted", line(given.fault), span, fix=fix)
    begun = {(event.step, event.attempt) for _, event in given.all_of(StepStarted)}
    for entry in given.entries:
        decision = entry.decision
        if decision.step is not None and (decision.step, decision.attempt) not in begun:
            what = f"entry {entry.seq} of the decisions log is of {line(decision.step)}#{decision.attempt}, which never began here"
            return Claim("run", "run log", "contradicted", what, span, fix=fix)
    known = {f"{event.step}#{event.attempt}" for _, event in given.all_of(StepFinished)}
    if given.last(Consolidated):
        known.add(_CONSOLIDATION)
    state = given.state
    if state.phase == "checked" and state.step is not None:
        known.add(f"{state.step.name}#{state.attempt}")  # committed, and died before it was recorded
    if state.phase == "steps_done":
        known.add(_CONSOLIDATION)
    for oid, commit in given.git.branch.items():
        label = commit.trailers.get(STEP, "")
        if commit.trailers.get(RUN) == given.run and label not in known:
            what = (
                f"commit {oid[:12]} says that {line(label) or 'no step'} made it, which never finished here"
            )
            return Claim("run", "run log", "contradicted", what, span, oid, fix)
    return Claim("run", "run log", "proven", f"entries {span[0]} to {span[1]}; commits and decisions name nothing that is missing in it", span)  # fmt: skip


def _spec(given: RunEvidence) -> Claim:
    found = given.last(RunStarted)
    assert found is not None
    seq, started = found
    plan = given.plan
    who, where = f"{line(started.approved_by)} ({line(started.approved_channel)})", line(plan.spec)
    fix = "read the spec, and start a run that you approve"

    def claim(verdict: Verdict, finding: str) -> Claim:
        return Claim("run", "spec", verdict, finding, (seq,), plan.base, "" if verdict == "proven" else fix)

    approvals = [c for c in given.confirmations if c.kind == "spec" and c.digest == plan.spec_sha256]
    if not any((c.by, c.channel) == (started.approved_by, started.approved_channel) for c in approvals):
        others = f", only of {line(approvals[-1].by)} ({line(approvals[-1].channel)})" if approvals else ""
        return claim("contradicted", f"no approval by {who} of these bytes is recorded{others}")
    if given.git.fault:
        return claim("unchecked", given.git.fault)
    if not given.git.spec:
        return claim("not proven", f"approved by {who}, but {plan.base[:12]} has no {where}")
    if plan.spec_sha256 not in given.git.spec:
        return claim("contradicted", f"{where} at {plan.base[:12]} is not what {who} approved")
    return claim("proven", f"{where} at {plan.base[:12]} is what {who} approved")


def _decisions_log(given: RunEvidence) -> Claim:
    if given.log is None:
        verdict: Verdict = "contradicted" if given.missing else "unchecked"
        return Claim("run", "decisions log", verdict, line(given.log_fault), fix=_VERIFY)
    errors = [finding for finding in given.log.findings if finding.severity == "error"]
    if errors:
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        what = f"entry {errors[0].line}: {line(errors[0].message)}{more}"
        return Claim("run", "decisions log", "contradicted", what, fix=_VERIFY)
    if given.log_fault:
        return Claim("run", "decisions log", "not proven", line(given.log_fault), fix=_VERIFY)
    number = "1 entry" if given.log.entries == 1 else f"{given.log.entries} entries"
    what = f"{number}, head {given.log.head.sha256[:12]}, as noted in commits, run log and private copy"
    return Claim("run", "decisions log", "proven", what)


def _confirmations(given: RunEvidence) -> Claim:
    if given.confirmations_fault:
        return Claim("run", "confirmations", "contradicted", line(given.confirmations_fault), fix=_PEOPLE)
    for confirmation in given.confirmations:
        if confirmation.kind != "spec" and confirmation.digest not in given.asked:
            what = f"{line(confirmation.by)} ({line(confirmation.channel)}) answered {confirmation.digest[:8]}, which was never asked on this branch"
            return Claim("run", "confirmations", "contradicted", what, fix=_PEOPLE)
    answers = sum(confirmation.kind != "spec" for confirmation in given.confirmations)
    what = f"{len(given.confirmations)} recorded, of which {answers} answer what was asked"
    return Claim("run", "confirmations", "proven", what)


def _consolidation(given: RunEvidence) -> Claim:
    found = given.last(Consolidated)
    if found is None or given.state.consolidated is None:
        return _lacking(given, "consolidation", "commit", "the run log has none")
    steps = [item for item in given.state.finished if isinstance(item, StepFinished)]
    after = given.plan.base if given.plan.squash or not steps else steps[-1].commit
    claim = commit_claim(given, _CONSOLIDATION, found[1].commit, events=(found[0],), after=after)
    return Claim(
        "consolidation", claim.what, claim.verdict, claim.said, claim.events, claim.commit, claim.fix
    )


def _closing(given: RunEvidence, seq: int, closing: GateClosed) -> Claim:
    named = _numbers(closing.entries)
    shown = given.shown.get(seq)
    if shown is None:
        what = f"entries {named} were in a log that decisions repair set aside"
        return Claim("gate", "closed", "not proven", what, (seq,), fix=_VERIFY)
    if shown != (closing.digest,):
        what = f"the lines of entries {named} are not those of digest {closing.digest[:8]}"
        return Claim("gate", "closed", "contradicted", what, (seq,), fix=_VERIFY)
    return Claim("gate", "closed", "proven", f"over entries {named}, digest {closing.digest[:8]}", (seq,))


def _gate(given: RunEvidence) -> Iterator[Claim]:
    found = given.last(GateOpened)
    if found is None or given.state.opened is None:
        waits = given.state.phase == "closed"
        what = "needs your answer: correctless review" if waits else "the run log does not say that it opened"
        yield _lacking(given, "gate", "open", what)
        return
    seq, opened = found
    if opened.digest is not None:
        yield _confirmed(given, seq, opened)
    uncovered = given.uncovered.get(seq, ())
    if uncovered:
        what = f"no valid confirmation covered entries {_numbers(uncovered)} when it opened"
        yield Claim("gate", "open", "contradicted", what, (seq,), fix=_PEOPLE)
    else:
        yield Claim("gate", "open", "proven", "every deferred decision before it is covered", (seq,))


def _confirmed(given: RunEvidence, seq: int, opened: GateOpened) -> Claim:
    who = f"{line(opened.by)} ({line(opened.channel)})"
    confirmations = [
        c for c in given.confirmations if c.digest == opened.digest and c.kind in ("escalations", "answer")
    ]
    if any((c.by, c.channel) == (opened.by, opened.channel) for c in confirmations):
        return Claim("gate", "confirmed", "proven", f"{who} confirmed {str(opened.digest)[:8]}", (seq,))
    others = (
        f", only by {line(confirmations[-1].by)} ({line(confirmations[-1].channel)})" if confirmations else ""
    )
    what = f"no confirmation of {str(opened.digest)[:8]} by {who} is recorded{others}"
    return Claim("gate", "confirmed", "contradicted", what, (seq,), fix=_PEOPLE)


def _publishing(given: RunEvidence) -> Claim:
    found = _since_rerun(given, PublishIntended)
    if found is None:
        return _lacking(given, "publish", "intent", "the run log has none")
    seq, intended = found
    kinds = (RunStarted, Rerun, Rewound, Consolidated, GateClosed, GateOpened)
    before = [logged for logged in given.events if logged.seq < seq and isinstance(logged.event, kinds)]
    fix = f"do not merge before you have read the decisions of {given.plan.branch}"
    if not before or not isinstance(before[-1].event, GateOpened):
        return Claim(
            "publish", "intent", "contradicted", "the gate was not open then", (seq,), intended.commit, fix
        )
    consolidated = given.state.consolidated
    if intended.commit != consolidated:
        what = f"{intended.commit[:12]} was to be published, the run made {(consolidated or 'none')[:12]}"
        return Claim("publish", "intent", "contradicted", what, (seq,), intended.commit, fix)
    what = f"{intended.commit[:12]}, with the gate open"
    return Claim("publish", "intent", "proven", what, (before[-1].seq, seq), intended.commit)


def _since_rerun(given: RunEvidence, kind: type[T]) -> tuple[int, T] | None:
    """The last event of a kind, unless a step was to run again after it."""
    found, again = given.last(kind), given.last(Rerun)
    return found if found is not None and (again is None or again[0] < found[0]) else None


def _request(given: RunEvidence) -> Iterator[Claim]:
    found = _since_rerun(given, Published)
    if found is None:
        yield _lacking(given, "publish", "request", "the run log has no outcome")
        return
    seq, publication = found
    intended = given.last(PublishIntended)
    if intended is None or intended[0] > seq:
        what = "the run log has no intent before it"
        yield Claim("publish", "request", "contradicted", what, (seq,), fix="see who opened it")
    elif publication.how == "skip":
        yield Claim("publish", "request", "proven", "none was to be opened", (seq,))
    elif given.request_fault:
        fix = "fix that, or skip it with --offline"
        yield Claim("publish", "request", "unchecked", line(given.request_fault), (seq,), fix=fix)
    else:
        asked = publication.how == "gh" and not given.offline
        more = ", and its body has this run's section" if asked else "; not checked on the host"
        yield Claim("publish", "request", "proven", f"{line(publication.url)}{more}", (seq,))


def _merge(given: RunEvidence) -> Claim:
    found = given.last(Merged)
    if found is None:
        return _lacking(given, "publish", "merge", "the run log has no merge")
    seq, merged = found
    what = f"pull request {merged.number} as {line(merged.commit[:12])}"
    if given.permit_fault:
        fix = "fix that, then retry"
        return Claim("publish", "merge", "unchecked", line(given.permit_fault), (seq,), fix=fix)
    if not given.permit:
        none = f"{what}; no permit of the contract {line(merged.contract)} was used for it"
        return Claim(
            "publish", "merge", "not proven", none, (seq,), merged.head, "see on the host who merged it"
        )
    by = f"{what}, by permit {line(given.permit)} of the contract {line(merged.contract)}"
    return Claim("publish", "merge", "proven", by, (seq,), merged.head)


def _end(given: RunEvidence) -> Claim:
    found = given.last(Completed)
    if found is None or not given.over:
        why = given.state.stopped.reason if given.state.stopped else ""
        what = status(given.state) + (f": {line(why)}" if why else "")
        return Claim("run", "end", "not yet", what)
    return Claim("run", "end", "proven", "complete", (found[0],))


def _numbers(seqs: tuple[int, ...]) -> str:
    more = f" and {len(seqs) - _MOST} more" if len(seqs) > _MOST else ""
    return ", ".join(map(str, seqs[:_MOST])) + more
