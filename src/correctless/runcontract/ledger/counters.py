"""Counts over the records of a ledger: failed tries, helpers and their cost, open questions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime

from correctless.base.values import frozen
from correctless.runcontract.document.sections import Contract
from correctless.runcontract.ledger.actions import Action
from correctless.runcontract.ledger.records import (
    EscalationAnswer,
    EscalationRecord,
    Helper,
    LoggedRecord,
    Permit,
    RepairAttempt,
    Surfaced,
    moment,
)

TWICE = 2


@frozen
class OpenEscalation:
    """An escalation without an answer."""

    id: str
    condition: str
    target: str
    freezes: tuple[str, ...]
    decision_needed: str


@frozen
class SpentBudget:
    """The used part of one spawn grant."""

    agents: int
    running: int
    cost_usd: float  # inf: unknown, and so all of it


@frozen
class SpawnPermit:
    """A permit for helpers; each counts against the grant."""

    grant: str
    expires: datetime
    action: Action


@frozen
class Counters:
    """What is counted over the records of a ledger."""

    failed: Mapping[tuple[str, str], int]  # (fix or deploy, symptom) -> failed in a row
    open: tuple[OpenEscalation, ...]
    helpers: Mapping[str, str]  # id -> the permit of each one that has no end
    permits: Mapping[str, SpawnPermit]
    ended: Mapping[str, tuple[tuple[str, float | None], ...]]  # permit -> (helper, cost) of each one that has
    answers: tuple[EscalationAnswer, ...]  # those to an open escalation

    def worst(self, what: str) -> tuple[str, int]:
        """Return the symptom that failed most often in a row, and how often."""
        counts = [(symptom, count) for (kind, symptom), count in self.failed.items() if kind == what]
        return max(counts, key=lambda each: each[1], default=("", 0))

    def spent(self, grant: str, now: datetime) -> SpentBudget:
        """Return the used part of a spawn grant; a permitted helper counts, and one without an end as running."""
        agents = running = 0
        cost = 0.0
        for id_, permit in self.permits.items():
            if permit.grant != grant:
                continue
            action = permit.action
            live = sum(1 for named in self.helpers.values() if named == id_)
            done = self.ended.get(id_, ())
            waiting = max(0, action.agents - live - len(done)) if permit.expires > now else 0
            agents += live + len(done) + waiting
            running += live + waiting
            if live + waiting:
                cost += (math.inf if action.cost_usd is None else action.cost_usd) * (live + waiting)
            cost += sum(math.inf if each is None else each for _, each in done)
        return SpentBudget(agents, running, cost)


def counters(log: Sequence[LoggedRecord], contract: Contract | None) -> Counters:
    """Return all counts; a condition of section 8 with `counter:` is open as soon as its count is reached."""
    failed: dict[tuple[str, str], int] = {}
    opened: dict[str, OpenEscalation] = {}
    helpers: dict[str, str] = {}
    permits: dict[str, SpawnPermit] = {}
    ended: dict[str, tuple[tuple[str, float | None], ...]] = {}
    answers: list[EscalationAnswer] = []
    surfaced = ""
    conditions = contract.escalations.escalation if contract is not None else ()
    for item in log:
        match item.record:
            case RepairAttempt() as record if not record.diagnostic:
                key = (record.what, folded(record.symptom))
                failed[key] = failed.get(key, 0) + 1 if record.result == "failed" else 0
                plural = _PLURAL[record.what]
                for condition in conditions:
                    if condition.raise_ == f"counter:two_failed_{plural}" and failed[key] >= TWICE:
                        question = f"{failed[key]} failed {plural} of '{record.symptom}': how to continue?"
                        id_ = counted(condition.id)
                        opened[id_] = OpenEscalation(
                            id_, condition.id, record.symptom, condition.freezes, question
                        )
            case EscalationRecord() as record:
                opened[record.id] = OpenEscalation(
                    record.id, record.condition, record.target, record.freezes, record.decision_needed
                )
            case Surfaced(digest):
                surfaced = digest
            case EscalationAnswer(escalation) as record if record.digest in ("", surfaced):
                if opened.pop(escalation, None) is not None:
                    answers.append(record)
                    for condition in conditions:
                        if escalation == counted(condition.id):
                            what = "fix" if condition.raise_.endswith("fixes") else "deploy"
                            failed = {key: 0 if key[0] == what else n for key, n in failed.items()}
            case Permit() as record if record.action["kind"] == "spawn":
                action = Action.of(record.action)
                permits[record.id] = SpawnPermit(record.grant, moment(record.expires), action)
            case Helper(id=id_, phase="start", permit=permit):
                helpers[id_] = permit
            case Helper(id=id_, phase="end", cost_usd=cost):
                permit = helpers.pop(id_, "")
                if permit:
                    ended[permit] = (*ended.get(permit, ()), (id_, cost))
            case _:
                pass
    return Counters(failed, tuple(opened.values()), helpers, permits, ended, tuple(answers))


_PLURAL = {"fix": "fixes", "deploy": "deploys"}


def counted(condition: str) -> str:
    """Return the id of the escalation that a counter raises for a condition."""
    return f"counter-{condition}"


def folded(symptom: str) -> str:
    """Return a symptom as it is compared: case folded, with single spaces."""
    return " ".join(symptom.casefold().split())
