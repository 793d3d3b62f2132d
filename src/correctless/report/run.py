"""Report of one run, made from the evidence about it alone."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from correctless.audit import claims as verdicts
from correctless.audit.claims import Claim
from correctless.audit.evidence import RunEvidence
from correctless.base import exits
from correctless.base.text import counted
from correctless.report import entries, timeline
from correctless.report.entries import ReportedEntry
from correctless.report.model import (
    AnswerView,
    AttemptView,
    RecordView,
    RunReport,
    ShownDecision,
    Spent,
    StepView,
    Tone,
)
from correctless.review.changes import StepChange
from correctless.review.coverage import Policy
from correctless.runlog.events import (
    Asking,
    GateClosed,
    Reverted,
    RunStarted,
    StepFinished,
    StepStarted,
)
from correctless.runlog.plan import PlannedStep

_TONES: dict[str, Tone] = {
    "complete": "good",
    "confirmed": "good",
    "waiting": "attention",
    "paused": "attention",
    "interrupted": "attention",
    "rejected": "bad",
    "stopped": "bad",
    "running": "info",
}


def of(
    evidence: RunEvidence,
    claims: Sequence[Claim],
    reported: Iterable[ReportedEntry],
    changed: Mapping[tuple[str, int], StepChange],
    *,
    made: str,
    digest: str | None = None,
    rejected: bool = False,
    unread: str = "",
) -> RunReport:
    """Return the report of a run.

    `changed` has the changes of each finished attempt, `digest` is that of the open set, `unread` says why the gate is unknown.
    """
    items = tuple(evidence.events.values())
    clock = timeline.Clock(items[0].timestamp)
    offsets = [clock.at(each.timestamp) for each in items]
    updated = items[-1].timestamp
    over = not evidence.state.unfinished
    living = evidence.standing.word == "running"
    # Waiting since the last event would leave no room for what happened before it.
    now = max(*offsets, clock.at(made))
    end = now if living else max(offsets)
    tried = timeline.attempts(items, clock, end, living=living)
    started = next(each.event for each in items if isinstance(each.event, RunStarted))
    plan, state, at = evidence.plan, evidence.state, evidence.standing
    decisions = tuple(entries.shown(reported, rejected=rejected, known=not unread))
    pages = {each.seq: each.number for each in decisions if not each.branch}
    return RunReport(
        run=evidence.run,
        branch=plan.branch,
        base=plan.base,
        target=plan.target,
        spec=plan.spec,
        pipeline=plan.pipeline,
        intensity=plan.intensity,
        version=started.version,
        approved_by=f"{started.approved_by} ({started.approved_channel})",
        started=items[0].timestamp,
        updated=updated,
        made=made,
        word=at.word,
        why=at.why,
        next=at.next,
        tone=_TONES.get(at.word, "quiet"),
        url=state.url,
        digest=digest or "",
        spent=_sum(attempt.spent for each in tried.values() for attempt in each),
        wall_seconds=end,
        budget_usd=plan.usd,
        record=_record(claims, unread),
        steps=tuple(
            _step(evidence, each, tried.get(each.name, ()), decisions, changed) for each in plan.steps
        ),
        left_out=tuple(plan.left_out.items()),
        pauses=tuple(timeline.pauses(items, clock, now, over=over)),
        decisions=decisions,
        deferred=tuple(entries.deferred(decisions, changed)),
        skills=tuple(entries.by_skill(decisions)),
        answers=tuple(_answers(evidence, pages)),
        events=tuple(timeline.shown(evidence.events, clock)),
        warnings=state.warnings,
    )


def _sum(parts: Iterable[Spent]) -> Spent:
    every = tuple(parts)
    return Spent(
        sum(each.usd for each in every),
        sum(each.tokens for each in every),
        sum(each.seconds for each in every),
        any(each.estimated for each in every),
    )


def _record(claims: Sequence[Claim], unread: str) -> RecordView:
    numbers = verdicts.count(claims)
    bad = numbers["contradicted"] + numbers["not proven"]
    tone: Tone
    if unread:
        tone, sentence = "bad", f"the gate cannot be checked: {unread}"
    elif bad:
        tone, sentence = "bad", f"{counted(bad, 'claim is', 'claims are')} not proven or contradicted"
    elif numbers["unchecked"]:
        tone, sentence = "attention", f"{counted(numbers['unchecked'], 'claim')} could not be checked"
    else:
        tone, sentence = (
            "good",
            f"{counted(numbers['proven'], 'claim is', 'claims are')} proven, none contradicted",
        )
    return RecordView(tone, sentence, dict(numbers.items()), tuple(claims))


def _step(
    evidence: RunEvidence,
    step: PlannedStep,
    attempts: tuple[AttemptView, ...],
    decisions: Iterable[ShownDecision],
    changed: Mapping[tuple[str, int], StepChange],
) -> StepView:
    state = evidence.state
    done = next((each for each in state.finished if each.step == step.name), None)
    own = [
        each
        for each in decisions
        if each.step == step.name and not each.branch and "superseded" not in each.marks
    ]
    word, tone = _step_state(evidence, step, attempts)
    commit = done.commit if isinstance(done, StepFinished) else ""
    return StepView(
        name=step.name,
        state=word,
        tone=tone,
        why=done.reason if isinstance(done, Reverted) else "",
        attempts=attempts,
        spent=_sum(each.spent for each in attempts),
        decisions=len(own),
        deferred=sum("deferred" in each.marks for each in own),
        check=shlex.join(step.check) if step.check else "",
        report=step.report or "",
        commit=commit,
        change=changed.get((step.name, done.attempt)) if done is not None else None,
    )


def _step_state(
    evidence: RunEvidence, step: PlannedStep, attempts: tuple[AttemptView, ...]
) -> tuple[str, Tone]:
    state = evidence.state
    done = next((each for each in state.finished if each.step == step.name), None)
    if done is not None:
        return ("reverted", "quiet") if isinstance(done, Reverted) else ("finished", "good")
    if state.unfinished and state.step is not None and state.step.name == step.name and attempts:
        if evidence.standing.word == "running":
            return "running", "info"
        if state.stopped is not None and state.stopped.code == exits.FAILED:
            return "failed", "bad"
        if not attempts[-1].superseded:
            return attempts[-1].outcome, attempts[-1].tone
    if attempts:
        return ("to run again" if state.unfinished else "not finished"), "attention"
    return "not started", "quiet"


def _answers(evidence: RunEvidence, pages: Mapping[int, int]) -> Iterator[AnswerView]:
    """Yield the approval of the spec and each answer to what this run asked, in order."""
    asked: dict[str, tuple[tuple[int, ...], int]] = {}  # entries by digest, and how many of other branches
    for item in evidence.events.values():
        event = item.event
        if isinstance(event, GateClosed):
            asked[event.digest] = (event.entries, len(event.inherited))
        elif isinstance(event, Asking):
            asked.update({sha: ((seq,), 0) for seq, sha in zip(event.entries, event.digests, strict=False)})
    policy = Policy(evidence.plan.confirm_channels, evidence.plan.confirmers)
    for each in evidence.confirmations:
        spec = each.kind == "spec" and each.digest == evidence.plan.spec_sha256
        if not spec and each.digest not in asked:
            continue
        entries, others = asked.get(each.digest, ((), 0))
        number = counted(len(entries) + others, "decision")
        what = {
            "spec": f"approved the spec {evidence.plan.spec}",
            "escalations": f"confirmed {number}",
            "answer": f"answered {number} during the run",
            "rejected": f"rejected {number}",
        }.get(each.kind, each.kind)
        yield AnswerView(
            when=each.timestamp,
            by=each.by,
            channel=each.channel,
            what=what,
            tone="bad" if each.kind == "rejected" else "good",
            digest=each.digest,
            note=each.note,
            counts=spec or each.kind == "rejected" or policy.trusts(each),
            entries=tuple(pages[seq] for seq in entries if seq in pages),
        )


def finished(evidence: RunEvidence) -> Iterator[tuple[str, int, str, str]]:
    """Yield step, attempt, base and commit of each finished attempt: what its changes are between."""
    bases = {(e.step, e.attempt): e.base for _, e in evidence.all_of(StepStarted)}
    for _, event in evidence.all_of(StepFinished):
        if base := bases.get((event.step, event.attempt)):
            yield event.step, event.attempt, base, event.commit


def with_next(evidence: RunEvidence, command: str) -> RunEvidence:
    """Return the evidence with the next command as you can type it."""
    return replace(evidence, standing=replace(evidence.standing, next=command))
