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
    from correctless.runcontract.judge.board import GateFacts

ALLOW, DENY, ESCALATE = "allow", "deny", "escalate"
TERMS = 6  # the first group that needs facts
_RETURNABLE = ("flipping", "flipped", "flip_unknown", "rolling_back")


@frozen
class Case:
    """Everything a decision depends on besides the action and facts: what was read, and its faults."""

    current: Version  # contract.md as it is now
    pinned: Version | None  # what was stored aside at the last pin
    state: ContractState
    faults: tuple[Clause, ...] = ()  # of reading: contract, ledger, signatures


@frozen
class CaseFacts:
    """Facts observed for this one action; those it doesn't need are None."""

    pull: PullFacts | None = None
    gates: GateFacts | None = None


@frozen
class Verdict:
    """`clauses`: all that fails in the group that decided. `bound`: the state an allowed action is bound to."""

    verdict: str
    group: int
    clauses: tuple[Clause, ...] = ()
    grant: str = ""
    bound: Mapping[str, str] = field(default_factory=dict)
    reaffirmed: tuple[str, ...] = ()


def way_back(case: Case, action: Action) -> bool:
    """Whether this rolls back an executed flip: that works while the contract is changed, revoked, expired or frozen."""
    return action.kind == "rollback" and flip_state(case, action).phase in _RETURNABLE


def flip_state(case: Case, action: Action) -> FlipState:
    """Return the state of the flip that the action names."""
    return case.state.flips.get(action.target, FlipState())


def contract_of(case: Case) -> Contract:
    """Return the readable contract: the current version, else the pinned one.

    Raises: LookupError when neither can be read.
    """
    for version in (case.current, case.pinned):
        if version is not None and version.contract is not None:
            return version.contract
    raise LookupError("no contract can be read")
