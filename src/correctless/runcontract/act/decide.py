"""Deciding and recording an action, with facts looked up only where they matter."""

from __future__ import annotations

from collections.abc import Mapping

from correctless.base import exits
from correctless.base.exits import Stop
from correctless.project.git import Repo
from correctless.runcontract.act import permits
from correctless.runcontract.act.permits import Clock, Decided, Token
from correctless.runcontract.document.sections import Contract
from correctless.runcontract.judge.authorize import authorize
from correctless.runcontract.ledger import store
from correctless.runcontract.ledger.actions import Action
from correctless.runcontract.ledger.case import TERMS, Case, CaseFacts
from correctless.runcontract.ledger.store import ContractFiles

TYPE_CHECKING = False
if TYPE_CHECKING:
    from correctless.github.client import GitHub


_NEED_FACTS = ("merge", "flip")


def decide(
    at: ContractFiles,
    repo: Repo,
    action: Action,
    *,
    env: Mapping[str, str],
    clock: Clock,
    token: Token,
    keep: bool = False,
) -> Decided:
    """Decide, and write it down; never raises. Nobody outside is asked where the answer is clear without them."""
    try:
        now = clock()
        snapshot = store.load(at, env, now)
        facts: CaseFacts | None = None
        verdict = authorize(snapshot.case, action, CaseFacts(), now)
        if verdict.group >= TERMS and action.kind in _NEED_FACTS:
            facts = _facts(snapshot.case, repo, action, env, clock)
    except Exception as error:  # noqa: BLE001 what could not be had denies
        return permits.denied(f"{type(error).__name__}: {error}")
    judged = verdict if facts is None else None
    facts = facts or CaseFacts()
    return permits.ask(
        at, action, facts, env=env, clock=clock, token=token, snapshot=snapshot, verdict=judged, keep=keep
    )


def host(contract: Contract, env: Mapping[str, str]) -> GitHub:
    """The gh program for the repository of section 1; `Stop(3)` where that names none."""
    from correctless.github.client import GitHub, repo_of_name

    named = repo_of_name(contract.run.repo)
    if named is None:
        raise Stop(exits.REFUSED, f"'{contract.run.repo}' is not a repository on a host. fix section 1")
    return GitHub(named, env, again="the same command again")


def _facts(case: Case, repo: Repo, action: Action, env: Mapping[str, str], clock: Clock) -> CaseFacts:
    contract = case.here.contract
    if contract is None:
        return CaseFacts()
    # Imported where somebody is asked: most actions need no facts.
    if action.kind == "merge":
        from correctless.github.observe import observe

        return CaseFacts(pull=observe(host(contract, env), int(action.target), clock=clock))
    if action.kind == "flip":
        from correctless.runcontract.judge import gate_check

        return CaseFacts(here=gate_check.here(contract, repo, clock))
    return CaseFacts()
