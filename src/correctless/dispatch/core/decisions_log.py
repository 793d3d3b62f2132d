"""The decisions log of a running dispatcher, cached in memory."""

from __future__ import annotations

from collections.abc import Collection

from correctless.decisions.decision import UNLISTED, Attempt, Decision
from correctless.ledger.chain import Head
from correctless.ledger.ledger import Ledger

# Your own decision has a key that ends with this and the number of the entry it answers.
ANSWER = "sanswer-"


class DecisionsLog:
    """The log that only one dispatcher writes (`Ledger(alone=True)`), with its entries in memory.

    Each method checks the file first. Raises: `Stop(3)` when another process appended to it, changed it or replaced it.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._known: list[Decision] = []

    def create(self) -> None:
        """Make the empty log, or check the existing one."""
        self._ledger.create()

    def head(self) -> Head:
        """Return the end of the log."""
        return self._ledger.head()

    def append(self, decision: Decision) -> None:
        """Append a decision, durably, unless its key is in the log already."""
        entry = self._ledger.append(decision.fields())
        if entry.seq == len(self._known) + 1:
            self._known.append(Decision.of(entry.fields))

    def all(self) -> tuple[Decision, ...]:
        """Return every decision in the log, in order."""
        # With the same number of entries and the last one unchanged, the chain proves all unchanged.
        if self.head().seq != len(self._known):
            self._known = [Decision.of(entry.fields) for entry in self._ledger.read()]
        return tuple(self._known)

    def of_attempt(self, at: Attempt) -> tuple[Decision, ...]:
        """Return the decisions of one attempt."""
        key = at.key("")
        return tuple(each for each in self.all() if (each.key or "").startswith(key))

    def unlisted(self, run: str | None, skill: str, *, but: Collection[str | None] = ()) -> int:
        """Count a run's unlisted entries of a skill, without the keys in `but`: an effect's own, when it is performed again."""
        return sum(
            each.run == run
            and each.skill == skill
            and not is_answer(each)  # it has the number of what it answers
            and each.decision_id.startswith(UNLISTED)
            and each.key not in but
            for each in self.all()
        )


def is_answer(decision: Decision) -> bool:
    """Whether an entry is your own decision, from your answer to a question."""
    return decision.source == "synthesized" and (decision.key or "").rpartition("/")[2].startswith(ANSWER)
