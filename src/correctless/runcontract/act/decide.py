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
from correctless.runcontract.ledger.case import DENY, TERMS, Case, CaseFacts
from correctless.runcontract.ledger.clause import internal
from correctless.runcontract.ledger.store import ContractFiles

TYPE_CHECKING = False
if TYPE_CHECKING:
    from correctless.github.client import GitHub

_NEED_FACTS = ("merge", "flip")


def decide(
    files: ContractFiles,
    repo: Repo,
    action: Action,
    *,
    env: Mapping[str, str],
    clock: Clock,
    token: Token,
    keep: bool = False,
) -> Decided:
    """Decide, and record the decision; never raises. Facts are looked up only where the decision depends on them."""
    try:
        now = clock()
        snapshot = store.load(files, env, now)
        facts: CaseFacts | None = None
        verdict = authorize(snapshot.case, action, CaseFacts(), now)
        if verdict.group >= TERMS and action.kind in _NEED_FACTS:
            facts = _facts(snapshot.case, repo, action, env, clock)
    except Exception as error:  # noqa: BLE001 whatever goes wrong must deny
        return Decided(DENY, (internal(error),))
    return permits.ask(
        files,
        action,
        facts or CaseFacts(),
        env=env,
        clock=clock,
        token=token,
        snapshot=snapshot,
        verdict=verdict if facts is None else None,
        keep=keep,
    )


def host(contract: Contract, env: Mapping[str, str]) -> GitHub:
    """Return the gh program for the repository of section 1; `Stop(3)` where that names none."""
    from correctless.github.client import GitHub, repo_of_name

    repo = repo_of_name(contract.run.repo)
    if repo is None:
        raise Stop(exits.REFUSED, f"'{contract.run.repo}' is not a repository on a host. fix section 1")
    return GitHub(repo, env, again="the same command again")


def _facts(case: Case, repo: Repo, action: Action, env: Mapping[str, str], clock: Clock) -> CaseFacts:
    contract = case.current.contract
    if contract is None:
        return CaseFacts()
    # Imported where they are used: most actions need no facts.
    if action.kind == "merge":
        from correctless.github.observe import observe

        return CaseFacts(pull=observe(host(contract, env), int(action.target), clock=clock))
    if action.kind == "flip":
        from correctless.runcontract.judge import gate_check

        return CaseFacts(gates=gate_check.facts(contract, repo, clock))
    return CaseFacts()
