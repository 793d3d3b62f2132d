"""Records of the other branches of a clone, and which entries a commit carries."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from correctless.base import exits
from correctless.base.exits import Stop
from correctless.base.text import one_line
from correctless.ledger.chain import GENESIS
from correctless.ledger.chain import digest as sha256
from correctless.ledger.record import decode
from correctless.project.git import Repo
from correctless.project.paths import Logs, recorded
from correctless.review import anchors, coverage
from correctless.review.coverage import Policy
from correctless.review.inheritance.marks import Mark
from correctless.runlog import branch as record
from correctless.runlog.branch import Branch, RecordedDecision, lost_log
from correctless.runlog.events import Consolidated, LoggedEvent, RunStarted, StepStarted, discarded

CONSOLIDATION = "consolidation#"  # the step of a consolidation's commit
_LOG_TRAILER = re.compile(r"([0-9]{1,18}):([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Source:
    """Another branch's record."""

    logs: Logs
    branch: Branch
    policy: Policy

    @property
    def name(self) -> str:
        """Name of the branch, as the plan or the logs' folder gives it."""
        return self.branch.plan.branch if self.branch.plan else self.logs.branch_slug

    @property
    def runs(self) -> frozenset[str]:
        """Ids of the branch's runs."""
        return runs_of(self.branch)


class Others:
    """Logs of all other branches of this clone, each read when it is first needed."""

    def __init__(self, repo: Repo, logs: Logs, env: Mapping[str, str]) -> None:
        self._logs = [each for each in recorded(repo) if each.branch_slug != logs.branch_slug]
        self._read: dict[str, Source] = {}
        self._env = env

    def of(self, mark: Mark) -> list[Source]:
        """Return the records of a mark's run.

        Raises: Stop(3) when one differs from what the commit noted.
        """
        if not mark.run:
            return [each for each in self._holding(mark.log.partition(":")[2]) if holds(each.branch, mark)]
        sources = [each for each in self._holding(json.dumps(mark.run)) if mark.run in each.runs]
        for each in sources:
            if mark.log and not holds(each.branch, mark):
                raise Stop(
                    exits.REFUSED,
                    f"{each.logs.decisions} is not what commit {mark.commit[:12]} noted of run {one_line(mark.run)} "
                    f"({one_line(mark.log)}). look at it with: correctless decisions verify --log {each.logs.decisions}",
                )
        return sources

    def events(self) -> Iterator[tuple[Logs, tuple[LoggedEvent, ...]]]:
        """Yield the logs and run log events of each other branch.

        Raises: Stop(3) when a private copy disproves a run log.
        """
        for each in self._logs:
            anchors.refuse_disproved_run(each, self._env)
            yield each, tuple(record.typed_events(each))

    def _holding(self, text: str) -> Iterator[Source]:
        for each in self._logs:
            if text and text.encode() in _bytes(each.run):
                yield self.load(each)

    def load(self, logs: Logs) -> Source:
        """Return the record of another branch.

        Raises: Stop(3) when an anchor disproves it.
        """
        if logs.run not in self._read:
            anchors.refuse_disproved(logs, None, self._env)
            branch = record.load(logs)
            self._read[logs.run] = Source(logs, branch, coverage.policy(branch))
        return self._read[logs.run]


def _bytes(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return b""


def runs_of(branch: Branch) -> frozenset[str]:
    """Return the ids of a branch's runs."""
    return frozenset(item.run for item in branch.events if isinstance(item.event, RunStarted))


def holds(branch: Branch, mark: Mark) -> bool:
    """Return whether a record has the entry a commit noted, or began after its loss."""
    match = _LOG_TRAILER.fullmatch(mark.log)
    if match is None:
        return False
    seq, head = int(match[1]), match[2]
    if seq == 0:
        return head == GENESIS and bool(mark.run)
    if any(r.seq == seq and sha256(r.line) == head for r in branch.decisions):
        return True
    before = lost_log(decode(branch.decisions[0].line)) if branch.decisions else None
    return before is not None and seq <= before.seq


def carried(branch: Branch, mark: Mark) -> Iterator[RecordedDecision]:
    """Yield the run's deferred entries that were live at the commit, or are live now."""
    match = _LOG_TRAILER.fullmatch(mark.log)
    last = int(match[1]) if match else len(branch.decisions)
    run = mark.run or next((r.decision.run for r in branch.decisions if r.seq == last), None)
    then, now = discarded(_before(branch, run, mark)), discarded(branch.events)
    for each in branch.decisions:
        d, attempt = each.decision, attempt_of(each)
        if not d.escalation_deferred or d.run not in (run, None):
            continue
        if attempt not in now or (each.seq <= last and attempt not in then):
            yield each


def _before(branch: Branch, run: str | None, mark: Mark) -> tuple[LoggedEvent, ...]:
    """Return the events before a commit; none where unknown, so nothing counts as discarded."""
    log_seq = 0
    for number, item in enumerate(branch.events):
        event = item.event
        log_seq = getattr(event, "log_seq", log_seq)
        if item.run != run:
            continue
        if isinstance(event, StepStarted) and mark.step == f"{event.step}#{event.attempt}":
            return branch.events[:number]
        consolidated = isinstance(event, Consolidated) and mark.step.startswith(CONSOLIDATION)
        if consolidated and mark.log.startswith(f"{log_seq}:"):
            return branch.events[:number]
    return ()


def attempt_of(entry: RecordedDecision) -> tuple[str | None, str | None, int | None]:
    """Return run, step and attempt of an entry."""
    d = entry.decision
    return d.run, d.step, d.attempt
