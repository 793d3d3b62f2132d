"""The decision on an action: allow, deny or escalate, with every failing clause. Pure.

The groups are asked in the contract's order and the first that fails decides. Whatever is not understood is a deny.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from correctless.base.text import one_line
from correctless.runcontract.judge import action_terms
from correctless.runcontract.ledger.actions import Action, fault, matches
from correctless.runcontract.ledger.answers import Granted
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
from correctless.runcontract.ledger.clause import Clause
from correctless.runcontract.ledger.counters import TWICE

_SKEW = timedelta(seconds=5)

# The phases in which an action may be asked for at all.
_PHASES = {
    "merge": ("active", "flipped", "rolled_back"),
    "flip": ("active", "flipped", "rolled_back"),
    "spawn": ("active", "flipping", "flipped", "rolled_back"),
    "other": ("active", "flipped", "rolled_back"),
}


def authorize(case: Case, action: Action, facts: CaseFacts, now: datetime) -> Verdict:
    """The verdict; never raises. `allow` here still has to be written down to be one (`permits.authorize`)."""
    try:
        return _authorize(case, action, facts, now)
    except Exception as error:  # noqa: BLE001 whatever goes wrong in here must deny
        return Verdict(
            DENY, 0, (Clause("internal", 0, one_line(f"{type(error).__name__}: {error}"), "no error"),)
        )


def still(case: Case, action: Action, now: datetime) -> tuple[Clause, ...]:
    """Why a permit that was given may not be used any more: integrity, state, answer or a freeze changed meanwhile."""
    try:
        groups = (
            _integrity(case, action, now),
            _lifecycle(case, action),
            _covered(case, action)[0],
            _frozen(case, action),
        )
        return tuple(clause for group in groups for clause in group)
    except Exception as error:  # noqa: BLE001 as above
        return (Clause("internal", 0, one_line(f"{type(error).__name__}: {error}"), "no error"),)


def _authorize(case: Case, action: Action, facts: CaseFacts, now: datetime) -> Verdict:
    if now.utcoffset() is None:
        return Verdict(DENY, 1, (Clause("clock", 0, "a time without zone", "a clock with one"),))
    if wrong := fault(action):
        return Verdict(
            DENY, 0, (Clause("action.unknown", 0, one_line(wrong), "merge, flip, rollback, spawn or other"),)
        )
    if found := _integrity(case, action, now):
        return Verdict(ESCALATE, 1, found)
    if found := _lifecycle(case, action):
        return Verdict(DENY, 2, found)
    found, used = _constraints(case, action, now)
    if found:
        return Verdict(DENY, 3, found)
    found, covering = _covered(case, action)
    if action.kind == "other" and used:
        found = ()  # a person said yes to exactly this
    if action.kind == "spawn" and not found:
        found, covering = _budget(case, action, covering, now)
    if found:
        return Verdict(ESCALATE, 4, found)
    if found := _frozen(case, action):
        return Verdict(ESCALATE, 5, found)
    return action_terms.judged(case, action, facts, now, covering, used)


# 1. integrity


def _integrity(case: Case, action: Action, now: datetime) -> tuple[Clause, ...]:
    found = list(case.faults)
    state = case.state
    if state.last is not None and now < state.last - _SKEW:
        found.append(
            Clause(
                "clock",
                0,
                f"it is {now.isoformat()}, and the ledger was written at {state.last.isoformat()}",
                "a sane clock",
            )
        )
    if way_back(case, action):
        # Of all words a rollback needs an answer alone: a forged one of another kind must not keep a bad flip in place.
        answered = not action.operator
        found = [
            clause
            for clause in found
            if clause.code in ("ledger", "clock")
            or (clause.code == "signature" and clause.section == 2 and answered)
        ]
        # From the bytes that were pinned, whatever became of contract.md: those must be there and be the ones.
        if case.pinned is None or case.pinned.contract is None or case.pinned.digest != state.pinned:
            found.append(
                Clause("pinned", 0, "the stored bytes are gone or changed", "the bytes that were granted")
            )
        return tuple(found)
    if case.here.contract is None and not case.faults:
        found.append(
            Clause(
                "contract", 0, "contract.md has faults or gaps, or is another", "a contract that lints clean"
            )
        )
    if state.pinned and state.pin_live:
        if case.here.digest != state.pinned and state.phase == "void":
            found.append(
                Clause(
                    "digest",
                    0,
                    f"contract.md is {case.here.digest[:12]}",
                    f"{state.pinned[:12]}, which was granted",
                )
            )
        if case.pinned is None or case.pinned.digest != state.pinned:
            found.append(
                Clause("pinned", 0, "the stored bytes are gone or changed", "the bytes that were granted")
            )
    return tuple(found)


# 2. lifecycle


def _lifecycle(case: Case, action: Action) -> tuple[Clause, ...]:
    state = case.state
    phase, why = state.phase, f": {state.why}" if state.why else ""
    if action.kind == "rollback":
        if not way_back(case, action):
            said = flip_state(case, action).phase or "not executed"
            return (Clause("state", 5, f"{action.target} is {said}", "a flip that was executed"),)
        return ()
    allowed = _PHASES[action.kind]
    if phase not in allowed:
        return (
            Clause("state", 0, one_line(f"the contract is {phase}{why}"), f"one of {', '.join(allowed)}"),
        )
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
    """Every constraint that stands against the action, and the re-affirmations that were needed."""
    if action.kind == "rollback":
        return (), ()  # nothing written down keeps a bad flip in place
    found: list[Clause] = []
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
            found.append(
                Clause(
                    f"constraint.{constraint.id}",
                    7,
                    one_line(why),
                    one_line(f"no such action: {constraint.text}"),
                )
            )
    return tuple(found), tuple(used)


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
    exactly = (action, replace(action, head=""))  # at one head is less than at any
    for id_, said in case.state.reaffirmed.items():
        same = Action.of(said.action) in exactly and said.constraint == constraint
        if same and said.digest == case.here.digest and datetime.fromisoformat(said.expires) > now:
            return id_
    return ""


# 4. answers


def _covered(case: Case, action: Action) -> tuple[tuple[Clause, ...], tuple[Granted, ...]]:
    if action.kind == "rollback":
        covering = case.state.pinned_answers.covering("rollback", action.target)
        return ((), covering) if covering or action.operator else ((_unasked(case, action),), ())
    if action.kind == "other":
        return ((_unasked(case, action),), ())
    covering = case.state.answers.covering(action.kind, action.target)
    return ((), covering) if covering else ((_unasked(case, action),), ())


def _unasked(case: Case, action: Action) -> Clause:
    said = case.state.pinned_answers if action.kind == "rollback" else case.state.answers
    needed = f"a person's answer that covers {action.label} for these bytes"
    asks = [g for g in contract_of(case).grants.grant if g.action == action.kind]
    if (action.kind, action.target) in said.excluded:
        return Clause("answer.excluded", 2, f"{action.label} was excluded", needed)
    if not asks:
        return Clause("answer.not_asked", 2, f"no ask for {action.kind}", needed)
    if any(g.id in said.revoked for g in asks) and not any(g.id in said.granted for g in asks):
        return Clause("answer.revoked", 2, "the answer was revoked", needed)
    if not any(g.id in said.answered for g in asks):
        return Clause("answer.none", 2, "asked, and not answered: that is a no", needed)
    if not any(g.id in said.granted for g in asks):
        return Clause("answer.refused", 2, "refused", needed)
    return Clause("answer.scope", 2, f"{action.label} is in no scope that was granted", needed)


def _budget(
    case: Case, action: Action, covering: tuple[Granted, ...], now: datetime
) -> tuple[tuple[Clause, ...], tuple[Granted, ...]]:
    """The first grant with enough left, or what each of them lacks."""
    lacking: list[Clause] = []
    for granted in covering:
        spent = case.state.counters.spent(granted.grant.id, now)
        id_, found = granted.grant.id, []
        most = granted.limit("max_agents")
        if spent.agents + action.agents > most:
            found.append(
                Clause(
                    "budget.agents",
                    2,
                    f"{id_}: {spent.agents} used, {action.agents} asked for",
                    f"at most {most:g}",
                )
            )
        most = granted.limit("max_cost_usd")
        asked = action.agents * action.cost_usd if action.cost_usd is not None else most
        if spent.cost_usd + asked > most:
            used = "an unknown cost" if spent.cost_usd == float("inf") else f"{spent.cost_usd:g} USD"
            found.append(
                Clause(
                    "budget.cost", 2, f"{id_}: {used} used, {asked:g} USD asked for", f"at most {most:g} USD"
                )
            )
        most = granted.limit("max_minutes")
        if action.minutes is None or action.minutes > most:
            found.append(
                Clause(
                    "budget.minutes",
                    2,
                    f"{id_}: {action.minutes or 'no'} minutes asked for",
                    f"a limit of at most {most:g} minutes each",
                )
            )
        if not found:
            return (), (granted,)
        lacking += found
    return tuple(lacking), ()


# 5. freeze


def _frozen(case: Case, action: Action) -> tuple[Clause, ...]:
    if way_back(case, action):
        return ()
    return tuple(
        Clause(
            f"frozen.{each.condition}",
            8,
            one_line(f"open since nobody answered: {each.decision_needed}"),
            f"a person's answer to {each.id}",
        )
        for each in case.state.open
        if any(matches(pattern, action) for pattern in each.freezes)
    )
