"""Decisions of a run as its report shows them: which entries, with what status, in what order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from correctless.decisions.decision import UNLISTED, Confirmation
from correctless.ledger.chain import digest as sha256
from correctless.report.model import DeferredDecision, ShownDecision, SkillCounts, Tone
from correctless.review import changes, summary
from correctless.review.changes import StepChange
from correctless.review.gate import GateState
from correctless.review.summary import Item, SummaryView
from correctless.runlog.branch import Branch, RecordedDecision

_CARD = 60  # lines of a diff beside a deferred decision
_CARDS = 6_000  # lines of diffs beside all of them


@dataclass(frozen=True, slots=True)
class ReportedEntry:
    """One entry for the report: its status for the gate, and the answer that covers it."""

    item: Item
    answer: Confirmation | None = None


def of_gate(run: str, branch: Branch, state: GateState, view: SummaryView) -> Iterator[ReportedEntry]:
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


def of_record(entries: Iterable[RecordedDecision]) -> Iterator[ReportedEntry]:
    """Yield the entries of a record that cannot be trusted: each deferred one needs you."""
    for each in entries:
        yield ReportedEntry(Item(each.decision, each.seq, open=each.decision.escalation_deferred))


def shown(entries: Iterable[ReportedEntry], *, rejected: bool, known: bool) -> Iterator[ShownDecision]:
    """Yield each entry as the page shows it; `known`: whether its answers could be checked."""
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


def by_skill(decisions: Iterable[ShownDecision]) -> Iterator[SkillCounts]:
    """Yield the live decisions of each skill in numbers."""
    counts: dict[str, Counter[str]] = {}
    for each in decisions:
        if "superseded" not in each.marks:
            counts.setdefault(each.skill, Counter()).update(("decisions", *each.marks))
    for skill, of_it in counts.items():
        names = ("decisions", "deferred", "unlisted", "differs", "open")
        yield SkillCounts(skill, *(of_it[name] for name in names))


def deferred(
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
