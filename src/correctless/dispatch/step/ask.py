"""Questions at the terminal about a step's deferred decisions.

The question is on record with a challenge before it is shown, and each answer is bound to the exact line that was shown: so it
covers that entry at the gate and nothing else, and after a crash what was answered is not asked again.
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
from correctless.runlog.events import Answered, Asking
from correctless.runlog.state import State


@dataclass(frozen=True, slots=True)
class ChangedDefault:
    """A decision that you want otherwise than the agent applied it."""

    decision_id: str
    applied: str
    said: str


def ask(ctx: RunContext, state: State) -> Asking:
    """Return the deferred decisions that nobody was asked about; none if unattended."""
    step = step_of(state)
    branch = record.load(ctx.logs)
    # Once is enough: an entry that was asked about is confirmed, or it is left to the gate.
    before = {seq for item in branch.events if isinstance(item.event, Asking) for seq in item.event.entries}
    open_ones = [
        each
        for each in _of_attempt(branch, state)
        if each.decision.escalation_deferred and each.seq not in before
    ]
    asked = open_ones if ctx.ask is not None else []
    challenge = ctx.token(16)
    return Asking(
        step.name,
        state.attempt,
        challenge,
        entries=tuple(each.seq for each in asked),
        digests=tuple(gate.digest(challenge, [each.line]) for each in asked),
    )


def take_answers(ctx: RunContext, state: State) -> Answered:
    """Ask, and record each answer.

    It confirms the line that was shown; where it differs it is also a decision of its own.
    """
    assert state.asking is not None
    branch = record.load(ctx.logs)
    asked = {each.seq: each for each in _of_attempt(branch, state) if each.seq in state.asking.entries}
    said = _on_record(branch, state.asking)
    remaining = [asked[seq] for seq in asked if seq not in said]
    if remaining and ctx.ask is not None:
        answers = ctx.ask([_question(each) for each in remaining], plan_of(state).ask_minutes * 60)
        shown = dict(zip(state.asking.entries, state.asking.digests, strict=True))
        for seq in (each.seq for each in remaining if answers is not None and each.seq in answers.said):
            assert answers is not None
            said[seq] = open_set.answer(
                ctx.logs,
                shown[seq],
                kind="answer",
                by=answers.by,
                channel=answers.channel,
                note=answers.said[seq],
                now=ctx.now(),
            )
    changed = {seq: each for seq, each in said.items() if each.note.strip()}
    for seq, confirmation in changed.items():
        ctx.decisions.append(_decided(asked[seq], confirmation, timestamp(ctx.now())))
    head = ctx.decisions.head()
    last = next(reversed(said.values()), None)
    return Answered(
        step_of(state).name,
        state.attempt,
        by=last.by if last else "",
        channel=last.channel if last else "",
        confirmed=len(said) - len(changed),
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


def _of_attempt(branch: Branch, state: State) -> tuple[RecordedDecision, ...]:
    prefix = f"{state.run}/{step_of(state).name}/{state.attempt}/"
    return tuple(each for each in branch.decisions if (each.decision.key or "").startswith(prefix))


def _on_record(branch: Branch, asking: Asking) -> dict[int, Confirmation]:
    given = {each.digest: each for each in branch.confirmations if each.kind == "answer"}
    pairs = zip(asking.entries, asking.digests, strict=True)
    return {seq: given[digest] for seq, digest in pairs if digest in given}


def _question(asked: RecordedDecision) -> Question:
    d = asked.decision
    return Question(
        asked.seq,
        d.step or "",
        d.decision_id,
        d.default_applied,
        d.rationale,
        d.original_escalation_reason or "",
    )


def _decided(asked: RecordedDecision, said: Confirmation, now: str) -> Decision:
    """A person's own decision. It is theirs and not an agent's report, so the contract has nothing to correct."""
    d = asked.decision
    extra: Mapping[str, object] = {"answers": asked.seq, "by": said.by, "channel": said.channel}
    return Decision(
        skill=d.skill,
        decision_id=d.decision_id,
        default_applied=said.note,
        rationale=f"{said.by} answered when asked ({said.channel})",
        timestamp=now,
        escalation_deferred=False,
        run=d.run,
        step=d.step,
        attempt=d.attempt,
        key=f"{d.run}/{d.step}/{d.attempt}/{ANSWER}{asked.seq}",
        source="synthesized",
        extra=extra,
    )
