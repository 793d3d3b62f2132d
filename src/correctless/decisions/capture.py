"""Capture of an agent's decisions: calls of the recorder and blocks of its answer.

A decision that was reported both ways is one entry; where the two differ both are recorded for your review.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from correctless.decisions import block, unmarked
from correctless.decisions.correction import (
    Origin,
    asks_to_defer,
    claimed_id,
    correct,
    folded,
    synthesized,
)
from correctless.decisions.decision import UNLISTED, Attempt, Decision
from correctless.decisions.objects import inside

if TYPE_CHECKING:
    from correctless.skill.contract import SkillContract

__all__ = ["Calls", "Captured", "UnreadableText", "capture", "correct", "synthesized"]


@dataclass(frozen=True, slots=True)
class UnreadableText:
    """Text that could not be read.

    Store it as the file `name` before you append the decision that points to it.
    """

    name: str
    text: str  # may hold NUL and lone surrogates: write it as UTF-8 with errors="surrogatepass"


@dataclass(frozen=True, slots=True)
class Captured:
    """What an answer adds to the calls of its attempt.

    These are decisions, texts to store, and warnings for the summary. A warning is one line: a keyword, a
    colon, and a sentence for you.
    """

    decisions: tuple[Decision, ...]
    kept: tuple[UnreadableText, ...]
    warnings: tuple[str, ...]
    read: tuple[block.Piece, ...] = ()  # pieces with the keys b1, b2, ... of this answer


class Calls:
    """Calls of one attempt's recorder, each one turned into a Decision as it is made.

    The decision is to be appended before the call is answered. `unlisted_before` counts the AD-UNLISTED
    entries of this run and skill before the first call, `earlier` are the attempt's entries before it (of a
    resumed session), and `calls_before` counts its calls among them.
    """

    def __init__(
        self,
        contract: SkillContract,
        *,
        run: str,
        step: str,
        attempt: int,
        unlisted_before: int = 0,
        earlier: Sequence[Decision] = (),
        calls_before: int = 0,
    ) -> None:
        self._contract = contract
        self._at = Attempt(run, step, attempt)
        self._unlisted = unlisted_before
        self._count = calls_before
        self._known = _KnownDecisions()
        for each in earlier:
            self._known.add(each)

    def take(self, obj: Mapping[str, Any], now: str) -> Decision:
        """Return the corrected decision of the next call, with a note if it contradicts an earlier one."""
        self._count += 1
        name = claimed_id(obj)
        origin = Origin(
            "tool",
            self._at.key(f"t{self._count}"),
            conflict=name is not None and self._known.differs(name, folded(obj)),
            holds_another=any(inside(obj)),
        )
        decision = correct(
            obj,
            self._contract,
            skill=self._contract.name,
            at=self._at,
            origin=origin,
            now=now,
            unlisted=self._unlisted + 1,
        )
        self._unlisted += decision.decision_id.startswith(UNLISTED)
        self._known.add(decision)
        return decision


def capture(
    answer: str,
    contract: SkillContract,
    *,
    run: str,
    step: str,
    attempt: int,
    nonce: str,
    now: str,
    calls: Sequence[Decision] = (),
    earlier: Sequence[Decision] = (),
    pieces_before: int = 0,
    unlisted_before: int = 0,
    kept: str = "",
    silent: str = "defer",
) -> Captured:
    """Read the `answer` of one attempt whose `calls` are recorded already.

    `calls` are as `Calls` gave them or the log has them. Where a session was resumed, `earlier` are the
    attempt's other entries before this answer, which it may repeat, and `pieces_before` is how many pieces
    its earlier answers had. `unlisted_before` counts the AD-UNLISTED entries of this run and skill before
    this answer, those of its calls included. `kept` is the folder that `extra.kept` names. With `silent`
    "defer" an attempt that reported nothing, though its contract has decisions that need a human or its
    answer names some, is a deferred entry; with "warn" it is a warning. Never raises, whatever the answer
    contains.
    """
    read = block.read(answer, nonce, called=bool(calls))
    at = Attempt(run, step, attempt)
    collected = _KnownDecisions()
    for known in (*calls, *earlier):
        collected.add(known)
    unlisted = unlisted_before
    decisions: list[Decision] = []
    files: list[UnreadableText] = []

    def record(label: str, obj: Mapping[str, Any] | None, **how: Any) -> None:
        nonlocal unlisted
        origin = Origin("block", at.key(label), **how)
        decision = correct(
            obj, contract, skill=contract.name, at=at, origin=origin, now=now, unlisted=unlisted + 1
        )
        unlisted += decision.decision_id.startswith(UNLISTED)
        decisions.append(decision)

    def take(number: int, piece: block.Piece, reason: str | None = None) -> None:
        if piece.value is None:
            name = re.sub(r"[^A-Za-z0-9.-]", "-", f"{step}-{attempt}-b{number}") + ".txt"
            files.append(UnreadableText(name, piece.text))
            place = f"{kept}/{name}" if kept else name
            how = {"fault": piece.fault, "verified": piece.verified, "reason": reason}
            record(f"b{number}", None, text_file=place, **how)
        elif not collected.repeats(piece.value):
            conflict = collected.contradicts(piece.value)
            how = {"duplicate": piece.duplicate, "conflict": conflict, "verified": piece.verified}
            record(f"b{number}", piece.value, **how)

    pieces = [*read.pieces]
    for number, piece in enumerate(pieces, pieces_before + 1):
        take(number, piece)
    recorded = (*calls, *earlier, *decisions)
    fault = _omission(answer, read, contract, recorded)
    warnings = [*_warnings(read, contract, bool(calls or earlier), fault)]
    if fault:
        if recorded or read.authentic or silent == "defer":
            text = read.outside if recorded else answer
            pieces.append(block.Piece(None, text=text, fault=fault, verified=read.verified))
            take(pieces_before + len(pieces), pieces[-1], reason=fault)
        else:
            warnings.insert(0, f"no-decisions-reported: {fault}")
    return Captured(tuple(decisions), tuple(files), tuple(warnings), tuple(pieces))


@dataclass(slots=True)
class _Call:
    deferred: bool
    repeated: bool = False


@dataclass(slots=True)
class _KnownDecisions:
    """Decisions of the attempt that are recorded: an object may repeat a call, or contradict it."""

    waiting: dict[tuple[str, str], deque[_Call]] = field(default_factory=dict)
    texts: dict[str, set[str]] = field(default_factory=dict)

    def add(self, decision: Decision) -> None:
        """Add a recorded call: an object may repeat it under the id that it claimed or that it got."""
        # What you decided may be repeated as deferred, because it was when you were asked.
        deferred = decision.escalation_deferred or decision.source == "synthesized"
        call, text = _Call(deferred), folded({"default_applied": decision.default_applied})
        names = {decision.decision_id}
        if "unlisted" in decision.notes:
            names.add(decision.extra.get("claimed_id") or "")  # no id either time is the same id
        for name in names:
            self.waiting.setdefault((name, text), deque()).append(call)
            self.texts.setdefault(name, set()).add(text)

    def repeats(self, obj: Mapping[str, Any]) -> bool:
        """Return whether this object of a block is the decision of a call that no earlier object repeated."""
        queue = self.waiting.get((claimed_id(obj) or "", folded(obj)), deque())
        while queue and queue[0].repeated:
            queue.popleft()
        # An object that defers what its call did not is new: `contradicts` decides, the call stays as recorded.
        if not queue or (asks_to_defer(obj) and not queue[0].deferred):
            return False
        queue.popleft().repeated = True
        return True

    def contradicts(self, obj: Mapping[str, Any]) -> bool:
        """Return whether an object that repeats no call takes a recorded id with other text."""
        name, text = claimed_id(obj), folded(obj)
        if not name:
            return False
        queue = self.waiting.get((name, text))
        if queue:  # same id, same text, but the object defers it
            queue.popleft().repeated = True
            return True
        return self.differs(name, text)

    def differs(self, name: str, text: str) -> bool:
        """Return whether the id is recorded with other text only."""
        texts = self.texts.setdefault(name, set())
        other = bool(texts) and text not in texts
        texts.add(text)
        return other


def _omission(answer: str, read: block.Reading, contract: SkillContract, known: Sequence[Decision]) -> str:
    """Return why an attempt may have left out a decision; "" without a reason."""
    name = contract.name
    if any(piece.fault == block.STRAY_NONCE for piece in read.pieces):
        return ""  # all of it is stored
    if read.authentic and not known:
        names = unmarked.unrecorded(answer, contract, known)
        return f"its block is empty, and its answer reports {names}" if names else ""
    if read.authentic or known:
        names = unmarked.unrecorded(read.outside, contract, known)
        return f"its answer reports {names} outside of its block" if names else ""
    if names := unmarked.named(answer, contract) or unmarked.unrecorded(answer, contract, ()):
        return f"the answer of {name} names {names}, but has no decisions block with the nonce"
    escalating = ", ".join(default.id for default in contract.defaults if default.escalate)
    return (
        f"{name} lists {escalating} (escalate: always), but its answer has no decisions block with the nonce"
        if escalating
        else ""
    )


def _warnings(read: block.Reading, contract: SkillContract, called: bool, omission: str) -> Iterator[str]:
    name, points = contract.name, len(contract.defaults)
    if points and not called and not read.authentic and not read.pieces and not omission:
        listed = f"{points} decision point{'s' * (points > 1)}"
        yield f"no-decisions-reported: {name} lists {listed}, but its answer reports none and has no decisions block with the nonce"
    if read.nonceless and not called and not read.authentic:
        which = "the last" if read.nonceless > 1 else "the"
        what = "its decisions are deferred" if read.pieces else "it reports none"
        yield f"unverified-block: {which} block in the answer of {name} has no nonce; {what}"
    unread = read.nonceless - (not called and not read.authentic)
    if unread > 0:
        blocks = f"{unread} block{'s' * (unread > 1)}"
        yield f"unverified-block: {blocks} without a nonce in the answer of {name} not read"
    if read.quoted:
        blocks = f"{read.quoted} block{'s' * (read.quoted > 1)}"
        yield f"quoted-block: {blocks} with another nonce in the answer of {name} not read"
