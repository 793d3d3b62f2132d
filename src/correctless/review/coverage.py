"""Coverage of log lines by your answers: which lines, by hash, are confirmed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from correctless.decisions.decision import Confirmation
from correctless.ledger.chain import digest as sha256
from correctless.project.person import DEFAULT_CHANNELS as DEFAULT_CHANNELS
from correctless.runlog.branch import Branch
from correctless.runlog.events import Asking, Consolidated, GateClosed, RunStarted

LEAST_DIGITS = 8  # hex digits of a digest that an answer must have; the record has the whole digest
SHOWN_DIGITS = 12  # that are shown to be typed as a prompt


def names(typed: str, digest: str) -> bool:
    """Return whether typed characters are enough of this digest; they may be copied with the dots behind them."""
    bare = typed.strip().rstrip(".…").lower()
    return len(bare) >= LEAST_DIGITS and digest.startswith(bare)


@dataclass(frozen=True, slots=True)
class Policy:
    """Channels and, where any are named, confirmers whose yes counts."""

    channels: tuple[str, ...]
    people: tuple[str, ...]

    def trusts(self, answer: Confirmation) -> bool:
        """Return whether an answer's channel and confirmer are trusted."""
        return answer.channel in self.channels and (not self.people or answer.by in self.people)


def policy(
    branch: Branch, channels: Sequence[str] | None = None, confirmers: Sequence[str] | None = None
) -> Policy:
    """Return the policy of the last run's plan, with what is given in its place."""
    plan = branch.plan
    return Policy(
        tuple(channels if channels is not None else plan.confirm_channels if plan else DEFAULT_CHANNELS),
        tuple(confirmers if confirmers is not None else plan.confirmers if plan else ()),
    )


@dataclass(frozen=True, slots=True)
class Coverage:
    """Answers by the SHA-256 of each line."""

    confirmed: Mapping[str, Confirmation]
    rejected: Mapping[str, Confirmation]  # and not confirmed since


def answers(branch: Branch, *policies: Policy) -> dict[str, Confirmation]:
    """Return the last valid answer to each digest.

    A yes counts when all `policies` trust it, a no from anyone.
    """
    return {
        answer.digest: answer
        for answer in branch.confirmations
        if answer.kind == "rejected"
        or (answer.kind in ("escalations", "answer") and all(each.trusts(answer) for each in policies))
    }


def of(branch: Branch, *policies: Policy, tip: str = "", any_commit: bool = False) -> Coverage:
    """Return what the answers of a branch cover, also in logs of others.

    `any_commit`: also by answers about a commit that the run has replaced since, for what is bound to its text alone.
    `tip` is the branch's commit, for answers on a branch that has no run of its own; "" where it is unknown.
    """
    lines = {r.seq: r.line for r in branch.decisions}
    counted = answers(branch, *policies)
    confirmed: dict[str, Confirmation] = {}
    made = commits(branch)
    rejected: dict[str, Confirmation] = {}
    for item in branch.events:
        event = item.event
        if isinstance(event, GateClosed):
            answer = counted.get(event.digest)
            # Recomputed, because the answer covers the bytes that were shown, not entry numbers.
            if (
                answer is not None
                and answer.kind != "answer"
                and (any_commit or event.head in ("", made.get(item.run, tip)))
                and digest_of_closing(event, lines) == event.digest
            ):
                named = (*(sha256(lines[seq]) for seq in event.entries), *event.inherited)
                (rejected if answer.kind == "rejected" else confirmed).update(dict.fromkeys(named, answer))
        elif isinstance(event, Asking):
            for seq, question_digest in zip(event.entries, event.digests, strict=False):
                answer = counted.get(question_digest)
                if answer is None or answer.kind != "answer" or seq not in lines:
                    continue
                if digest(event.challenge, [lines[seq]]) == question_digest:
                    confirmed[sha256(lines[seq])] = answer
    confirmed.update(
        (sha, answer) for sha, answer in _ahead(branch, policies).items() if sha not in confirmed
    )
    return Coverage(confirmed, {sha: answer for sha, answer in rejected.items() if sha not in confirmed})


def commits(branch: Branch) -> dict[str, str]:
    """Return the commit each run made last: after a rerun another one than you were asked about before."""
    return {item.run: item.event.commit for item in branch.events if isinstance(item.event, Consolidated)}


def _ahead(branch: Branch, policies: Sequence[Policy]) -> dict[str, Confirmation]:
    """Return what you confirmed before the run: by a line's SHA-256, the confirmation that covers it.

    It covers a listed default, reported as the skill states it, of the very SKILL.md that you were shown.
    """
    covered: dict[str, Confirmation] = {}
    if not branch.ahead:
        return covered
    from correctless.decisions.objects import inside  # few branches need it

    started = {i.run: (i.timestamp, i.event.plan) for i in branch.events if isinstance(i.event, RunStarted)}
    for recorded in branch.decisions:
        decision = recorded.decision
        if (
            not decision.escalation_deferred
            or decision.source not in ("tool", "block")
            or not {"corrected"}.issuperset(decision.notes)
            or decision.run not in started
            or any(inside(decision.extra))  # it brings another decision, which you were not shown
        ):
            continue
        began, plan = started[decision.run]
        step = plan.step(decision.step or "")
        said = [
            each
            for each in branch.ahead
            if (each.skill, each.decision_id) == (decision.skill, decision.decision_id)
        ]
        before = [each for each in said if each.timestamp < began]
        if step is None or not before:
            continue
        last = before[-1]
        # What came later can only end it: a withdrawal, or an answer about another text.
        until = min(each.until for each in said[said.index(last) :])
        answer = Confirmation(
            "ahead", "", last.by, last.channel, last.timestamp, f"confirmed ahead until {last.until}"
        )
        if (
            last.skill_sha256 == step.files.get("SKILL.md")
            and decision.timestamp < until
            and all(each.trusts(answer) for each in policies)
        ):
            covered[sha256(recorded.line)] = answer
    return covered


def digest_of_closing(closing: GateClosed, lines: Mapping[int, bytes]) -> str:
    """Return the digest of the entries that closing the gate showed you.

    It is computed from the current lines; "" when a line is missing.
    """
    if not all(seq in lines for seq in closing.entries):
        return ""
    return digest(closing.challenge, (lines[seq] for seq in closing.entries), closing.inherited, closing.head)


def digest(challenge: str, lines: Iterable[bytes], inherited: Iterable[str] = (), head: str = "") -> str:
    """Return the SHA-256 of the challenge, the open set's lines, inherited hashes and the commit.

    The challenge is random, so nothing written earlier can match the digest.
    """
    named = (*inherited, head) if head else inherited
    parts = (challenge.encode(), *lines, *(each.encode() for each in named))
    return hashlib.sha256(b"".join(part + b"\n" for part in parts)).hexdigest()
