"""Report of one run, made from the evidence about it alone."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from correctless.audit import claims as verdicts
from correctless.audit.claims import Claim
from correctless.audit.evidence import RunEvidence
from correctless.base import exits
from correctless.base.text import counted
from correctless.decisions.decision import UNLISTED, Confirmation
from correctless.ledger.chain import digest as sha256
from correctless.report import timeline
from correctless.report.model import (
    AnswerView,
    AttemptView,
    DeferredDecision,
    RecordView,
    RunReport,
    ShownDecision,
    SkillCounts,
    Spent,
    StepView,
    Tone,
)
from correctless.review import changes, summary
from correctless.review.changes import StepChange
from correctless.review.coverage import Policy
from correctless.review.gate import GateState
from correctless.review.summary import Item, SummaryView
from correctless.runlog.branch import Branch, RecordedDecision
from correctless.runlog.events import (
    Asking,
    GateClosed,
    Published,
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
_CARD = 60  # lines of a diff beside a deferred decision
_CARDS = 6_000  # lines of diffs beside all of them


@dataclass(frozen=True, slots=True)
class ReportedEntry:
    """One entry for the report: its status for the gate, and the answer that covers it."""

    item: Item
    answer: Confirmation | None = None


def entries_of_gate(run: str, branch: Branch, state: GateState, view: SummaryView) -> Iterator[ReportedEntry]:
    """Yield the run's entries, and whatever else of its branch needs an answer.

    Entries written by hand belong to the last run.
    """
    last = not branch.events or branch.events[-1].run == run
    waiting = {sha256(each.line) for each in state.waiting} if last else set()
    for item, recorded in zip(view.items, (*branch.decisions, *state.inherited), strict=True):
        sha = sha256(recorded.line)
        by_hand = last and recorded.decision.run is None
        if recorded.decision.run == run or by_hand or (last and recorded.branch) or sha in waiting:
            yield ReportedEntry(item, state.covered.get(sha))


def entries_of_record(entries: Iterable[RecordedDecision]) -> Iterator[ReportedEntry]:
    """Yield the entries of a record that cannot be trusted: each deferred one needs you."""
    for each in entries:
        yield ReportedEntry(Item(each.decision, each.seq, open=each.decision.escalation_deferred))


def of(
    evidence: RunEvidence,
    claims: Sequence[Claim],
    entries: Iterable[ReportedEntry],
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
    decisions = tuple(_decisions(entries, rejected=rejected, known=not unread))
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
        url=next((e.url for _, e in evidence.all_of(Published) if e.how == "gh"), ""),
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
        deferred=tuple(_deferred(decisions, changed)),
        skills=tuple(_skills(decisions)),
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


def _decisions(entries: Iterable[ReportedEntry], *, rejected: bool, known: bool) -> Iterator[ShownDecision]:
    for number, entry in enumerate(entries, 1):
        item, decision, answer = entry.item, entry.item.decision, entry.answer
        extra = decision.extra
        claimed = extra.get("claimed_id")
        unlisted = decision.decision_id.startswith(UNLISTED)
        status, tone = _status(item, answer, rejected=rejected, known=known)
        yes = answer is not None and not item.open and not item.superseded
        flags = {
            "open": item.open,
            "deferred": decision.escalation_deferred,
            "unlisted": unlisted,
            "differs": "differs-from-default" in decision.notes,
            "damaged": "damaged" in decision.notes,
            "confirmed": yes,
            "superseded": item.superseded,
        }
        yield ShownDecision(
            number=number,
            seq=item.seq,
            branch=item.branch,
            skill=decision.skill,
            step=decision.step or "",
            attempt=decision.attempt,
            id=decision.decision_id,
            default=decision.default_applied,
            rationale=decision.rationale,
            reason=decision.original_escalation_reason or "",
            recorded=decision.timestamp,
            status=status,
            tone=tone,
            marks=tuple(name for name, on in flags.items() if on),
            remark=summary.remark(item, without=("damaged", "unlisted")),
            source=decision.source,
            claimed=(f"{claimed}, which the skill does not list" if claimed else "no id")
            if "unlisted" in decision.notes
            else "",
            stored=str(extra.get("kept") or ""),
            fault=str(extra.get("fault") or ""),
            answered_by=f"{answer.by} ({answer.channel})" if answer else item.rejected,
            answered_at=answer.timestamp if answer else "",
            decided=item.decided,
        )


def _status(item: Item, answer: Confirmation | None, *, rejected: bool, known: bool) -> tuple[str, Tone]:
    if item.superseded:
        return "superseded", "quiet"
    if item.open and not known:
        return "deferred, and its answers cannot be checked", "bad"
    if item.open:
        return ("rejected", "bad") if rejected or item.rejected else ("needs you", "attention")
    if answer is not None:
        return ("decided otherwise" if item.decided else "confirmed"), "good"
    return ("deferred", "attention") if item.decision.escalation_deferred else ("recorded", "quiet")


def _skills(decisions: Iterable[ShownDecision]) -> Iterator[SkillCounts]:
    counts: dict[str, Counter[str]] = {}
    for each in decisions:
        if "superseded" not in each.marks:
            counts.setdefault(each.skill, Counter()).update(("decisions", *each.marks))
    for skill, of_it in counts.items():
        names = ("decisions", "deferred", "unlisted", "differs", "open")
        yield SkillCounts(skill, *(of_it[name] for name in names))


def _deferred(
    decisions: Iterable[ShownDecision], changed: Mapping[tuple[str, int], StepChange]
) -> Iterator[DeferredDecision]:
    """Yield the live deferred decisions: those that need you first, of them damaged and unlisted ones."""
    live = [
        each for each in decisions if {"deferred", "open"} & {*each.marks} and "superseded" not in each.marks
    ]
    left, whole = _CARDS, set()
    for each in sorted(live, key=_rank):
        change = changed.get((each.step, each.attempt or 0)) if not each.branch else None
        if change is None or not change.files:
            yield DeferredDecision(each, change.commit if change else "", (), 0)
            continue
        texts = (each.default, each.rationale, each.reason)
        files = changes.about(change, texts, min(_CARD, left))
        if not files and change.commit not in whole:  # it names none: all of them, once for its step
            whole.add(change.commit)
            files = changes.first(change.files, min(_CARD, left))
        left -= sum(file.lines for file in files)
        yield DeferredDecision(each, change.commit, files, len(change.files) - len(files))


def _rank(decision: ShownDecision) -> tuple[bool, bool, bool, int]:
    marks = decision.marks
    return "open" not in marks, "damaged" not in marks, "unlisted" not in marks, decision.number


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
