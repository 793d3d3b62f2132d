"""Merge of a pull request as its contract allows, or the reasons why it is refused."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TypeAlias

from correctless.project.git import Repo
from correctless.runcontract.act import merging, permits
from correctless.runcontract.act.decide import decide, host
from correctless.runcontract.act.merging import Outcome
from correctless.runcontract.act.permits import Clock, Decided, Token
from correctless.runcontract.document.sections import Bar, Contract
from correctless.runcontract.judge.terms import MergeTarget, full_name
from correctless.runcontract.ledger.actions import Action
from correctless.runcontract.ledger.answers import ask_items
from correctless.runcontract.ledger.case import ALLOW, DENY
from correctless.runcontract.ledger.clause import Clause
from correctless.runcontract.ledger.store import ContractFiles

Merge: TypeAlias = Decided | Outcome  # Decided: it was not allowed, and nothing was sent to the host


def merge(
    files: ContractFiles,
    repo: Repo,
    action: Action,
    *,
    env: Mapping[str, str],
    clock: Clock,
    token: Token,
    sleep: Callable[[float], None] = time.sleep,
) -> Merge:
    """Observe, decide, use the permit, and merge at exactly the head that was judged. `Stop(3)` without a usable gh."""
    decided = decide(files, repo, action, env=env, clock=clock, token=token, keep=True)
    if decided.verdict != ALLOW:
        return decided
    snapshot = decided.snapshot
    permit, bound = decided.permit, decided.bound
    if refused := permits.use(files, permit, action, bound, env=env, clock=clock, snapshot=snapshot):
        return Decided(DENY, refused)
    # The bytes that were judged: contract.md may have changed since.
    pinned = snapshot.case.pinned if snapshot is not None else None
    contract = pinned.contract if pinned is not None else None
    bar = _bar(contract, action.target, bound["method"]) if contract is not None else None
    if contract is None or bar is None:
        gone = Clause("pinned", 0, "the stored bytes were changed meanwhile", "the bytes that were granted")
        return Decided(DENY, (gone,))
    target = MergeTarget(full_name(contract.run.repo), int(action.target), contract.run.base, bound["head"])
    return merging.merge(host(contract, env), target, bar, sleep=sleep)


def _bar(contract: Contract, number: str, method: str) -> Bar | None:
    grants = [g for g in contract.grants.grant if g.action == "merge" and number in ask_items(g, number)]
    bars = [contract.bar(grant.bar or "") for grant in grants]
    return next((bar for bar in bars if bar is not None and bar.method == method), None)
