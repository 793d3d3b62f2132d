"""Input and verdict of `authorize`, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from correctless.base.values import frozen
from correctless.runcontract.document.sections import Contract
from correctless.runcontract.ledger.actions import Action
from correctless.runcontract.ledger.clause import Clause
from correctless.runcontract.ledger.state import ContractState, FlipState, Version

TYPE_CHECKING = False  # both are long to import, and most actions need no facts
if TYPE_CHECKING:
    from correctless.github.facts import PullFacts
    from correctless.runcontract.judge.board import Here

ALLOW, DENY, ESCALATE = "allow", "deny", "escalate"
TERMS = 6  # the first group that needs facts
_RETURNABLE = ("flipping", "flipped", "flip_unknown", "rolling_back")


@frozen
class Case:
    """Everything but the action: what was read, and what could not be."""

    here: Version  # contract.md as it is now
    pinned: Version | None  # what was stored aside at the last pin
    state: ContractState
    faults: tuple[Clause, ...] = ()  # of reading: contract, ledger, signatures


@frozen
class CaseFacts:
    """What was observed for this one action; what it doesn't need stays None."""

    pull: PullFacts | None = None
    here: Here | None = None


@frozen
class Verdict:
    """`clauses`: all that fails in the group that decided. `bound`: what an allowed action is tied to besides itself."""

    verdict: str
    group: int
    clauses: tuple[Clause, ...] = ()
    grant: str = ""
    bound: Mapping[str, str] = field(default_factory=dict)
    reaffirmed: tuple[str, ...] = ()


def way_back(case: Case, action: Action) -> bool:
    """A rollback of a flip that was executed keeps working while the contract is tampered with, revoked, expired or frozen."""
    return action.kind == "rollback" and flip_state(case, action).phase in _RETURNABLE


def flip_state(case: Case, action: Action) -> FlipState:
    """Return the state of the action's target switch."""
    return case.state.flips.get(action.target, FlipState())


def contract_of(case: Case) -> Contract:
    """Return the readable contract: the present version, else the pinned one.

    Raises: LookupError when neither can be read.
    """
    for version in (case.here, case.pinned):
        if version is not None and version.contract is not None:
            return version.contract
    raise LookupError("no contract can be read")
