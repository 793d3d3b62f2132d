"""Verdict on a run: its logs, each step, and how it ended."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TypeVar

from correctless.audit.claims import VERIFY, Claim, Verdict
from correctless.audit.evidence import RUN, STEP, RunEvidence, line, who
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

T = TypeVar("T")

_CONSOLIDATION = "consolidation#1"
_PEOPLE = "see who wrote the confirmations log, and read the decisions again: correctless review"
_MOST = 5  # numbers that are named before they are only counted


def audit(evidence: RunEvidence) -> tuple[Claim, ...]:
    """Return every claim in the order a run makes them."""
    return tuple(_claims(evidence))


def _claims(evidence: RunEvidence) -> Iterator[Claim]:
    yield _run_log(evidence)
    yield _spec(evidence)
    yield _decisions_log(evidence)
    if evidence.confirmations or evidence.confirmations_fault:
        yield _confirmations(evidence)
    for step in evidence.plan.steps:
        yield from of_step(evidence, step)
    yield _consolidation(evidence)
    for seq, closing in evidence.all_of(GateClosed):
        if closing.entries:
            yield _closing(evidence, seq, closing)
    yield from _gate(evidence)
    yield _publishing(evidence)
    yield from _request(evidence)
    if evidence.plan.merge:
        yield _merge(evidence)
    yield _end(evidence)


def _lacking(evidence: RunEvidence, about: str, what: str, finding: str) -> Claim:
    if evidence.over:
        return Claim(about, what, "not proven", finding, fix="restore the run log from a copy")
    return Claim(about, what, "not yet", finding)


def _run_log(evidence: RunEvidence) -> Claim:
    """Compare the run log with commits and decisions, which show a tail that was cut off."""
    numbers = tuple(evidence.events)
    span = (numbers[0], numbers[-1])
    fix = "restore the run log from a copy; it proves nothing after its end"
    if evidence.fault:
        return Claim("run", "run log", "contradicted", line(evidence.fault), span, fix=fix)
    begun = {(event.step, event.attempt) for _, event in evidence.all_of(StepStarted)}
    for entry in evidence.entries:
        decision = entry.decision
        if decision.step is not None and (decision.step, decision.attempt) not in begun:
            what = f"entry {entry.seq} of the decisions log is of {line(decision.step)}#{decision.attempt}, which never began here"
            return Claim("run", "run log", "contradicted", what, span, fix=fix)
    known = {f"{event.step}#{event.attempt}" for _, event in evidence.all_of(StepFinished)}
    if evidence.last(Consolidated):
        known.add(_CONSOLIDATION)
    state = evidence.state
    if state.phase == "checked" and state.step is not None:
        known.add(f"{state.step.name}#{state.attempt}")  # committed, and died before it was recorded
    if state.phase == "steps_done":
        known.add(_CONSOLIDATION)
    for oid, commit in evidence.git.branch.items():
        label = commit.trailers.get(STEP, "")
        if commit.trailers.get(RUN) == evidence.run and label not in known:
            maker = line(label) or "no step"
            what = f"commit {oid[:12]} states that {maker} made it, which never finished here"
            return Claim("run", "run log", "contradicted", what, span, oid, fix)
    what = f"entries {span[0]} to {span[1]}; commits and decisions name nothing that is missing in it"
    return Claim("run", "run log", "proven", what, span)


def _spec(evidence: RunEvidence) -> Claim:
    start = evidence.last(RunStarted)
    assert start is not None
    seq, started = start
    plan = evidence.plan
    approver, where = who(started.approved_by, started.approved_channel), line(plan.spec)
    fix = "read the spec, and start a run that you approve"

    def claim(verdict: Verdict, finding: str) -> Claim:
        return Claim("run", "spec", verdict, finding, (seq,), plan.base, "" if verdict == "proven" else fix)

    approvals = [c for c in evidence.confirmations if c.kind == "spec" and c.digest == plan.spec_sha256]
    if not any((c.by, c.channel) == (started.approved_by, started.approved_channel) for c in approvals):
        others = f", only of {who(approvals[-1].by, approvals[-1].channel)}" if approvals else ""
        return claim("contradicted", f"no approval by {approver} of these bytes is recorded{others}")
    if evidence.git.fault:
        return claim("unchecked", evidence.git.fault)
    if not evidence.git.spec:
        return claim("not proven", f"approved by {approver}, but {plan.base[:12]} has no {where}")
    if plan.spec_sha256 not in evidence.git.spec:
        return claim("contradicted", f"{where} at {plan.base[:12]} is not what {approver} approved")
    return claim("proven", f"{where} at {plan.base[:12]} is what {approver} approved")


def _decisions_log(evidence: RunEvidence) -> Claim:
    if evidence.log is None:
        verdict: Verdict = "contradicted" if evidence.missing else "unchecked"
        return Claim("run", "decisions log", verdict, line(evidence.log_fault), fix=VERIFY)
    errors = [finding for finding in evidence.log.findings if finding.severity == "error"]
    if errors:
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        what = f"entry {errors[0].line}: {line(errors[0].message)}{more}"
        return Claim("run", "decisions log", "contradicted", what, fix=VERIFY)
    if evidence.log_fault:
        return Claim("run", "decisions log", "not proven", line(evidence.log_fault), fix=VERIFY)
    number = "1 entry" if evidence.log.entries == 1 else f"{evidence.log.entries} entries"
    what = f"{number}, head {evidence.log.head.sha256[:12]}, as noted in commits, run log and private copy"
    return Claim("run", "decisions log", "proven", what)


def _confirmations(evidence: RunEvidence) -> Claim:
    if evidence.confirmations_fault:
        return Claim("run", "confirmations", "contradicted", line(evidence.confirmations_fault), fix=_PEOPLE)
    for confirmation in evidence.confirmations:
        if confirmation.kind != "spec" and confirmation.digest not in evidence.question_digests:
            person = who(confirmation.by, confirmation.channel)
            what = f"{person} answered {confirmation.digest[:8]}, which was never asked on this branch"
            return Claim("run", "confirmations", "contradicted", what, fix=_PEOPLE)
    answers = sum(confirmation.kind != "spec" for confirmation in evidence.confirmations)
    what = f"{len(evidence.confirmations)} recorded, of which {answers} answer what was asked"
    return Claim("run", "confirmations", "proven", what)


def _consolidation(evidence: RunEvidence) -> Claim:
    last = evidence.last(Consolidated)
    if last is None or evidence.state.consolidated is None:
        return _lacking(evidence, "consolidation", "commit", "the run log has none")
    steps = [item for item in evidence.state.finished if isinstance(item, StepFinished)]
    after = evidence.plan.base if evidence.plan.squash or not steps else steps[-1].commit
    claim = commit_claim(evidence, _CONSOLIDATION, last[1].commit, events=(last[0],), after=after)
    return replace(claim, about="consolidation")


def _closing(evidence: RunEvidence, seq: int, closing: GateClosed) -> Claim:
    named = _numbers(closing.entries)
    digests = evidence.line_digests.get(seq)
    if digests is None:
        what = f"entries {named} were in a log that decisions repair set aside"
        return Claim("gate", "closed", "not proven", what, (seq,), fix=VERIFY)
    if digests != (closing.digest,):
        what = f"the lines of entries {named} are not those of digest {closing.digest[:8]}"
        return Claim("gate", "closed", "contradicted", what, (seq,), fix=VERIFY)
    return Claim("gate", "closed", "proven", f"over entries {named}, digest {closing.digest[:8]}", (seq,))


def _gate(evidence: RunEvidence) -> Iterator[Claim]:
    last = evidence.last(GateOpened)
    if last is None or evidence.state.opened is None:
        at = evidence.standing
        answered = {
            "waiting": "needs your answer",
            "confirmed": line(f"{at.why}, and the run has not continued since"),
            "rejected": line(at.why),
        }
        closed = evidence.state.phase == "closed" and at.word in answered
        what = f"{answered[at.word]}: {at.next}" if closed else "the run log has no opening of it"
        yield _lacking(evidence, "gate", "open", what)
        return
    seq, opened = last
    if opened.digest is not None:
        yield _confirmed(evidence, seq, opened)
    uncovered = evidence.uncovered.get(seq, ())
    if uncovered:
        what = f"no valid confirmation covered entries {_numbers(uncovered)} when it opened"
        yield Claim("gate", "open", "contradicted", what, (seq,), fix=_PEOPLE)
    else:
        yield Claim("gate", "open", "proven", "every deferred decision before it is covered", (seq,))


def _confirmed(evidence: RunEvidence, seq: int, opened: GateOpened) -> Claim:
    person = who(opened.by, opened.channel)
    kinds = ("escalations", "answer")
    confirmations = [c for c in evidence.confirmations if c.digest == opened.digest and c.kind in kinds]
    if any((c.by, c.channel) == (opened.by, opened.channel) for c in confirmations):
        return Claim("gate", "confirmed", "proven", f"{person} confirmed {str(opened.digest)[:8]}", (seq,))
    others = f", only by {who(confirmations[-1].by, confirmations[-1].channel)}" if confirmations else ""
    what = f"no confirmation of {str(opened.digest)[:8]} by {person} is recorded{others}"
    return Claim("gate", "confirmed", "contradicted", what, (seq,), fix=_PEOPLE)


def _publishing(evidence: RunEvidence) -> Claim:
    last = _since_rerun(evidence, PublishIntended)
    if last is None:
        return _lacking(evidence, "publish", "intent", "the run log has none")
    seq, intended = last
    kinds = (RunStarted, Rerun, Rewound, Consolidated, GateClosed, GateOpened)
    before = [(n, e.event) for n, e in evidence.events.items() if n < seq and isinstance(e.event, kinds)]
    fix = f"do not merge before you have read the decisions of {evidence.plan.branch}"
    if not before or not isinstance(before[-1][1], GateOpened):
        what = "the gate was not open then"
        return Claim("publish", "intent", "contradicted", what, (seq,), intended.commit, fix)
    consolidated = evidence.state.consolidated
    if intended.commit != consolidated:
        what = f"{intended.commit[:12]} was to be published, the run made {(consolidated or 'none')[:12]}"
        return Claim("publish", "intent", "contradicted", what, (seq,), intended.commit, fix)
    what = f"{intended.commit[:12]}, with the gate open"
    return Claim("publish", "intent", "proven", what, (before[-1][0], seq), intended.commit)


def _since_rerun(evidence: RunEvidence, kind: type[T]) -> tuple[int, T] | None:
    """Return the last event of a kind, unless a re-run was ordered after it."""
    last, again = evidence.last(kind), evidence.last(Rerun)
    return last if last is not None and (again is None or again[0] < last[0]) else None


def _request(evidence: RunEvidence) -> Iterator[Claim]:
    last = _since_rerun(evidence, Published)
    if last is None:
        yield _lacking(evidence, "publish", "request", "the run log has no outcome")
        return
    seq, publication = last
    intended = evidence.last(PublishIntended)
    if intended is None or intended[0] > seq:
        what = "the run log has no intent before it"
        yield Claim("publish", "request", "contradicted", what, (seq,), fix="see who opened it")
    elif publication.how == "skip":
        yield Claim("publish", "request", "proven", "none was to be opened", (seq,))
    elif evidence.request_fault:
        fix = "fix that, or skip it with --offline"
        yield Claim("publish", "request", "unchecked", line(evidence.request_fault), (seq,), fix=fix)
    else:
        checked = publication.how == "gh" and not evidence.offline
        more = ", and its body has this run's section" if checked else "; not checked on the host"
        yield Claim("publish", "request", "proven", f"{line(publication.url)}{more}", (seq,))


def _merge(evidence: RunEvidence) -> Claim:
    last = evidence.last(Merged)
    if last is None:
        return _lacking(evidence, "publish", "merge", "the run log has no merge")
    seq, merged = last
    what = f"pull request {merged.number} as {line(merged.commit[:12])}"
    if evidence.permit_fault:
        fix = "fix that, then retry"
        return Claim("publish", "merge", "unchecked", line(evidence.permit_fault), (seq,), fix=fix)
    if not evidence.permit:
        none = f"{what}; no permit of the contract {line(merged.contract)} was used for it"
        fix = "see on the host who merged it"
        return Claim("publish", "merge", "not proven", none, (seq,), merged.head, fix)
    by = f"{what}, by permit {line(evidence.permit)} of the contract {line(merged.contract)}"
    return Claim("publish", "merge", "proven", by, (seq,), merged.head)


def _end(evidence: RunEvidence) -> Claim:
    last = evidence.last(Completed)
    if last is None or not evidence.over:
        at = evidence.standing
        what = at.word + (f": {line(at.why)}" if at.why else "")
        return Claim("run", "end", "not yet", what)
    return Claim("run", "end", "proven", "complete", (last[0],))


def _numbers(seqs: tuple[int, ...]) -> str:
    more = f" and {len(seqs) - _MOST} more" if len(seqs) > _MOST else ""
    return ", ".join(map(str, seqs[:_MOST])) + more
