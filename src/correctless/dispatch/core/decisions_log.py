"""The decisions log of a living dispatcher, kept in memory as it is on disk."""

from __future__ import annotations

from collections.abc import Collection

from correctless.decisions.decision import UNLISTED, Attempt, Decision
from correctless.ledger.chain import Head
from correctless.ledger.ledger import Ledger

# What the key of a person's own decision ends with, before the number of the entry it answers.
ANSWER = "sanswer-"


class DecisionsLog:
    """What one dispatcher knows of the log that only it writes (`Ledger(alone=True)`).

    Each question asks the file first: `Stop(3)` when somebody else added to it, changed it or put another in its place.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._known: list[Decision] = []

    def create(self) -> None:
        """Make the empty log, or check the one that is there."""
        self._ledger.create()

    def head(self) -> Head:
        """Return the end of the log."""
        return self._ledger.head()

    def append(self, decision: Decision) -> None:
        """Add a decision, durably; one whose key is in the log already is not added again."""
        made = self._ledger.append(decision.fields())
        if made.seq == len(self._known) + 1:
            self._known.append(Decision.of(made.fields))

    def all(self) -> tuple[Decision, ...]:
        """Return every decision in the log, in order."""
        # The same number of entries with the last one unchanged: the chain makes them the same entries.
        if self.head().seq != len(self._known):
            self._known = [Decision.of(entry.fields) for entry in self._ledger.read()]
        return tuple(self._known)

    def of_attempt(self, at: Attempt) -> tuple[Decision, ...]:
        """Return the decisions of one attempt."""
        key = at.key("")
        return tuple(each for each in self.all() if (each.key or "").startswith(key))

    def unlisted(self, run: str | None, skill: str, *, but: Collection[str | None] = ()) -> int:
        """Count a run's unlisted entries of a skill, without the keys in `but`.

        An effect that is performed again leaves out its own: their keys will be found again.
        """
        return sum(
            each.run == run
            and each.skill == skill
            and not is_answer(each)  # it has the number of what it answers
            and each.decision_id.startswith(UNLISTED)
            and each.key not in but
            for each in self.all()
        )


def is_answer(decision: Decision) -> bool:
    """Whether an entry is your own decision, taken when you were asked."""
    return decision.source == "synthesized" and (decision.key or "").rpartition("/")[2].startswith(ANSWER)
