"""An action as one exact value, and the names that constraints and escalations use for it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from correctless.base.lazy_re import lazily
from correctless.base.values import frozen
from correctless.ledger.record import read
from correctless.project.git.objectid import OID
from correctless.runcontract.document.forms import CENT
from correctless.syntax.strict_json import RecordError

MOST = 10**9  # of agents, minutes and US dollars
KINDS = ("merge", "flip", "rollback", "spawn", "other")
_NUMBER = lazily(r"[1-9][0-9]{0,8}\Z")
_ID = lazily(r"[A-Za-z][A-Za-z0-9_-]{0,63}\Z")
_NAME = lazily(r"[a-z][a-z0-9_-]*(?:\.[a-z0-9_-]+)*(?::[!-~]{1,200})?\Z")


@frozen
class Action:
    """One action. `target` depends on the kind: a pull request's number, a flip's id, or another name."""

    kind: str
    target: str = ""
    flags: tuple[str, ...] = ()  # of a merge
    trigger: str = ""  # of a rollback
    operator: bool = False  # a rollback that the operator orders at a terminal
    agents: int = 0  # of a spawn; cost and minutes are for each of them
    cost_usd: float | None = None
    minutes: int | None = None
    head: str = ""  # the one commit to merge at; "": any head

    def fields(self) -> dict[str, Any]:
        """Return the action as the JSON object of a record."""
        return {**asdict(self), "flags": list(self.flags)}

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Action:
        """Return the action of a record; `RecordError` also for an unknown key, which might restrict it."""
        if unknown := values.keys() - _KEYS:
            raise RecordError(f"an unknown key '{min(unknown)}' of an action")
        return read(cls, values)

    @property
    def label(self) -> str:
        """Short text of the action, and the target of an escalation about it."""
        return f"{self.kind}:{self.target}" if self.target else self.kind


_KEYS = frozenset(f.name for f in fields(Action))


def fault(action: Action) -> str:
    """Return what is invalid in an action, "" for a valid one."""
    if action.kind not in KINDS:
        return f"an action '{action.kind}'"
    if action.kind == "merge" and not _NUMBER.match(action.target):
        return f"a pull request '{action.target}'"
    if action.kind in ("flip", "rollback") and not _ID.match(action.target):
        return f"a flip '{action.target}'"
    if action.kind == "other" and (not _NAME.match(action.target) or _head(action.target) in KINDS):
        return f"a name '{action.target}'"
    if action.kind == "spawn" and (type(action.agents) is not int or action.agents < 1 or action.target):
        return f"{action.agents} agents"
    if action.head and (action.kind != "merge" or not OID.match(action.head)):
        return f"a head '{action.head}'"
    if action.operator and action.kind != "rollback":
        return f"the operator's own {action.kind}"
    if action.agents > MOST or (action.minutes is not None and not 1 <= action.minutes <= MOST):
        return f"a number that is not from 1 to {MOST}"
    if action.cost_usd is not None and not CENT <= action.cost_usd <= MOST:
        return f"an amount of {action.cost_usd}"
    return ""


def names(action: Action) -> tuple[str, ...]:
    """Return every name by which a pattern may mean this action."""
    if action.kind == "other":
        name, _, target = action.target.partition(":")
        spellings = [name, action.target]
        if target:  # one branch has several spellings
            bare = target.removeprefix("+").rpartition(":")[2]
            spellings.append(f"{name}:{bare.removeprefix('refs/heads/').removeprefix('heads/')}")
        return tuple(dict.fromkeys(spellings))
    flags = (f"{action.kind}.{flag.lstrip('-')}" for flag in action.flags)
    return (action.kind, *([action.label] if action.target else []), *flags)


def matches(pattern: str, action: Action) -> bool:
    """Whether a pattern means this action: `*` is any text, `deploy` also means `deploy.prod` and `deploy:x`."""
    parts = (".*" if part == "*" else re.escape(part) for part in re.split(r"(\*)", pattern))
    wanted = re.compile("".join(parts) + "(?:[.:].*)?\\Z", re.DOTALL)
    return any(wanted.match(name) for name in names(action))


def _head(name: str) -> str:
    return re.split("[.:]", name, maxsplit=1)[0]
