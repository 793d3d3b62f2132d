"""Decision on an action: allow, deny or escalate, with every failing clause. Pure.

The groups of terms are checked in order, and the first that fails decides. An error is a deny.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from correctless.base.text import one_line
from correctless.runcontract.judge import action_terms
from correctless.runcontract.ledger.actions import Action, fault, matches
from correctless.runcontract.ledger.answers import AskAnswers, GrantedAsk
from correctless.runcontract.ledger.case import (
    DENY,
    ESCALATE,
    Case,
    CaseFacts,
    Verdict,
    contract_of,
    flip_state,
    way_back,
)
from correctless.runcontract.ledger.clause import Clause, internal
from correctless.runcontract.ledger.counters import TWICE

_SKEW = timedelta(seconds=5)
# What an invalid action of this kind lacks, as it is typed.
_NEEDED = {
    "merge": "the number of a pull request: --pr NUMBER",
    "spawn": "a number of helpers: --agents N",
    "flip": "the id of a flip",
    "rollback": "the id of a flip",
    "other": "a name such as deploy.prod",
}

# The phases in which an action is possible.
_PHASES = {
    "merge": ("active", "flipped", "rolled_back"),
    "flip": ("active", "flipped", "rolled_back"),
    "spawn": ("active", "flipping", "flipped", "rolled_back"),
    "other": ("active", "flipped", "rolled_back"),
}


def authorize(case: Case, action: Action, facts: CaseFacts, now: datetime) -> Verdict:
    """Return the verdict; never raises. An `allow` is valid only once it is recorded (`permits.ask`)."""
    try:
        return _authorize(case, action, facts, now)
    except Exception as error:  # noqa: BLE001 whatever goes wrong must deny
        return Verdict(DENY, 0, (internal(error),))


def still(case: Case, action: Action, now: datetime) -> tuple[Clause, ...]:
    """Return why an issued permit may no longer be used: integrity, state, answers or freezes changed."""
    try:
        groups = (
            _integrity(case, action, now),
            _lifecycle(case, action),
            _covered(case, action)[0],
            _frozen(case, action),
        )
        return tuple(clause for group in groups for clause in group)
    except Exception as error:  # noqa: BLE001 as above
        return (internal(error),)


def _authorize(case: Case, action: Action, facts: CaseFacts, now: datetime) -> Verdict:
    if now.utcoffset() is None:
        return Verdict(DENY, 1, (Clause("clock", 0, "a time without zone", "a clock with one"),))
    if invalid := fault(action):
        needed = _NEEDED.get(action.kind, "merge, flip, rollback, spawn or other")
        return Verdict(DENY, 0, (Clause("action.unknown", 0, one_line(invalid), needed),))
    if clauses := _integrity(case, action, now):
        return Verdict(ESCALATE, 1, clauses)
    if clauses := _lifecycle(case, action):
        return Verdict(DENY, 2, clauses)
    clauses, used = _constraints(case, action, now)
    if clauses:
        return Verdict(DENY, 3, clauses)
    clauses, covering = _covered(case, action)
    if action.kind == "other" and used:
        clauses = ()  # you re-affirmed exactly this
    if action.kind == "spawn" and not clauses:
        clauses, covering = _budget(case, action, covering, now)
    if clauses:
        return Verdict(ESCALATE, 4, clauses)
    if clauses := _frozen(case, action):
        return Verdict(ESCALATE, 5, clauses)
    return action_terms.judged(case, action, facts, now, covering, used)


# 1. integrity


def _integrity(case: Case, action: Action, now: datetime) -> tuple[Clause, ...]:
    clauses = list(case.faults)
    state, current, pinned = case.state, case.current, case.pinned
    gone = Clause("pinned", 0, "the stored bytes are gone or changed", "the bytes that were granted")
    if state.last is not None and now < state.last - _SKEW:
        times = f"it is {now.isoformat()}, and the ledger was written at {state.last.isoformat()}"
        clauses.append(Clause("clock", 0, times, "a sane clock"))
    if way_back(case, action):
        # A rollback needs no statement but an answer: a forged one of another kind must not keep a bad flip in place.
        codes = ("ledger", "clock")
        answered = not action.operator
        clauses = [
            clause
            for clause in clauses
            if clause.code in codes or (clause.code == "signature" and clause.section == 2 and answered)
        ]
        # It goes by the pinned bytes, whatever contract.md is now: they must exist and be the ones.
        if pinned is None or pinned.contract is None or pinned.digest != state.pinned:
            clauses.append(gone)
        return tuple(clauses)
    if current.contract is None and not case.faults:
        invalid = "contract.md has faults or gaps, or is another"
        clauses.append(Clause("contract", 0, invalid, "a contract that lints clean"))
    if state.pinned and state.pin_live:
        if current.digest != state.pinned and state.phase == "void":
            needed = f"{state.pinned[:12]}, which was granted"
            clauses.append(Clause("digest", 0, f"contract.md is {current.digest[:12]}", needed))
        if pinned is None or pinned.digest != state.pinned:
            clauses.append(gone)
    return tuple(clauses)


# 2. lifecycle


def _lifecycle(case: Case, action: Action) -> tuple[Clause, ...]:
    state = case.state
    phase, why = state.phase, f": {state.why}" if state.why else ""
    if action.kind == "rollback":
        if not way_back(case, action):
            flip_phase = flip_state(case, action).phase or "not executed"
            return (Clause("state", 5, f"{action.target} is {flip_phase}", "a flip that was executed"),)
        return ()
    allowed = _PHASES[action.kind]
    if phase not in allowed:
        is_in = one_line(f"the contract is {phase}{why}")
        return (Clause("state", 0, is_in, f"one of {', '.join(allowed)}"),)
    if action.kind == "flip":
        flip_phase = flip_state(case, action).phase
        if flip_phase == "rolled_back":
            needed = "a new revision with the gate that would have caught it, surfaced, answered and pinned"
            return (Clause("flip.rolled_back", 5, f"{action.target} was rolled back", needed),)
        if flip_phase:
            return (Clause("state", 5, f"{action.target} is {flip_phase}", "a flip that was not executed"),)
    return ()


# 3. standing constraints


def _constraints(case: Case, action: Action, now: datetime) -> tuple[tuple[Clause, ...], tuple[str, ...]]:
    """Return every constraint that forbids the action, and the re-affirmations it needs."""
    if action.kind == "rollback":
        return (), ()  # no constraint keeps a bad flip in place
    clauses: list[Clause] = []
    used: list[str] = []
    for constraint in contract_of(case).constraints.constraint:
        why = ""
        if constraint.deny is not None:
            hit = next((pattern for pattern in constraint.deny if matches(pattern, action)), "")
            why = f"{action.label} is what '{hit}' names" if hit else ""
        elif constraint.check == "two_failed_fixes":
            why = _failed_twice(case, action)
        elif constraint.check == "pairing" and action.kind == "spawn":
            continue  # a term of spawning: group 6
        if not why:
            continue
        again = _reaffirmation(case, constraint.id, action, now)
        if again:
            used.append(again)
        else:
            needed = one_line(f"no such action: {constraint.text}")
            clauses.append(Clause(f"constraint.{constraint.id}", 7, one_line(why), needed))
    return tuple(clauses), tuple(used)


def _failed_twice(case: Case, action: Action) -> str:
    stopped = action.kind in ("merge", "flip") or matches("fix", action) or matches("deploy", action)
    if not stopped:
        return ""
    for what in ("fix", "deploy"):
        symptom, count = case.state.counters.worst(what)
        if count >= TWICE:
            return f"{count} failed tries ({what}) of '{symptom}'"
    return ""


def _reaffirmation(case: Case, constraint: str, action: Action, now: datetime) -> str:
    exactly = (action, replace(action, head=""))  # one for any head covers this head
    for id_, record in case.state.reaffirmed.items():
        same = Action.of(record.action) in exactly and record.constraint == constraint
        if same and record.digest == case.current.digest and datetime.fromisoformat(record.expires) > now:
            return id_
    return ""


# 4. answers


def _covered(case: Case, action: Action) -> tuple[tuple[Clause, ...], tuple[GrantedAsk, ...]]:
    if action.kind == "other":
        return (_not_covered(case, action),), ()
    covering = _answers(case, action).covering(action.kind, action.target)
    if covering or (action.kind == "rollback" and action.operator):
        return (), covering
    return (_not_covered(case, action),), ()


def _answers(case: Case, action: Action) -> AskAnswers:
    return case.state.pinned_answers if action.kind == "rollback" else case.state.answers


def _not_covered(case: Case, action: Action) -> Clause:
    answers = _answers(case, action)
    known = [flip.id for flip in contract_of(case).flips.flip]
    needed = f"a person's answer that covers {action.label} for these bytes"
    if action.kind in ("flip", "rollback") and action.target not in known:
        needed = f"a flip of the contract: {', '.join(known) or 'it has none'}"
    asks = [g for g in contract_of(case).grants.grant if g.action == action.kind]
    if (action.kind, action.target) in answers.excluded:
        return Clause("answer.excluded", 2, f"{action.label} was excluded", needed)
    if not asks:
        return Clause("answer.not_asked", 2, f"no ask for {action.kind}", needed)
    if any(g.id in answers.revoked for g in asks) and not any(g.id in answers.granted for g in asks):
        return Clause("answer.revoked", 2, "the answer was revoked", needed)
    if not any(g.id in answers.answered for g in asks):
        return Clause("answer.none", 2, "asked, and not answered: that is a no", needed)
    if not any(g.id in answers.granted for g in asks):
        return Clause("answer.refused", 2, "refused", needed)
    return Clause("answer.scope", 2, f"{action.label} is in no scope that was granted", needed)


def _budget(
    case: Case, action: Action, covering: tuple[GrantedAsk, ...], now: datetime
) -> tuple[tuple[Clause, ...], tuple[GrantedAsk, ...]]:
    """Return the first grant with a sufficient rest, or what each of them lacks."""
    lacking: list[Clause] = []
    for granted in covering:
        spent = case.state.counters.spent(granted.grant.id, now)
        id_, clauses = granted.grant.id, []
        most = granted.limit("max_agents")
        if spent.agents + action.agents > most:
            what = f"{id_}: {spent.agents} used, {action.agents} asked for"
            clauses.append(Clause("budget.agents", 2, what, f"at most {most:g}"))
        most = granted.limit("max_cost_usd")
        cost = action.agents * action.cost_usd if action.cost_usd is not None else most
        if spent.cost_usd + cost > most:
            used = "an unknown cost" if spent.cost_usd == float("inf") else f"{spent.cost_usd:g} USD"
            what = f"{id_}: {used} used, {cost:g} USD asked for"
            clauses.append(Clause("budget.cost", 2, what, f"at most {most:g} USD"))
        most = granted.limit("max_minutes")
        if action.minutes is None or action.minutes > most:
            what = f"{id_}: {action.minutes or 'no'} minutes asked for"
            clauses.append(Clause("budget.minutes", 2, what, f"a limit of at most {most:g} minutes each"))
        if not clauses:
            return (), (granted,)
        lacking += clauses
    return tuple(lacking), ()


# 5. freeze


def _frozen(case: Case, action: Action) -> tuple[Clause, ...]:
    if way_back(case, action):
        return ()
    return tuple(
        Clause(
            f"frozen.{each.condition}",
            8,
            one_line(f"open, without an answer: {each.decision_needed}"),
            f"a person's answer to {each.id}",
        )
        for each in case.state.open
        if any(matches(pattern, action) for pattern in each.freezes)
    )
