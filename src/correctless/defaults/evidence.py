"""Decisions of past runs with what became of them, from the logs of all branches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from correctless.base.exits import Stop
from correctless.decisions.decision import UNLISTED, Decision
from correctless.ledger.chain import digest
from correctless.metrics.count import UnreadableBranch
from correctless.project.paths import Logs
from correctless.review import anchors, coverage
from correctless.runlog import branch as record
from correctless.runlog.branch import Branch
from correctless.runlog.events import Rerun, discarded

_AGENTS_OWN = frozenset({"block", "tool"})
# What these notes say of a record makes its text no evidence of a decision.
_DOUBTFUL = frozenset({"conflict", "damaged", "incomplete", "unverified"})


@dataclass(frozen=True, slots=True)
class PastDecision:
    """A decision that an agent of a run took, and your answer to it."""

    branch: str  # its slug
    seq: int
    decision: Decision
    discarded: bool = False  # its attempt was
    rerun: bool = False  # you had its step run again
    confirmed: str = ""  # when; "" if it was not
    rejected: bool = False
    changed: bool = False  # you answered what to do instead

    @property
    def run(self) -> str:
        """Return the run it belongs to."""
        return self.decision.run or ""

    @property
    def claimed(self) -> str | None:
        """Return the id that the agent gave."""
        if not self.decision.decision_id.startswith(UNLISTED):
            return self.decision.decision_id
        value = self.decision.extra.get("claimed_id")
        return value if isinstance(value, str) else None

    @property
    def text(self) -> str:
        """Return what was decided, with white space folded."""
        return " ".join(self.decision.default_applied.split())

    @property
    def refused(self) -> bool:
        """Tell whether you did not want it so."""
        return self.rejected or self.rerun or self.changed

    @property
    def asked(self) -> bool:
        """Tell whether its agent wanted your decision, as far as the record shows it."""
        decision = self.decision
        own = decision.original_escalation_reason
        return decision.escalation_deferred and own != f"no such default in {decision.skill}"

    @property
    def counts(self) -> bool:
        """Tell whether its text is evidence of a decision: read whole, by its own agent, once, and not discarded by a failure."""
        live = not self.discarded or self.rerun
        return live and bool(self.text) and _DOUBTFUL.isdisjoint(self.decision.notes)


def of_all(
    branches: Iterable[Logs], env: Mapping[str, str]
) -> tuple[tuple[PastDecision, ...], tuple[UnreadableBranch, ...]]:
    """Return the decisions of all branches that can be read and that no anchor disproves, and the other branches."""
    found: list[PastDecision] = []
    refused: list[UnreadableBranch] = []
    for logs in branches:
        try:
            anchors.refuse_disproved(logs, None, env)
            found += of_branch(record.load(logs), logs.branch_slug)
        except Stop as stop:
            refused.append(UnreadableBranch(logs.branch_slug, stop.message))
    return tuple(found), tuple(refused)


def of_branch(branch: Branch, slug: str) -> Iterator[PastDecision]:
    """Yield what the agents of a branch's runs decided, in log order."""
    answers = coverage.of(branch, coverage.policy(branch))
    gone = discarded(branch.events)
    again = {
        (item.run, each.step, each.attempt)
        for item in branch.events
        if isinstance(item.event, Rerun)
        for each in item.event.discarded
    }
    for each in branch.decisions:
        decision = each.decision
        if decision.run is None or decision.source not in _AGENTS_OWN:
            continue
        attempt = (decision.run, decision.step or "", decision.attempt or 0)
        line = digest(each.line)
        yes = answers.confirmed.get(line)
        instead = yes is not None and yes.kind == "answer" and bool(yes.note)
        yield PastDecision(
            branch=slug,
            seq=each.seq,
            decision=decision,
            discarded=attempt in gone,
            rerun=attempt in again,
            confirmed=yes.timestamp if yes is not None and not instead else "",
            rejected=line in answers.rejected,
            changed=instead,
        )
