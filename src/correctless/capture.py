"""What an agent said (calls of the recorder, blocks of its answer) in, Decisions corrected against the contract out.

A decision that came both ways is one; where the two ways differ both stay, and a person looks.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from correctless import block
from correctless.block import means_deferred
from correctless.correction import UNLISTED, claimed_id, correct, folded, synthesized
from correctless.record import Decision

if TYPE_CHECKING:
    from correctless.contract import SkillContract

__all__ = ["Captured", "Kept", "capture", "correct", "synthesized"]


@dataclass(frozen=True, slots=True)
class Kept:
    """Text nobody could read, to be stored as the file `name` before the decision that points to it is appended."""

    name: str
    text: str  # may hold NUL and lone surrogates: write it as UTF-8 with errors="surrogatepass"


@dataclass(frozen=True, slots=True)
class Captured:
    """All of one attempt: its decisions (calls first, then the blocks), the texts to keep, warnings for the summary.

    A warning is one line: a word of its own, a colon, and the sentence a person reads.
    """

    decisions: tuple[Decision, ...]
    kept: tuple[Kept, ...]
    warnings: tuple[str, ...]


def capture(
    answer: str,
    contract: SkillContract,
    *,
    run: str,
    step: str,
    attempt: int,
    nonce: str,
    now: str,
    calls: Sequence[Mapping[str, Any]] = (),
    unlisted_before: int = 0,
    kept: str = "",
) -> Captured:
    """Read the final `answer` of one attempt together with the `calls` its agent made, as it made them.

    `unlisted_before` counts the AD-UNLISTED entries of this run and skill before this attempt; those of this attempt's
    own calls are counted here, so a call that is in the log already gets its number and its key again. `kept` is the
    folder that `extra.kept` names. Never raises, whatever the answer holds.
    """
    read = block.read(answer, nonce, called=bool(calls))
    made = _Made()
    unlisted = unlisted_before
    found: list[Decision] = []
    files: list[Kept] = []

    def record(label: str, obj: Mapping[str, Any] | None, **how: Any) -> Decision:
        nonlocal unlisted
        decision = correct(
            obj,
            contract,
            skill=contract.name,
            run=run,
            step=step,
            attempt=attempt,
            key=f"{run}/{step}/{attempt}/{label}",
            now=now,
            unlisted=unlisted + 1,
            **how,
        )
        unlisted += decision.decision_id.startswith(UNLISTED)
        found.append(decision)
        return decision

    for number, call in enumerate(calls, 1):
        made.call(call, record(f"t{number}", call, source="tool"))
    for number, piece in enumerate(read.pieces, 1):
        how: dict[str, Any] = {"source": "block", "verified": read.verified}
        if piece.value is None:
            name = re.sub(r"[^A-Za-z0-9.-]", "-", f"{step}-{attempt}-b{number}") + ".txt"
            files.append(Kept(name, piece.text))
            record(f"b{number}", None, kept=f"{kept}/{name}" if kept else name, fault=piece.fault, **how)
        elif not made.already(piece.value):
            conflict = made.contradicts(piece.value)
            record(f"b{number}", piece.value, duplicate=piece.duplicate, conflict=conflict, **how)
    return Captured(tuple(found), tuple(files), tuple(_warnings(read, contract, answer, nonce, bool(calls))))


@dataclass(slots=True)
class _Call:
    deferred: bool
    met: bool = False


@dataclass(slots=True)
class _Made:
    """What the attempt has recorded so far: tells an object that repeats a call from one that contradicts it."""

    waiting: dict[tuple[str, str], deque[_Call]] = field(default_factory=dict)
    texts: dict[str, set[str]] = field(default_factory=dict)

    def call(self, obj: Mapping[str, Any], decision: Decision) -> None:
        """A call, recorded as `decision`: an object may repeat it under the id it claimed or the one it was given."""
        call, text = _Call(decision.escalation_deferred), folded(obj)
        for name in {claimed_id(obj) or "", decision.decision_id} - {""}:
            self.waiting.setdefault((name, text), deque()).append(call)
            self.texts.setdefault(name, set()).add(text)

    def already(self, obj: Mapping[str, Any]) -> bool:
        """Whether this object of a block is the decision of a call that no earlier object has met."""
        queue = self.waiting.get((claimed_id(obj) or "", folded(obj)), deque())
        while queue and queue[0].met:
            queue.popleft()
        # An object that defers what its call did not is news: left to `contradicts`, the call stays as it is.
        if not queue or (means_deferred(obj.get("escalation_deferred")) and not queue[0].deferred):
            return False
        queue.popleft().met = True
        return True

    def contradicts(self, obj: Mapping[str, Any]) -> bool:
        """Whether this object, which repeats no call, takes an id that stands there with other text or undeferred."""
        name, text = claimed_id(obj), folded(obj)
        if not name:
            return False
        queue = self.waiting.get((name, text))
        if queue:  # same id, same text, but the object defers it
            queue.popleft().met = True
            return True
        texts = self.texts.setdefault(name, set())
        other = bool(texts) and text not in texts
        texts.add(text)
        return other


def _warnings(
    read: block.Reading, contract: SkillContract, answer: str, nonce: str, called: bool
) -> Iterator[str]:
    name, points = contract.name, len(contract.defaults)
    if points and not called and not read.authentic and not read.pieces:
        listed = f"{points} decision point{'s' * (points > 1)}"
        yield f"no-decisions-reported: {name} lists {listed}, its answer reports none and has no block that says so"
    if read.nonceless and not called and not read.authentic:
        yield f"unverified-block: the block in the answer of {name} has no nonce; its decisions are deferred"
    elif read.nonceless:
        yield f"unverified-block: a block without a nonce in the answer of {name} was not read"
    if read.quoted:
        blocks = f"{read.quoted} block{'s' * (read.quoted > 1)}"
        yield f"quoted-block: {blocks} with another nonce in the answer of {name} not read"
    if nonce and not read.authentic and f"{block.START} {nonce}" in answer:
        yield f"marker-in-text: a start marker in the answer of {name} does not stand alone on its line; not read"
