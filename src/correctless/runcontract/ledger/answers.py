"""The grants that follow from your answers to one version of a contract: scope, exclusions, refusals."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from correctless.base.lazy_re import lazily
from correctless.base.values import frozen
from correctless.runcontract.document.sections import Contract, Grant
from correctless.runcontract.ledger.records import ALL, AskAnswer, LoggedRecord, Revoke, Surfaced

LIMITS = ("max_agents", "max_concurrent", "max_cost_usd", "max_minutes")
_PULL = lazily(r"[1-9][0-9]{0,8}\Z")
_LIMIT = lazily(rf"({'|'.join(LIMITS)})=([0-9]{{1,9}}(?:\.[0-9]{{1,4}})?)\Z")


@frozen
class GrantedAsk:
    """One ask that you granted. `scope` has its items by name, or `*` for all of them."""

    grant: Grant
    scope: tuple[str, ...]
    answer: AskAnswer

    def names(self, item: str) -> bool:
        """Whether this item is in the scope, and in the ask."""
        return (ALL in self.scope or item in self.scope) and item in ask_items(self.grant, item)

    @property
    def items(self) -> tuple[str, ...]:
        """What is granted, item by item: numbers, flips, or each limit; `*` only where any pull request is."""
        return granted_items(self.grant, self.scope, self.answer.excluded)

    def limit(self, name: str) -> float:
        """Return a limit of a spawn grant, as asked for or as the answer narrowed it."""
        matches = [match for item in self.scope if (match := _LIMIT.match(item)) and match[1] == name]
        most = float(getattr(self.grant, name))
        return min([most, *(float(match[2]) for match in matches)])


@frozen
class AskAnswers:
    """`granted` by the id of the ask; `answered` the ids with a valid answer; `excluded` as (action, item)."""

    granted: Mapping[str, GrantedAsk]
    answered: frozenset[str]
    revoked: frozenset[str]
    excluded: frozenset[tuple[str, str]]

    def covering(self, action: str, item: str) -> tuple[GrantedAsk, ...]:
        """Return every grant that covers this item of this action."""
        if (action, item) in self.excluded:
            return ()
        grants = (g for g in self.granted.values() if g.grant.action == action)
        return tuple(g for g in grants if action == "spawn" or g.names(item))


def ask_items(grant: Grant, item: str = "") -> tuple[str, ...]:
    """Return the items of an ask; of one for any pull request, `item` itself if it can be one."""
    if grant.action == "merge":
        pulls = grant.prs or ()
        if ALL in pulls:
            return (item,) if _PULL.match(item) else ()
        return tuple(str(number) for number in pulls)
    return grant.flips or ()


def granted_items(grant: Grant, scope: Sequence[str], excluded: Sequence[str] = ()) -> tuple[str, ...]:
    """Return what a scope grants of an ask, item by item."""
    if grant.action == "spawn":
        named = {match[1]: match[2] for item in scope if (match := _LIMIT.match(item))}
        asked = {name: getattr(grant, name) for name in LIMITS}
        return tuple(f"{name}={named.get(name, asked[name])}" for name in LIMITS if asked[name] is not None)
    everything = (ALL,) if ALL in (grant.prs or ()) else ask_items(grant)
    return tuple(item for item in (everything if ALL in scope else scope) if item not in excluded)


def answer_fault(grant: Grant, scope: Sequence[str], excluded: Sequence[str], answer: str) -> str:
    """Return why an answer does not fit this ask, "" for one that does."""
    if answer == "refused":
        return "a refusal has no scope" if tuple(scope) != (ALL,) or excluded else ""
    if not scope:
        return "an empty scope grants nothing. refuse it, or name what is granted"
    if grant.action == "spawn":
        return _wrong_limits(grant, scope, excluded)
    for item in scope:
        if item != ALL and item not in ask_items(grant, item):
            return f"'{item}' was not asked for in {grant.id}: a scope can't be wider than its ask"
    form = _PULL if grant.action == "merge" else re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}\Z")
    for item in excluded:
        if not form.match(item):
            return f"'{item}' can't be excluded: name one item at a time"
        if item in scope:
            return f"'{item}' is granted and excluded in one answer"
    if ALL in scope and len(scope) > 1:
        return "'*' beside other items"
    return ""


def _wrong_limits(grant: Grant, scope: Sequence[str], excluded: Sequence[str]) -> str:
    if excluded:
        return "nothing of a spawn grant can be excluded. narrow it, as in max_agents=2"
    if tuple(scope) == (ALL,):
        return ""
    for item in scope:
        match = _LIMIT.match(item)
        if match is None:
            return f"'{item}' is not a limit. write one as in max_agents=2"
        if float(match[2]) > float(getattr(grant, match[1]) or 0):
            return f"'{item}' is more than {grant.id} asks for: a scope can't be wider than its ask"
    return ""


def answers(
    log: Sequence[LoggedRecord], digest: str, contract: Contract | None, *, outlived: bool = False
) -> AskAnswers:
    """Return the answers that apply to the version with this digest.

    They end when another version is surfaced, also when the old bytes are restored later. `outlived`: ended ones apply too,
    for the rollback of a flip that was executed under them.
    """
    granted: dict[str, GrantedAsk] = {}
    answered: set[str] = set()
    revoked: set[str] = set()
    excluded: set[tuple[str, str]] = set()
    for item in log:
        record = item.record
        if isinstance(record, Surfaced) and record.digest != digest and not outlived:
            granted.clear()
            answered.clear()
        elif isinstance(record, Revoke):
            ended = set(granted) if record.grant == ALL else {record.grant}
            revoked |= ended | ({record.grant} - {ALL})
            for id_ in ended:
                granted.pop(id_, None)
        elif isinstance(record, AskAnswer):
            grant = contract.grant(record.grant) if contract is not None else None
            if record.answer == "granted" and grant is not None:
                # Over all versions and asks: only a grant that names the item ends its exclusion.
                excluded |= {(grant.action, name) for name in record.excluded}
            if grant is None or record.digest != digest:
                continue
            if answer_fault(grant, record.scope, record.excluded, record.answer):
                granted.pop(grant.id, None)  # the newest answer to this ask is invalid: it is a no
                continue
            answered.add(grant.id)
            revoked.discard(grant.id)
            if record.answer == "refused":
                granted.pop(grant.id, None)
                continue
            excluded -= {(grant.action, name) for name in record.scope}
            granted[grant.id] = GrantedAsk(grant, record.scope, record)
    return AskAnswers(granted, frozenset(answered), frozenset(revoked), frozenset(excluded))
