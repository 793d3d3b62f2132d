"""`authorize` over a table of cases: records, action, and what must come of it: verdict, codes and section."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

import contracts as c
from correctless.github.facts import Check, Known, Unknown
from correctless.runcontract.judge.authorize import authorize
from correctless.runcontract.ledger.actions import Action
from correctless.runcontract.ledger.case import ALLOW, DENY, ESCALATE, CaseFacts
from correctless.runcontract.ledger.clause import Clause
from correctless.runcontract.ledger.records import (
    AskAnswer,
    Close,
    EscalationAnswer,
    EscalationRecord,
    FlipRecord,
    GateEvidence,
    Helper,
    Pin,
    Record,
    RepairAttempt,
    Revoke,
    Rollback,
    Surfaced,
)

REVISED = c.edited(("prs = [411, 412, 415]", "prs = [411, 412]"))
TRAILING = c.TEXT + " \n"
MORE_GATES = c.edited(
    ('gates = ["V1"]', 'gates = ["V1", "V2"]'),
    ("```toml contract.gates\n", '```toml contract.gates\n[[gate]]\nid = "V2"\nname = "n"\naccept = "a"\ncheck = ["true"]\nbind = "time"\nmax_age = "1d"\n\n'),
)  # fmt: skip
FREE = c.edited(('check = "pairing"', "prompt_only = true"))
UNSERIAL = c.edited(("serialize_on_green_base = true", "serialize_on_green_base = false"))
LONE = c.edited(('check = "pairing"', "prompt_only = true"), ("max_concurrent = 2", "max_concurrent = 4"))


def for_(text: str, *more: Record) -> tuple[Record, ...]:
    """Active under another text."""
    of = c.digest(text)
    return (Surfaced(of), *(c.yes(g, of=of) for g in ("G1", "G2", "G3", "G4")), c.pin(of), *more)


def other(name: str) -> Action:
    return Action("other", name)


def failed(
    what: str = "fix", symptom: str = "slow", result: str = "failed", *, diagnostic: bool = False
) -> RepairAttempt:
    return RepairAttempt(what, symptom, result, diagnostic)


def opened(
    condition: str = "E1", freezes: tuple[str, ...] = ("merge", "flip:F1"), id_: str = "E1-1"
) -> EscalationRecord:
    return EscalationRecord(id_, condition, "x", "b", ("t",), "which?", "this", freezes)


def ran(result: str = "passed", **changes: Any) -> GateEvidence:
    return replace(c.EVIDENCE, result=result, **changes)


def ran_check(
    name: str, run: int, conclusion: str = "SUCCESS", *, workflow: str = "ci", minutes: int = 9
) -> Check:
    begun = c.NOW - timedelta(minutes=minutes)
    return Check(name, "github-actions", workflow, "pull_request", run, "COMPLETED", conclusion, begun)


# The section each code is of; a row says it itself where that depends.
SECTIONS = {
    "contract": 0, "digest": 0, "pinned": 0, "ledger": 0, "clock": 0, "action": 0, "state": 0, "signature": 2, "answer": 2, "budget": 2,
    "merge": 3, "gate": 4, "flip.revision": 4, "flip.age": 4, "flip": 5, "trigger": 6, "spawn.concurrent": 2, "spawn.pairing": 7,
    "constraint": 7, "frozen": 8,
}  # fmt: skip


@dataclass(frozen=True)
class Row:
    name: str
    records: tuple[Record, ...]
    action: Action
    verdict: str
    codes: str = ""  # the codes of all clauses, in order
    section: int | None = None  # of the first
    facts: CaseFacts = field(default_factory=c.facts)
    more: dict[str, Any] = field(default_factory=dict)  # for `contracts.case`


READY = (*c.ACTIVE, c.REVIEWED)
GREEN = (*c.ACTIVE, c.EVIDENCE)
FLIPPED = (*GREEN, *c.FLIPPED)
AGAIN = (*c.GRANTED, c.pin())  # everything that ended, asked and answered once more
DEPLOY = Action("other", "deploy.prod")
YES = c.reaffirm("C1", DEPLOY)
USED = c.permit(DEPLOY, "", reaffirmed=("r1",))
TAMPERED = {"text": TRAILING}
LOOSE = {"text": UNSERIAL, "pinned": UNSERIAL}
WAIVED = c.waiver(of=c.digest(UNSERIAL))

ROWS = (
    # what is allowed
    Row("merge", READY, c.MERGE, ALLOW),
    Row("flip", GREEN, c.FLIP, ALLOW),
    Row("spawn", c.ACTIVE, c.SPAWN, ALLOW),
    Row("rollback by a trigger", (*FLIPPED, c.FIRED), c.ROLLBACK, ALLOW),
    Row("rollback by the operator", FLIPPED, c.ORDERED, ALLOW),
    Row("merge by a wildcard ask", (*c.ACTIVE, c.yes("G5"), replace(c.REVIEWED, pr=900)), Action("merge", "900"), ALLOW, facts=CaseFacts(c.pull(number=900))),
    Row("merge while flipped", (*FLIPPED, c.REVIEWED), c.MERGE, ALLOW),
    Row("flip after the one before it", FLIPPED, Action("flip", "F2"), ALLOW),
    # 1. integrity
    Row("no contract", c.ACTIVE, c.MERGE, ESCALATE, "contract digest", 0, more={"text": ""}),
    Row("a gap", c.ACTIVE, c.MERGE, ESCALATE, "contract digest", more={"text": c.edited(('"Ada"', '"[?: need operator input]"'))}),
    Row("a gap in prose", c.ACTIVE, c.MERGE, ESCALATE, "contract digest", more={"text": c.edited(("for people", "[?: need operator input]"))}),
    Row("a missing key", c.ACTIVE, c.MERGE, ESCALATE, "contract digest", more={"text": c.edited(('base = "main"\n', ""))}),
    Row("an unknown enum value", c.ACTIVE, c.MERGE, ESCALATE, "contract digest", more={"text": c.edited(('"CLEAN"', '"FINE"'))}),
    Row("an enum value in lower case", c.ACTIVE, c.MERGE, ESCALATE, "contract digest", more={"text": c.edited(('"CLEAN"', '"clean"'))}),
    Row("a trailing space after pin", c.ACTIVE, c.MERGE, ESCALATE, "digest", more=TAMPERED),
    Row("a trailing space after pin, spawn", c.ACTIVE, c.SPAWN, ESCALATE, "digest", more=TAMPERED),
    Row("a trailing space after pin, flip", GREEN, c.FLIP, ESCALATE, "digest", more=TAMPERED),
    Row("a trailing space after pin, other", c.ACTIVE, other("deploy.prod"), ESCALATE, "digest", more=TAMPERED),
    Row("the pinned bytes are gone", c.ACTIVE, c.MERGE, ESCALATE, "pinned", more={"pinned": None}),
    Row("the pinned bytes are others", c.ACTIVE, c.MERGE, ESCALATE, "pinned", more={"pinned": TRAILING}),
    Row("a damaged ledger", c.ACTIVE, c.MERGE, ESCALATE, "ledger", more={"faults": (Clause("ledger", 0, "x", "y"),)}),
    Row("a forged signature", c.ACTIVE, c.MERGE, ESCALATE, "signature", 2, more={"faults": (Clause("signature", 2, "x", "y"),)}),
    Row("a clock before the ledger", c.ACTIVE, c.MERGE, ESCALATE, "clock", more={"now": c.START - timedelta(minutes=1)}),
    Row("a clock without zone", c.ACTIVE, c.MERGE, DENY, "clock", more={"now": c.NOW.replace(tzinfo=None)}),
    Row("no contract and no record", (), c.MERGE, ESCALATE, "contract", more={"text": "", "pinned": None}),
    # unknown actions
    Row("an unknown action", c.ACTIVE, Action("delete", "1"), DENY, "action.unknown"),
    Row("an action in upper case", c.ACTIVE, Action("MERGE", "412"), DENY, "action.unknown"),
    Row("no action", c.ACTIVE, Action(""), DENY, "action.unknown"),
    Row("a pull request that is no number", c.ACTIVE, Action("merge", "main"), DENY, "action.unknown"),
    Row("a pull request with a leading zero", READY, Action("merge", "0412"), DENY, "action.unknown"),
    Row("a pull request with a line end", READY, Action("merge", "412\n"), DENY, "action.unknown"),
    Row("pull request *", READY, Action("merge", "*"), DENY, "action.unknown"),
    Row("a flip with a slash", c.ACTIVE, Action("flip", "F1/../F2"), DENY, "action.unknown"),
    Row("a rollback of nothing", c.ACTIVE, Action("rollback", ""), DENY, "action.unknown"),
    Row("no helpers", c.ACTIVE, Action("spawn"), DENY, "action.unknown"),
    Row("fewer than no helpers", c.ACTIVE, Action("spawn", agents=-2, cost_usd=1, minutes=1), DENY, "action.unknown"),
    Row("a negative cost", c.ACTIVE, Action("spawn", agents=2, cost_usd=-1, minutes=1), DENY, "action.unknown"),
    Row("a cost that is no number", c.ACTIVE, Action("spawn", agents=2, cost_usd=float("nan"), minutes=1), DENY, "action.unknown"),
    Row("an infinite cost", c.ACTIVE, Action("spawn", agents=2, cost_usd=float("inf"), minutes=1), DENY, "action.unknown"),
    Row("something else in capitals", c.ACTIVE, other("Deploy.prod"), DENY, "action.unknown"),
    Row("something else with a space", c.ACTIVE, other("deploy prod"), DENY, "action.unknown"),
    Row("a merge as something else", READY, other("merge"), DENY, "action.unknown"),
    Row("a merge as something else, with a flag", READY, other("merge.admin"), DENY, "action.unknown"),
    # 2. lifecycle
    Row("a draft", (), c.MERGE, DENY, "state", 0, more={"pinned": None}),
    Row("surfaced, not answered", (c.SURFACED,), c.MERGE, DENY, "state", more={"pinned": None}),
    Row("answered, not pinned", c.GRANTED, c.MERGE, DENY, "state", more={"pinned": None}),
    Row("answered for other bytes, not surfaced", (c.yes("G1"),), c.MERGE, DENY, "state", more={"pinned": None}),
    Row("closed", (*READY, Close("Ada", "terminal")), c.MERGE, DENY, "state"),
    Row("closed, spawn", (*READY, Close("Ada", "terminal")), c.SPAWN, DENY, "state"),
    Row("closed and surfaced again", (*READY, Close("Ada", "terminal"), c.SURFACED), c.MERGE, DENY, "state"),
    Row("revoked", (*READY, Revoke("*", "Ada", "terminal")), c.MERGE, DENY, "state"),
    Row("revoked, flip", (*GREEN, Revoke("*", "Ada", "terminal")), c.FLIP, DENY, "state"),
    Row("revoked and pinned again without an answer", (*READY, Revoke("*", "Ada", "terminal"), c.SURFACED, c.pin()), c.MERGE, ESCALATE, "answer.revoked", 2),
    Row("expired", READY, c.MERGE, DENY, "state", more={"now": datetime.fromisoformat("2026-08-07T18:00:00Z")}),
    Row("one second before it expires", c.ACTIVE, c.SPAWN, ALLOW, more={"now": datetime.fromisoformat("2026-08-07T17:59:59Z")}),
    Row("expired, spawn", c.ACTIVE, c.SPAWN, DENY, "state", more={"now": datetime.fromisoformat("2027-01-01T00:00:00Z")}),
    Row("a revision, surfaced alone", (*READY, Surfaced(c.digest(REVISED))), c.MERGE, DENY, "state", more={"text": REVISED}),
    Row("a revision, answered and not pinned", (*READY, Surfaced(c.digest(REVISED)), c.yes("G1", of=c.digest(REVISED))), c.MERGE, DENY, "state", more={"text": REVISED}),
    Row("the older revision put back after the newer one was pinned", (*for_(REVISED), c.REVIEWED), c.MERGE, ESCALATE, "digest", more={"pinned": REVISED}),
    Row("the older revision put back after a newer one was surfaced", (*READY, Surfaced(c.digest(REVISED))), c.MERGE, ESCALATE, "answer.none", 2),
    Row("merge while the switch is thrown", (*READY, FlipRecord("F1", "started")), c.MERGE, DENY, "state"),
    Row("merge after a switch of unknown outcome", (*READY, FlipRecord("F1", "started"), FlipRecord("F1", "unknown")), c.MERGE, DENY, "state"),
    Row("merge while rolling back", (*READY, *c.FLIPPED, Rollback("F1", "started")), c.MERGE, DENY, "state"),
    Row("merge after a rollback", (*READY, *c.FLIPPED, Rollback("F1", "started"), Rollback("F1", "done")), c.MERGE, ALLOW),
    Row("spawn after a switch of unknown outcome", (*c.ACTIVE, FlipRecord("F1", "unknown")), c.SPAWN, DENY, "state"),
    Row("flip twice", FLIPPED, c.FLIP, DENY, "state", 5),
    Row("flip while it is thrown", (*GREEN, FlipRecord("F1", "started")), c.FLIP, DENY, "state"),
    Row("flip again after it was called off", (*GREEN, FlipRecord("F1", "started"), FlipRecord("F1", "called_off")), c.FLIP, ALLOW),
    Row("flip again after a rollback", (*FLIPPED, Rollback("F1", "started"), Rollback("F1", "done")), c.FLIP, DENY, "flip.rolled_back", 5),
    Row("calling off does not take a rollback back", (*FLIPPED, Rollback("F1", "done"), FlipRecord("F1", "called_off")), c.FLIP, DENY, "flip.rolled_back"),
    Row("flip again after a rollback, pinned anew without a gate", (*FLIPPED, Rollback("F1", "done"), c.pin()), c.FLIP, DENY, "flip.rolled_back"),
    Row("flip again after a rollback, with another gate instead", (*FLIPPED, Rollback("F1", "done"), c.pin(gates=("V2",))), c.FLIP, DENY, "flip.rolled_back"),
    Row("flip again after a rollback, with one gate more", (*FLIPPED, Rollback("F1", "done"), *for_(MORE_GATES)[:-1], Pin(c.digest(MORE_GATES), {"F1": ("V1", "V2")}), replace(c.EVIDENCE, gate="V1"), GateEvidence("V2", "passed", "", argv=("true",))), c.FLIP, ALLOW, more={"text": MORE_GATES, "pinned": MORE_GATES}),
    Row("rollback of what was never flipped", c.ACTIVE, c.ROLLBACK, DENY, "state", 5),
    Row("rollback of what was rolled back", (*FLIPPED, Rollback("F1", "done")), c.ORDERED, DENY, "state", 5),
    Row("rollback of a flip of unknown outcome", (*GREEN, FlipRecord("F1", "unknown")), c.ORDERED, ALLOW),
    Row("rollback again after it failed", (*FLIPPED, Rollback("F1", "started"), Rollback("F1", "failed")), c.ORDERED, ALLOW),
    # 3. standing constraints
    Row("a deploy", c.ACTIVE, other("deploy.prod"), DENY, "constraint.C1", 7),
    Row("a deploy by its bare name", c.ACTIVE, other("sql.prod:drop"), DENY, "constraint.C1"),
    Row("a push to the base", c.ACTIVE, other("git.push:main"), DENY, "constraint.C1"),
    Row("a push to the base by its full name", c.ACTIVE, other("git.push:refs/heads/main"), DENY, "constraint.C1"),
    Row("a push to the base with force", c.ACTIVE, other("git.push:+main"), DENY, "constraint.C1"),
    Row("a push to the base from elsewhere", c.ACTIVE, other("git.push:HEAD:main"), DENY, "constraint.C1"),
    Row("a push to another branch", c.ACTIVE, other("git.push:maintenance"), ESCALATE, "answer.not_asked", 2),
    Row("a merge past the rules", READY, Action("merge", "412", ("--admin",)), DENY, "constraint.C1", 7),
    Row("a constraint wins over a grant", (*c.ACTIVE, replace(c.REVIEWED, pr=415)), Action("merge", "415"), DENY, "constraint.C1", facts=CaseFacts(c.pull(number=415))),
    Row("a re-affirmation", (*c.ACTIVE, c.reaffirm("C1", other("deploy.prod"))), other("deploy.prod"), ALLOW),
    Row("a re-affirmation of a merge", (*c.ACTIVE, replace(c.REVIEWED, pr=415), c.reaffirm("C1", Action("merge", "415"))), Action("merge", "415"), ALLOW, facts=CaseFacts(c.pull(number=415))),
    Row("a re-affirmation by the wrong id", (*c.ACTIVE, c.reaffirm("C2", other("deploy.prod"))), other("deploy.prod"), DENY, "constraint.C1"),
    Row("a re-affirmation of another action", (*c.ACTIVE, c.reaffirm("C1", other("deploy.stage"))), other("deploy.prod"), DENY, "constraint.C1"),
    Row("a re-affirmation for other bytes", (*c.ACTIVE, c.reaffirm("C1", other("deploy.prod"), of="0" * 64)), other("deploy.prod"), DENY, "constraint.C1"),
    Row("a re-affirmation that expired", (*c.ACTIVE, c.reaffirm("C1", other("deploy.prod"), until=c.NOW)), other("deploy.prod"), DENY, "constraint.C1"),
    Row("a re-affirmation that was used", (*c.ACTIVE, c.reaffirm("C1", other("deploy.prod")), c.permit(other("deploy.prod"), "", reaffirmed=("r1",))), other("deploy.prod"), DENY, "constraint.C1"),
    Row("one of two re-affirmations used", (*c.ACTIVE, c.reaffirm("C1", other("deploy.prod")), c.reaffirm("C1", other("deploy.prod"), id_="r2"), c.permit(other("deploy.prod"), "", reaffirmed=("r1",))), other("deploy.prod"), ALLOW),
    Row("a re-affirmation that was used, and is on record again", (*c.ACTIVE, YES, USED, YES), DEPLOY, DENY, "constraint.C1"),
    Row("a re-affirmation that was used before it was on record", (*c.ACTIVE, USED, YES), DEPLOY, DENY, "constraint.C1"),
    Row("a second re-affirmation under an id that expired", (*c.ACTIVE, replace(YES, expires=c.NOW.isoformat()), YES), DEPLOY, DENY, "constraint.C1"),
    Row("a re-affirmation for a day", (*c.ACTIVE, replace(YES, expires=(c.START + timedelta(days=1)).isoformat())), DEPLOY, ALLOW),
    Row("a re-affirmation for more than a day", (*c.ACTIVE, replace(YES, expires=(c.START + timedelta(days=1, minutes=1)).isoformat())), DEPLOY, DENY, "constraint.C1"),
    Row("a re-affirmation after the end", (*c.ACTIVE, replace(YES, expires="2099-01-01T00:00:00Z")), DEPLOY, DENY, "state", more={"now": datetime.fromisoformat("2026-08-07T18:00:00Z")}),
    Row("a re-affirmation before another version was surfaced", (*c.ACTIVE, YES, Surfaced(c.digest(REVISED)), *AGAIN), DEPLOY, DENY, "constraint.C1"),
    Row("a re-affirmation before the same was surfaced again", (*c.ACTIVE, YES, *AGAIN), DEPLOY, ALLOW),
    Row("a re-affirmation before a close", (*c.ACTIVE, YES, Close("Ada", "terminal"), *AGAIN), DEPLOY, DENY, "constraint.C1"),
    Row("a re-affirmation before everything was revoked", (*c.ACTIVE, YES, Revoke("*", "Ada", "terminal"), *AGAIN), DEPLOY, DENY, "constraint.C1"),
    Row("a re-affirmation before one answer was revoked", (*c.ACTIVE, YES, Revoke("G5", "Ada", "terminal")), DEPLOY, ALLOW),
    Row("a re-affirmation is no answer to a merge", (*c.ACTIVE[:-1], c.no("G1"), c.pin(), c.reaffirm("C1", Action("merge", "415"))), Action("merge", "415"), ESCALATE, "answer.refused"),
    Row("two failed fixes", (*READY, failed(), failed()), c.MERGE, DENY, "constraint.C2", 7),
    Row("two failed fixes, another spelling of the symptom", (*READY, failed(symptom="Slow  login"), failed(symptom="slow login")), c.MERGE, DENY, "constraint.C2"),
    Row("two failed deploys", (*READY, failed("deploy"), failed("deploy"), EscalationAnswer("counter-E4", "go on", "Ada", "terminal")), c.MERGE, ALLOW),
    Row("two failed fixes, flip", (*GREEN, failed(), failed()), c.FLIP, DENY, "constraint.C2"),
    Row("two failed fixes, a third", (*c.ACTIVE, failed(), failed()), other("fix"), DENY, "constraint.C2"),
    Row("one failed fix", (*READY, failed()), c.MERGE, ALLOW),
    Row("two failed fixes of two symptoms", (*READY, failed(symptom="a"), failed(symptom="b")), c.MERGE, ALLOW),
    Row("two failed fixes with one that helped between", (*READY, failed(), failed(result="ok"), failed()), c.MERGE, ALLOW),
    Row("two failed fixes, one of them to find out", (*READY, failed(), failed(diagnostic=True)), c.MERGE, ALLOW),
    Row("two failed fixes do not stop a rollback", (*FLIPPED, failed(), failed()), c.ORDERED, ALLOW),
    # 4. answers
    Row("asked and not answered", (c.SURFACED, c.yes("G2"), c.pin()), c.MERGE, ESCALATE, "answer.none", 2),
    Row("refused", (c.SURFACED, c.yes("G2"), c.no("G1"), c.pin()), c.MERGE, ESCALATE, "answer.refused", 2),
    Row("granted, then refused", (*READY, c.no("G1")), c.MERGE, ESCALATE, "answer.refused"),
    Row("revoked", (*READY, Revoke("G1", "Ada", "terminal")), c.MERGE, ESCALATE, "answer.revoked", 2),
    Row("revoked, then granted again", (*READY, Revoke("G1", "Ada", "terminal"), c.yes("G1")), c.MERGE, ALLOW),
    Row("another was revoked", (*READY, Revoke("G2", "Ada", "terminal")), c.MERGE, ALLOW),
    Row("answered for another digest", (c.SURFACED, c.yes("G1", of="0" * 64), c.yes("G2"), c.pin()), c.MERGE, ESCALATE, "answer.none"),
    Row("in scope", (*READY, c.yes("G1", "411,412")), c.MERGE, ALLOW),
    Row("out of scope", (*READY, c.yes("G1", "411")), c.MERGE, ESCALATE, "answer.scope", 2),
    Row("not in the ask", READY, Action("merge", "413"), ESCALATE, "answer.scope"),
    Row("a scope wider than the ask", (c.SURFACED, c.yes("G1", "411,412,999"), c.yes("G2"), c.pin()), c.MERGE, ESCALATE, "answer.none"),
    Row("a wider scope takes the narrow one away", (*READY, c.yes("G1", "412,999")), c.MERGE, ESCALATE, "answer.refused"),
    Row("a wildcard beside items", (c.SURFACED, c.yes("G1", "*,412"), c.yes("G2"), c.pin()), c.MERGE, ESCALATE, "answer.none"),
    Row("excluded", (*READY, c.yes("G1", "*", "412")), c.MERGE, ESCALATE, "answer.excluded", 2),
    Row("excluded, then a wildcard", (*READY, c.yes("G1", "*", "412"), c.yes("G1")), c.MERGE, ESCALATE, "answer.excluded"),
    Row("excluded in one ask, a wildcard in another", (*READY, c.yes("G1", "*", "412"), c.yes("G5")), c.MERGE, ESCALATE, "answer.excluded"),
    Row("excluded, then named", (*READY, c.yes("G1", "*", "412"), c.yes("G1", "412")), c.MERGE, ALLOW),
    Row("excluded in an older version, then a wildcard", (Surfaced("0" * 64), c.yes("G1", "*", "412", of="0" * 64), *READY), c.MERGE, ESCALATE, "answer.excluded"),
    Row("granted and excluded in one answer", (*READY, c.yes("G1", "412", "412")), c.MERGE, ESCALATE, "answer.excluded"),
    Row("an answer to no ask", (c.SURFACED, c.yes("G9"), c.pin()), c.MERGE, ESCALATE, "answer.none"),
    Row("another ask's answer", (c.SURFACED, c.yes("G2"), c.yes("G3"), c.yes("G4"), c.pin()), c.MERGE, ESCALATE, "answer.none"),
    Row("a flip out of scope", (*GREEN, c.yes("G2", "F2")), c.FLIP, ESCALATE, "answer.scope"),
    Row("a flip that is not in the contract", GREEN, Action("flip", "F9"), ESCALATE, "answer.scope"),
    Row("something nobody asked for", c.ACTIVE, other("mail.send"), ESCALATE, "answer.not_asked", 2),
    Row("something nobody asked for, re-affirmed without need", (*c.ACTIVE, c.reaffirm("C1", other("mail.send"))), other("mail.send"), ESCALATE, "answer.not_asked"),
    Row("helpers beyond the budget", c.ACTIVE, Action("spawn", agents=6, cost_usd=1, minutes=1), ESCALATE, "budget.agents", 2),
    Row("helpers beyond a narrowed budget", (*c.ACTIVE, c.yes("G4", "max_agents=1")), c.SPAWN, ESCALATE, "budget.agents"),
    Row("a budget wider than the ask", (*c.ACTIVE, c.yes("G4", "max_agents=9")), c.SPAWN, ESCALATE, "answer.refused"),
    Row("a narrowed cost", (*c.ACTIVE, c.yes("G4", "max_cost_usd=9.5")), c.SPAWN, ESCALATE, "budget.cost"),
    Row("a cost beyond the budget", c.ACTIVE, Action("spawn", agents=2, cost_usd=20.01, minutes=1), ESCALATE, "budget.cost", 2),
    Row("exactly the budget", c.ACTIVE, Action("spawn", agents=2, cost_usd=20, minutes=60), ALLOW),
    Row("minutes beyond the budget", c.ACTIVE, Action("spawn", agents=2, cost_usd=1, minutes=61), ESCALATE, "budget.minutes", 2),
    Row("no limit in minutes", c.ACTIVE, Action("spawn", agents=2, cost_usd=1), ESCALATE, "budget.minutes"),
    Row("an unknown cost is the rest of the budget", (*c.ACTIVE, c.permit(c.SPAWN, "G4"), Helper("h1", "start", "p1"), Helper("h1", "end")), c.SPAWN, ESCALATE, "budget.cost", more={"now": c.NOW + timedelta(minutes=2)}),
    Row("a permit in use counts", (*c.ACTIVE, c.permit(replace(c.SPAWN, agents=4), "G4")), c.SPAWN, ESCALATE, "budget.agents"),
    Row("a permit that expired unused does not", (*c.ACTIVE, c.permit(replace(c.SPAWN, agents=4), "G4", until=c.NOW)), c.SPAWN, ALLOW),
    Row("ended helpers stay counted", (*c.ACTIVE, c.permit(replace(c.SPAWN, agents=3), "G4", until=c.NOW), *(r for h in ("a", "b", "d") for r in (Helper(h, "start", "p1"), Helper(h, "end", "", 1.0)))), c.SPAWN, ESCALATE, "budget.agents"),
    # 5. freeze
    Row("an open escalation", (*READY, opened()), c.MERGE, ESCALATE, "frozen.E1", 8),
    Row("an open escalation on a flip", (*GREEN, opened()), c.FLIP, ESCALATE, "frozen.E1"),
    Row("an open escalation that names another flip", (*GREEN, opened(freezes=("flip:F2",))), c.FLIP, ALLOW),
    Row("an open escalation that freezes nothing of this", (*c.ACTIVE, opened()), c.SPAWN, ALLOW),
    Row("an open escalation on everything", (*c.ACTIVE, opened(freezes=("*",))), c.SPAWN, ESCALATE, "frozen.E1"),
    Row("an answered escalation", (*READY, opened(), EscalationAnswer("E1-1", "go on", "Ada", "terminal")), c.MERGE, ALLOW),
    Row("an answer to another escalation", (*READY, opened(), EscalationAnswer("E1-2", "go on", "Ada", "terminal")), c.MERGE, ESCALATE, "frozen.E1"),
    Row("an answer under other bytes", (*READY, opened(), EscalationAnswer("E1-1", "go on", "Ada", "signed", "0" * 64)), c.MERGE, ESCALATE, "frozen.E1"),
    Row("an answer under these bytes", (*READY, opened(), EscalationAnswer("E1-1", "go on", "Ada", "signed", c.DIGEST)), c.MERGE, ALLOW),
    Row("an answer under the bytes that were surfaced before others", (*READY, opened(), Surfaced(c.digest(REVISED)), EscalationAnswer("E1-1", "go on", "Ada", "signed", c.DIGEST), *AGAIN), c.MERGE, ESCALATE, "frozen.E1"),
    Row("two open, one answered", (*READY, opened(), opened(id_="E1-2"), EscalationAnswer("E1-1", "x", "Ada", "terminal")), c.MERGE, ESCALATE, "frozen.E1"),
    Row("silence for days", (*READY, opened()), c.MERGE, ESCALATE, "frozen.E1", more={"now": c.NOW + timedelta(days=4)}, facts=c.facts(c.NOW + timedelta(days=4))),
    Row("a counter freezes", (*c.ACTIVE, failed(), failed()), c.SPAWN, ESCALATE, "frozen.E3", 8),
    Row("a counter a person answered", (*c.ACTIVE, failed(), failed(), EscalationAnswer("counter-E3", "go on", "Ada", "terminal")), c.SPAWN, ALLOW),
    Row("a counter starts anew after the answer", (*c.ACTIVE, failed(), failed(), EscalationAnswer("counter-E3", "go on", "Ada", "terminal"), failed()), c.SPAWN, ALLOW),
    Row("a counter of deploys freezes everything", (*READY, failed("deploy"), failed("deploy")), c.SPAWN, ESCALATE, "frozen.E4"),
    Row("a freeze does not stop a rollback", (*FLIPPED, c.FIRED, opened(freezes=("*",))), c.ROLLBACK, ALLOW),
    # 6. terms: merge
    Row("no facts", READY, c.MERGE, DENY, "merge.facts", 3, facts=CaseFacts()),
    Row("no review", c.ACTIVE, c.MERGE, DENY, "merge.review", 3),
    Row("a review of another pull request", (*c.ACTIVE, replace(c.REVIEWED, pr=411)), c.MERGE, DENY, "merge.review"),
    Row("a merge state that is unknown", READY, c.MERGE, DENY, "merge.merge_state", facts=CaseFacts(c.pull(merge_state=Unknown("no answer", c.NOW)))),
    Row("a fact that could not be had", READY, c.MERGE, DENY, "merge.mergeable", facts=CaseFacts(c.pull(mergeable=Unknown("timed out", c.NOW)))),
    Row("everything wrong at once", c.ACTIVE, c.MERGE, DENY, "merge.draft merge.merge_state merge.review", facts=CaseFacts(c.pull(draft=True, merge_state="BEHIND"))),
    Row("a red check that is red on the base", for_(UNSERIAL, c.REVIEWED), c.MERGE, DENY, "merge.check", facts=CaseFacts(c.red()), more=LOOSE),
    Row("a waiver", for_(UNSERIAL, c.REVIEWED, WAIVED), c.MERGE, ALLOW, facts=CaseFacts(c.red()), more=LOOSE),
    Row("a waiver before the same was surfaced again", for_(UNSERIAL, c.REVIEWED, WAIVED, *for_(UNSERIAL)), c.MERGE, ALLOW, facts=CaseFacts(c.red()), more=LOOSE),
    Row("a waiver before another version was surfaced", for_(UNSERIAL, c.REVIEWED, WAIVED, c.SURFACED, *for_(UNSERIAL)), c.MERGE, DENY, "merge.check", facts=CaseFacts(c.red()), more=LOOSE),
    Row("a waiver before a close", for_(UNSERIAL, c.REVIEWED, WAIVED, Close("Ada", "terminal"), *for_(UNSERIAL)), c.MERGE, DENY, "merge.check", facts=CaseFacts(c.red()), more=LOOSE),
    Row("a waiver before everything was revoked", for_(UNSERIAL, c.REVIEWED, WAIVED, Revoke("*", "Ada", "terminal"), *for_(UNSERIAL)), c.MERGE, DENY, "merge.check", facts=CaseFacts(c.red()), more=LOOSE),
    Row("a waiver for other bytes", (*READY, c.waiver(of="0" * 64)), c.MERGE, DENY, "merge.check merge.check", facts=CaseFacts(c.pull(checks=()))),
    Row("UNKNOWN", READY, c.MERGE, DENY, "merge.merge_state", facts=CaseFacts(c.pull(merge_state="UNKNOWN"))),
    Row("UNKNOWN before, CLEAN now", READY, c.MERGE, ALLOW, facts=CaseFacts(c.pull(merge_state="CLEAN"))),
    Row("HAS_HOOKS", READY, c.MERGE, DENY, "merge.merge_state", facts=CaseFacts(c.pull(merge_state="HAS_HOOKS"))),
    Row("UNSTABLE", READY, c.MERGE, DENY, "merge.merge_state", facts=CaseFacts(c.pull(merge_state="UNSTABLE"))),
    Row("clean in lower case", READY, c.MERGE, DENY, "merge.merge_state", facts=CaseFacts(c.pull(merge_state="clean"))),
    Row("a merge state of tomorrow", READY, c.MERGE, DENY, "merge.merge_state", facts=CaseFacts(c.pull(merge_state="CLEANER"))),
    Row("CONFLICTING", READY, c.MERGE, DENY, "merge.mergeable", facts=CaseFacts(c.pull(mergeable="CONFLICTING"))),
    Row("closed on the host", READY, c.MERGE, DENY, "merge.state", facts=CaseFacts(c.pull(state="CLOSED"))),
    Row("another pull request's facts", READY, c.MERGE, DENY, "merge.number", facts=CaseFacts(c.pull(number=411))),
    Row("another repository's facts", READY, c.MERGE, DENY, "merge.repository", facts=CaseFacts(c.pull(repository="github.com/acme/other"))),
    Row("into another base", READY, c.MERGE, DENY, "merge.base", facts=CaseFacts(c.pull(base="next"))),
    Row("at the head that was asked for", READY, replace(c.MERGE, head=c.HEAD), ALLOW),
    Row("at another head than was asked for", READY, replace(c.MERGE, head="f" * 40), DENY, "merge.head"),
    Row("at half a commit", READY, replace(c.MERGE, head="abc"), DENY, "action.unknown"),
    Row("a head of what is no merge", c.ACTIVE, replace(c.SPAWN, head=c.HEAD), DENY, "action.unknown"),
    Row("a merge the operator orders", READY, replace(c.MERGE, operator=True), DENY, "action.unknown"),
    Row("a review of the head before", READY, c.MERGE, DENY, "merge.review", facts=CaseFacts(c.pull(head="f" * 40))),
    Row("armed", READY, c.MERGE, DENY, "merge.auto_merge", facts=CaseFacts(c.pull(auto_merge=True))),
    Row("a page unread", READY, c.MERGE, DENY, "merge.pages", facts=CaseFacts(c.pull(all_pages=False))),
    Row("a required check is absent", READY, c.MERGE, DENY, "merge.check", facts=CaseFacts(c.pull(checks=(ran_check("lint", 2),)))),
    Row("a required check was skipped", READY, c.MERGE, DENY, "merge.check", facts=CaseFacts(c.pull(checks=(ran_check("tests", 1, "SKIPPED"), ran_check("lint", 2))))),
    Row("a required check failed, and passed before", READY, c.MERGE, DENY, "merge.check", facts=CaseFacts(c.pull(checks=(ran_check("tests", 3, "FAILURE", minutes=5), ran_check("tests", 1), ran_check("lint", 2))))),
    Row("a required check passed, and failed before", READY, c.MERGE, ALLOW, facts=CaseFacts(c.pull(checks=(ran_check("tests", 3, minutes=5), ran_check("tests", 1, "FAILURE"), ran_check("lint", 2))))),
    Row("a required check from another workflow too", READY, c.MERGE, DENY, "merge.check", facts=CaseFacts(c.pull(checks=(ran_check("tests", 1), ran_check("tests", 3, workflow="mine"), ran_check("lint", 2))))),
    Row("another check fails", READY, c.MERGE, DENY, "merge.other_check", facts=CaseFacts(c.pull(checks=(ran_check("tests", 1), ran_check("lint", 2), ran_check("docs", 4, "FAILURE"))))),
    Row("an optional check was skipped", READY, c.MERGE, ALLOW, facts=CaseFacts(c.pull(checks=(ran_check("tests", 1), ran_check("lint", 2), ran_check("preview", 4, "SKIPPED"))))),
    Row("the base is red", READY, c.MERGE, DENY, "merge.base_green merge.base_green", facts=CaseFacts(c.pull(base_checks=(ran_check("tests", 3, "FAILURE"),)))),
    Row("facts that are too old", READY, c.MERGE, DENY, "merge.age", facts=CaseFacts(c.pull(c.NOW - timedelta(seconds=61)))),
    Row("facts from the future", READY, c.MERGE, DENY, "merge.age", facts=CaseFacts(c.pull(c.NOW + timedelta(seconds=31)))),
    Row("facts without zone", READY, c.MERGE, DENY, "merge.age", facts=CaseFacts(c.pull(mergeable=Known("MERGEABLE", c.NOW.replace(tzinfo=None))))),
    Row("a re-affirmation of any head is one of this head", (*c.ACTIVE, replace(c.REVIEWED, pr=415), c.reaffirm("C1", Action("merge", "415"))), Action("merge", "415", head=c.HEAD), ALLOW, facts=CaseFacts(c.pull(number=415))),
    Row("a re-affirmation of one head is none of any", (*c.ACTIVE, replace(c.REVIEWED, pr=415), c.reaffirm("C1", Action("merge", "415", head=c.HEAD))), Action("merge", "415"), DENY, "constraint.C1", facts=CaseFacts(c.pull(number=415))),
    Row("with a flag no constraint names", READY, Action("merge", "412", ("--delete-branch",)), DENY, "merge.flag"),
    # 6. terms: flip
    Row("no evidence", c.ACTIVE, c.FLIP, DENY, "gate.red", 4),
    Row("failed", (*c.ACTIVE, ran("failed")), c.FLIP, DENY, "gate.red"),
    Row("passed, then failed", (*GREEN, ran("failed")), c.FLIP, DENY, "gate.red"),
    Row("failed, then passed: flaky", (*c.ACTIVE, ran("failed"), ran()), c.FLIP, ESCALATE, "gate.amber", 4),
    Row("failed long before", (*c.ACTIVE, ran("failed"), ran(), ran(), ran()), c.FLIP, ALLOW),
    Row("failed at another revision", (*c.ACTIVE, ran("failed", revision="f" * 40), ran()), c.FLIP, ALLOW),
    Row("partial", (*c.ACTIVE, ran("partial")), c.FLIP, ESCALATE, "gate.amber"),
    Row("claimed", (*c.ACTIVE, ran("claimed")), c.FLIP, ESCALATE, "gate.amber"),
    Row("another check than the contract names", (*c.ACTIVE, ran(argv=("true",))), c.FLIP, ESCALATE, "gate.amber"),
    Row("evidence of another revision", GREEN, c.FLIP, DENY, "gate.red", facts=CaseFacts(None, c.here(revision="f" * 40))),
    Row("evidence of no revision", (*c.ACTIVE, ran(revision="")), c.FLIP, DENY, "gate.red"),
    Row("evidence that is too old", GREEN, c.FLIP, DENY, "gate.red", more={"now": c.NOW + timedelta(days=2)}, facts=c.facts(c.NOW + timedelta(days=2))),
    Row("an evidence file that was changed", GREEN, c.FLIP, DENY, "gate.red", facts=CaseFacts(None, c.here(sha="0" * 64))),
    Row("an evidence file that is gone", GREEN, c.FLIP, DENY, "gate.red", facts=CaseFacts(None, replace(c.here(), files={"reports/compare.json": Unknown("gone", c.NOW)}))),
    Row("an evidence file nobody looked at", GREEN, c.FLIP, DENY, "gate.red", facts=CaseFacts(None, replace(c.here(), files={}))),
    Row("evidence of another gate", (*c.ACTIVE, ran(gate="V2")), c.FLIP, DENY, "gate.red"),
    Row("no revision", GREEN, c.FLIP, DENY, "flip.revision", facts=CaseFacts(None, replace(c.here(), revision=Unknown("files differ", c.NOW)))),
    Row("a revision looked up long ago", GREEN, c.FLIP, DENY, "flip.age", facts=CaseFacts(None, replace(c.here(), revision=Known(c.REVISION, c.NOW - timedelta(minutes=5))))),
    Row("a revision from the future", GREEN, c.FLIP, DENY, "flip.age", facts=CaseFacts(None, replace(c.here(), revision=Known(c.REVISION, c.NOW + timedelta(minutes=5))))),
    Row("nothing was looked up", GREEN, c.FLIP, DENY, "flip.revision", facts=CaseFacts()),
    Row("before the one it comes after", GREEN, Action("flip", "F2"), DENY, "flip.after", 5),
    Row("after one that was rolled back", (*FLIPPED, Rollback("F1", "done")), Action("flip", "F2"), DENY, "flip.after"),
    # 6. terms: rollback
    Row("a trigger that has not fired", FLIPPED, c.ROLLBACK, DENY, "trigger.quiet", 6),
    Row("a trigger that fired before this flip", (*GREEN, c.FIRED, *c.FLIPPED), c.ROLLBACK, DENY, "trigger.quiet"),
    Row("no trigger", FLIPPED, Action("rollback", "F1"), DENY, "trigger.unknown", 6),
    Row("a trigger of another flip", (*FLIPPED, Rollback("F1", "fired", "T2")), Action("rollback", "F1", trigger="T2"), DENY, "trigger.unknown"),
    Row("a trigger that is none", (*FLIPPED, c.FIRED), Action("rollback", "F1", trigger="T9"), DENY, "trigger.unknown"),
    Row("rollback while tampered with", (*FLIPPED, c.FIRED), c.ROLLBACK, ALLOW, more=TAMPERED),
    Row("rollback without contract.md", (*FLIPPED, c.FIRED), c.ROLLBACK, ALLOW, more={"text": "", "faults": (Clause("contract", 0, "x", "y"),)}),
    Row("rollback after it expired", (*FLIPPED, c.FIRED), c.ROLLBACK, ALLOW, more={"now": datetime.fromisoformat("2026-09-01T00:00:00Z")}),
    Row("rollback after a revision was surfaced", (*FLIPPED, c.FIRED, Surfaced(c.digest(REVISED))), c.ROLLBACK, ALLOW, more={"text": REVISED}),
    Row("rollback after all was revoked, by a trigger", (*FLIPPED, c.FIRED, Revoke("*", "Ada", "terminal")), c.ROLLBACK, ESCALATE, "answer.revoked"),
    Row("rollback after all was revoked, by the operator", (*FLIPPED, Revoke("*", "Ada", "terminal")), c.ORDERED, ALLOW),
    Row("rollback that was refused, by a trigger", (*FLIPPED, c.FIRED, c.no("G3")), c.ROLLBACK, ESCALATE, "answer.refused"),
    Row("rollback without the pinned bytes", (*FLIPPED, c.FIRED), c.ROLLBACK, ESCALATE, "pinned", more={"pinned": None}),
    Row("rollback from other bytes than were pinned", (*FLIPPED, c.FIRED), c.ROLLBACK, ESCALATE, "pinned", more={"pinned": TRAILING}),
    Row("rollback with a forged answer", (*FLIPPED, c.FIRED), c.ROLLBACK, ESCALATE, "signature", more={"faults": (Clause("signature", 2, "x", "y"),)}),
    Row("rollback with a forged waiver", (*FLIPPED, c.FIRED), c.ROLLBACK, ALLOW, more={"faults": (Clause("signature", 3, "x", "y"),)}),
    Row("rollback with a forged answer, by the operator", FLIPPED, c.ORDERED, ALLOW, more={"faults": (Clause("signature", 2, "x", "y"),)}),
    Row("rollback with a damaged ledger", (*FLIPPED, c.FIRED), c.ROLLBACK, ESCALATE, "ledger", more={"faults": (Clause("ledger", 0, "x", "y"),)}),
    # 6. terms: spawn
    Row("too many at a time", c.ACTIVE, Action("spawn", agents=4, cost_usd=1, minutes=1), DENY, "spawn.concurrent", 2),
    Row("too many with those that run", (*c.ACTIVE, c.permit(c.SPAWN, "G4"), Helper("a", "start", "p1"), Helper("b", "start", "p1")), c.SPAWN, DENY, "spawn.concurrent", more={"now": c.NOW + timedelta(hours=2)}),
    Row("a helper without an end runs", (*c.ACTIVE, c.permit(c.SPAWN, "G4", until=c.NOW), Helper("a", "start", "p1")), replace(c.SPAWN, agents=2), DENY, "spawn.concurrent spawn.pairing", more={"now": c.NOW + timedelta(days=1)}),
    Row("after they ended", (*c.ACTIVE, c.permit(c.SPAWN, "G4", until=c.NOW), Helper("a", "start", "p1"), Helper("b", "start", "p1"), Helper("a", "end", "", 2.0), Helper("b", "end", "", 2.0)), c.SPAWN, ALLOW),
    Row("a lone helper", c.ACTIVE, replace(c.SPAWN, agents=1), DENY, "spawn.pairing", 7),
    Row("a lone helper without that constraint", for_(FREE), replace(c.SPAWN, agents=1), ALLOW, more={"text": FREE, "pinned": FREE}),
    Row("one beside another without that constraint", for_(LONE, replace(c.permit(replace(c.SPAWN, agents=1), "G4"), digest=c.digest(LONE)), Helper("a", "start", "p1")), replace(c.SPAWN, agents=1), ALLOW, more={"text": LONE, "pinned": LONE}),
)  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name.replace(" ", "-"))
def test_authorize(row: Row) -> None:
    now = row.more.get("now", c.NOW)
    given = row.more if now.tzinfo is not None else {**row.more, "now": c.NOW}
    facts = row.facts
    if "now" in row.more and now.tzinfo is not None and facts == c.facts():
        facts = c.facts(now)
    found = authorize(c.case(row.records, **given), row.action, facts, now)
    assert (found.verdict, " ".join(clause.code for clause in found.clauses)) == (row.verdict, row.codes), (
        found
    )
    for clause in found.clauses[:1]:
        usual = SECTIONS.get(clause.code, SECTIONS.get(clause.code.split(".")[0]))
        assert clause.section == (usual if row.section is None else row.section)
    assert (found.verdict == ALLOW) == (not found.clauses)


def test_the_table_has_many_cases_and_each_a_name_of_its_own() -> None:
    assert len(ROWS) >= 150
    assert len({row.name + str(i) for i, row in enumerate(ROWS)}) == len(ROWS)


def test_each_failing_clause_says_what_was_found_and_what_is_needed() -> None:
    for row in ROWS:
        now = row.more.get("now", c.NOW)
        given = row.more if now.tzinfo is not None else {**row.more, "now": c.NOW}
        for clause in authorize(c.case(row.records, **given), row.action, row.facts, now).clauses:
            assert clause.found
            assert clause.needed
            assert "\n" not in clause.found + clause.needed


class Broken:
    """A fact of no known kind: whatever touches it raises."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(f"{name} is broken")


@pytest.mark.parametrize("action", [c.MERGE, c.FLIP])
def test_an_exception_denies(action: Action) -> None:
    facts = CaseFacts(Broken(), Broken())  # type: ignore[arg-type]
    found = authorize(c.case((*GREEN, c.REVIEWED)), action, facts, c.NOW)
    assert (found.verdict, [clause.code for clause in found.clauses]) == (DENY, ["internal"])


def test_an_allowed_merge_is_bound_to_what_was_judged() -> None:
    found = authorize(c.case(READY), c.MERGE, c.facts(), c.NOW)
    assert dict(found.bound) == {"repo": "acme/shop", "head": c.HEAD, "base_sha": c.BASE, "method": "squash"}
    assert found.grant == "G1"


def test_an_answer_of_another_word_is_not_read() -> None:
    with pytest.raises(ValueError, match="none of granted, refused"):
        c.log([AskAnswer(c.DIGEST, "G1", "yes", "Ada", "terminal")])


def test_a_close_is_never_signed() -> None:
    with pytest.raises(ValueError, match="none of terminal"):
        c.log([Close("Ada", "signed")])
