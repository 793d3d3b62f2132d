"""Questions at the terminal about a step's deferred decisions.

The question is recorded with a challenge before it is shown, and each answer is bound to the exact line that was shown: so it
covers that entry alone at the gate, and after a crash an answered question is not asked again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from correctless.base.clock import timestamp
from correctless.decisions.decision import Confirmation, Decision
from correctless.dispatch.core.context import Question, RunContext, plan_of, step_of
from correctless.dispatch.core.decisions_log import ANSWER, is_answer
from correctless.review import gate, open_set
from correctless.runlog import branch as record
from correctless.runlog.branch import Branch, RecordedDecision
from correctless.runlog.events import Answered, Asking, discarded
from correctless.runlog.state import State


@dataclass(frozen=True, slots=True)
class ChangedDefault:
    """A decision that you changed, with what the agent had applied."""

    decision_id: str
    applied: str
    answer: str
    step: str = ""  # the step that took it, for later ones


def ask(ctx: RunContext, state: State) -> Asking:
    """Return the deferred decisions that you were not asked about; none if unattended."""
    step = step_of(state)
    branch = record.load(ctx.logs)
    # Only once: an entry without an answer is for the gate.
    before = {seq for item in branch.events if isinstance(item.event, Asking) for seq in item.event.entries}
    open_ones = [
        each
        for each in _of_attempt(branch, state)
        if each.decision.escalation_deferred and each.seq not in before
    ]
    entries = open_ones if ctx.ask is not None else []
    challenge = ctx.token(16)
    return Asking(
        step.name,
        state.attempt,
        challenge,
        entries=tuple(each.seq for each in entries),
        digests=tuple(gate.digest(challenge, [each.line]) for each in entries),
    )


def take_answers(ctx: RunContext, state: State) -> Answered:
    """Ask, and record each answer, which confirms the line that was shown; one that differs is also a decision of its own."""
    assert state.asking is not None
    branch = record.load(ctx.logs)
    entries = {each.seq: each for each in _of_attempt(branch, state) if each.seq in state.asking.entries}
    recorded = _recorded(branch, state.asking)
    remaining = [entries[seq] for seq in entries if seq not in recorded]
    if remaining and ctx.ask is not None:
        answers = ctx.ask([_question(each) for each in remaining], plan_of(state).ask_minutes * 60)
        digests = dict(zip(state.asking.entries, state.asking.digests, strict=True))
        for seq in (each.seq for each in remaining if answers is not None and each.seq in answers.texts):
            assert answers is not None
            recorded[seq] = open_set.answer(
                ctx.logs,
                digests[seq],
                kind="answer",
                by=answers.by,
                channel=answers.channel,
                note=answers.texts[seq],
                now=ctx.now(),
            )
    changed = {seq: each for seq, each in recorded.items() if each.note.strip()}
    for seq, confirmation in changed.items():
        ctx.decisions.append(_decided(entries[seq], confirmation, timestamp(ctx.now())))
    head = ctx.decisions.head()
    last = next(reversed(recorded.values()), None)
    return Answered(
        step_of(state).name,
        state.attempt,
        by=last.by if last else "",
        channel=last.channel if last else "",
        confirmed=len(recorded) - len(changed),
        changed=len(changed),
        log_seq=head.seq,
        log_head=head.sha256,
    )


def answers(ctx: RunContext, state: State) -> tuple[ChangedDefault, ...]:
    """Return the defaults you changed, if the session continues with them."""
    if state.phase != "continuing" or state.asking is None:
        return ()
    entries = {each.seq: each.decision for each in _of_attempt(record.load(ctx.logs), state)}
    theirs = {each.extra.get("answers"): each for each in entries.values() if is_answer(each)}
    return tuple(
        ChangedDefault(entries[seq].decision_id, entries[seq].default_applied, theirs[seq].default_applied)
        for seq in state.asking.entries
        if seq in theirs
    )


def decided(ctx: RunContext, run: str) -> tuple[ChangedDefault, ...]:
    """Return the defaults you changed in a run, of the attempts that count: later steps are told."""
    every = ctx.decisions.all()
    yours = [each for each in every if each.run == run and is_answer(each)]
    gone = discarded(record.load(ctx.logs).events) if yours else frozenset()
    return tuple(
        ChangedDefault(
            each.decision_id, every[seq - 1].default_applied, each.default_applied, each.step or ""
        )
        for each in yours
        if (each.run, each.step, each.attempt) not in gone
        and isinstance(seq := each.extra.get("answers"), int)
        and 0 < seq <= len(every)
    )


def _of_attempt(branch: Branch, state: State) -> tuple[RecordedDecision, ...]:
    prefix = f"{state.run}/{step_of(state).name}/{state.attempt}/"
    return tuple(each for each in branch.decisions if (each.decision.key or "").startswith(prefix))


def _recorded(branch: Branch, asking: Asking) -> dict[int, Confirmation]:
    answered = {each.digest: each for each in branch.confirmations if each.kind == "answer"}
    pairs = zip(asking.entries, asking.digests, strict=True)
    return {seq: answered[digest] for seq, digest in pairs if digest in answered}


def _question(entry: RecordedDecision) -> Question:
    d = entry.decision
    return Question(
        entry.seq,
        d.step or "",
        d.decision_id,
        d.default_applied,
        d.rationale,
        d.original_escalation_reason or "",
    )


def _decided(entry: RecordedDecision, answer: Confirmation, now: str) -> Decision:
    """Return your own decision: not an agent's report, so the contract corrects nothing in it."""
    d = entry.decision
    extra: Mapping[str, object] = {"answers": entry.seq, "by": answer.by, "channel": answer.channel}
    return Decision(
        skill=d.skill,
        decision_id=d.decision_id,
        default_applied=answer.note,
        rationale=f"{answer.by} answered when asked ({answer.channel})",
        timestamp=now,
        escalation_deferred=False,
        run=d.run,
        step=d.step,
        attempt=d.attempt,
        key=f"{d.run}/{d.step}/{d.attempt}/{ANSWER}{entry.seq}",
        source="synthesized",
        extra=extra,
    )
