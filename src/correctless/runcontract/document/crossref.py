"""Checks across the sections of a contract: references, ids, and keys that exclude each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from correctless.project.paths import ARTIFACTS, CONTRACTS
from correctless.runcontract.document.forms import MANY, seconds
from correctless.runcontract.document.sections import (
    Constraints,
    Escalations,
    Flips,
    Gates,
    Grant,
    Grants,
    MergeBar,
    Run,
    Triggers,
)
from correctless.runcontract.ledger.counters import folded
from correctless.syntax.toml_text import Path

Fault = tuple[str, Path, str]  # section, place in it, message

# The keys a grant of each action must have; those of other actions are not allowed.
KEYS = {
    "merge": ("prs", "bar"),
    "flip": ("flips",),
    "rollback": ("flips",),
    "spawn": ("max_agents", "max_concurrent", "max_cost_usd", "max_minutes"),
}
_OF_ACTIONS = tuple(dict.fromkeys(key for keys in KEYS.values() for key in keys))
_WAYS = ("deny", "check", "lint", "files", "prompt_only")


def faults(values: Mapping[str, Any]) -> Iterator[Fault]:
    """Yield every fault between the sections that could be read; references to any other are not checked."""
    for check in (_run, _ids, _grants, _bars, _gates, _flips, _triggers, _constraints, _escalations):
        yield from check(values)


def _ids(values: Mapping[str, Any]) -> Iterator[Fault]:
    for name, items in _items(values):
        key = _KEYS_OF[name]
        if len(items) > MANY:
            yield name, (), f"{len(items)} of [[{key}]]. write at most {MANY}"
        ids: set[str] = set()
        for number, item in enumerate(items):
            # Case is ignored: in an answer F1 and f1 are too alike.
            if item.id.lower() in ids:
                yield name, (key, number, "id"), f"a second {key} '{item.id}'. give it an id of its own"
            ids.add(item.id.lower())


_KEYS_OF = {
    "grants": "grant", "merge_bar": "bar", "gates": "gate", "flips": "flip", "triggers": "trigger",
    "constraints": "constraint", "escalations": "escalation",
}  # fmt: skip


def _items(values: Mapping[str, Any]) -> Iterator[tuple[str, tuple[Any, ...]]]:
    for name, key in _KEYS_OF.items():
        if name in values:
            yield name, getattr(values[name], key)


def _run(values: Mapping[str, Any]) -> Iterator[Fault]:
    run = values.get("run")
    if not isinstance(run, Run):
        return
    if run.not_after <= run.started:
        yield "run", ("not_after",), "'not_after' is not later than 'started'. write when the answers end"
    if folded(run.operator) == folded(run.agent):
        message = "'agent' is the operator. name who acts: an agent may not grant what it asks for"
        yield "run", ("agent",), message


def _grants(values: Mapping[str, Any]) -> Iterator[Fault]:
    section = values.get("grants")
    if not isinstance(section, Grants):
        return
    if not section.grant:
        yield "grants", (), "no [[grant]]. ask for something, or there is nothing to answer"
    for number, grant in enumerate(section.grant):
        at: Path = ("grant", number)
        for key in _OF_ACTIONS:
            value = getattr(grant, key)
            if key in KEYS[grant.action] and value is None:
                yield "grants", at, f"the key '{key}' is missing for the action {grant.action}. add it"
            if key not in KEYS[grant.action] and value is not None:
                yield "grants", (*at, key), f"'{key}' says nothing of the action {grant.action}. remove it"
        yield from _pulls(grant, at)
        bars = values.get("merge_bar")
        if grant.action == "merge" and grant.bar and isinstance(bars, MergeBar):
            yield from _known("grants", (*at, "bar"), (grant.bar,), (b.id for b in bars.bar), "bar")
        if grant.action in ("flip", "rollback") and grant.flips is not None:
            if not grant.flips:
                yield "grants", (*at, "flips"), "'flips' is empty. name the flips that are asked for"
            if isinstance(flips := values.get("flips"), Flips):
                yield from _known("grants", (*at, "flips"), grant.flips, (f.id for f in flips.flip), "flip")
        if grant.max_agents and grant.max_concurrent and grant.max_concurrent > grant.max_agents:
            yield "grants", (*at, "max_concurrent"), "'max_concurrent' is more than 'max_agents'. write fewer"


def _pulls(grant: Grant, at: Path) -> Iterator[Fault]:
    if grant.prs is None or grant.action != "merge":
        return
    if not grant.prs:
        yield "grants", (*at, "prs"), "'prs' is empty. name the pull requests that are asked for"
    if "*" in grant.prs and len(grant.prs) > 1:
        yield "grants", (*at, "prs"), '"*" beside numbers. write either'
    if len(set(grant.prs)) != len(grant.prs):
        yield "grants", (*at, "prs"), "duplicate pull request. write it once"


def _bars(values: Mapping[str, Any]) -> Iterator[Fault]:
    section = values.get("merge_bar")
    if not isinstance(section, MergeBar):
        return
    for number, bar in enumerate(section.bar):
        if not bar.check_ok:
            yield "merge_bar", ("bar", number, "check_ok"), "'check_ok' is empty. write [\"SUCCESS\"]"
        if both := set(bar.required_checks) & set(bar.optional_skippable):
            message = f"'{min(both)}' is required and may be skipped. write it in one of the two"
            yield "merge_bar", ("bar", number, "optional_skippable"), message


def _gates(values: Mapping[str, Any]) -> Iterator[Fault]:
    section = values.get("gates")
    if isinstance(section, Gates):
        for number, gate in enumerate(section.gate):
            at: Path = ("gate", number)
            if gate.evidence is not None and _is_reserved(gate.evidence):
                message = f"'evidence' is a path of git or of correctless itself. write another, such as reports/{gate.id}.json"
                yield "gates", (*at, "evidence"), message
            if gate.check is not None and not gate.check:
                yield "gates", (*at, "check"), "'check' is empty. write a program and its arguments"
            if gate.prepare is not None and not gate.prepare:
                message = "'prepare' is empty. write a program and its arguments, or leave it out"
                yield "gates", (*at, "prepare"), message
            if gate.prepare is not None and gate.checkout != "own":
                message = "'prepare' would change the worktree. write checkout = \"own\" with it"
                yield "gates", (*at, "prepare"), message


def _is_reserved(path: str) -> bool:
    """Whether a path is in a folder of git or of ours, or above one."""
    parts = path.lower().split("/")  # as a file system without case has it
    if ".git" in parts:
        return True
    ours = [folder.split("/") for folder in (ARTIFACTS, CONTRACTS)]
    return any(parts[: len(each)] == each or each[: len(parts)] == parts for each in ours)


def _flips(values: Mapping[str, Any]) -> Iterator[Fault]:
    section = values.get("flips")
    if not isinstance(section, Flips):
        return
    after = {flip.id: flip.after for flip in section.flip}
    for number, flip in enumerate(section.flip):
        at: Path = ("flip", number)
        if not flip.gates:
            yield (
                "flips",
                (*at, "gates"),
                "'gates' is empty. nothing would hold the flip back: name its gates",
            )
        if isinstance(gates := values.get("gates"), Gates):
            yield from _known("flips", (*at, "gates"), flip.gates, (g.id for g in gates.gate), "gate")
        yield from _known("flips", (*at, "after"), flip.after, after, "flip")
        for key in ("argv", "rollback_argv"):
            if not getattr(flip, key):
                yield "flips", (*at, key), f"'{key}' is empty. write a program and its arguments"
        if _reaches(flip.id, after):
            yield "flips", (*at, "after"), f"'{flip.id}' comes after itself. break the circle"


def _reaches(start: str, after: Mapping[str, tuple[str, ...]]) -> bool:
    seen: set[str] = set()
    todo = list(after[start])
    while todo:
        name = todo.pop()
        if name == start:
            return True
        if name not in seen:
            seen.add(name)
            todo += after.get(name, ())
    return False


def _triggers(values: Mapping[str, Any]) -> Iterator[Fault]:
    section = values.get("triggers")
    if not isinstance(section, Triggers):
        return
    if section.trigger and section.watch is None:
        yield "triggers", (), "triggers need a [watch]. add it"
    for number, trigger in enumerate(section.trigger):
        at: Path = ("trigger", number)
        if not trigger.metric:
            yield "triggers", (*at, "metric"), "'metric' is empty. write a program and its arguments"
        if trigger.threshold is None and trigger.baseline_ratio is None:
            message = "neither 'threshold' nor 'baseline_ratio'. add what the number is compared with"
            yield "triggers", at, message
        if (trigger.baseline_ratio is None) != (trigger.baseline_floor is None):
            yield "triggers", at, "'baseline_ratio' and 'baseline_floor' go together. write both or none"
        both = trigger.threshold is not None and trigger.baseline_ratio is not None
        if both != (trigger.combine is not None):
            message = "'combine' says how threshold and ratio go together. write it with both, and only then"
            yield "triggers", at, message
        if seconds(trigger.sustained) < seconds(trigger.every):
            message = (
                "'sustained' is shorter than 'every', so it would hold no tick. make it at least as long"
            )
            yield "triggers", (*at, "sustained"), message
        if not trigger.flips:
            yield "triggers", (*at, "flips"), "'flips' is empty. name what this trigger rolls back"
        if isinstance(flips := values.get("flips"), Flips):
            yield from _known("triggers", (*at, "flips"), trigger.flips, (f.id for f in flips.flip), "flip")


def _constraints(values: Mapping[str, Any]) -> Iterator[Fault]:
    section = values.get("constraints")
    if not isinstance(section, Constraints):
        return
    for number, constraint in enumerate(section.constraint):
        at: Path = ("constraint", number)
        ways = [way for way in _WAYS if getattr(constraint, way) is not None]
        if len(ways) != 1:
            has = " and ".join(ways) or "none of them"
            yield "constraints", at, f"a constraint has {has}. write exactly one of {', '.join(_WAYS)}"
        for way in ("deny", "files"):
            if getattr(constraint, way) == ():
                yield "constraints", (*at, way), f"'{way}' is empty. it would hold nothing"
        if constraint.prompt_only is False:
            yield "constraints", (*at, "prompt_only"), "'prompt_only' is false. remove it, or write true"


def _escalations(values: Mapping[str, Any]) -> Iterator[Fault]:
    section = values.get("escalations")
    if not isinstance(section, Escalations):
        return
    flips = values.get("flips")
    for number, escalation in enumerate(section.escalation):
        at: Path = ("escalation", number, "freezes")
        for pattern in escalation.freezes:
            kind, _, target = pattern.partition(":")
            if kind == "rollback":
                message = "'rollback' can't be frozen: an open question must not keep a bad flip in place. remove it"
                yield "escalations", at, message
            if kind == "flip" and target and isinstance(flips, Flips):
                yield from _known("escalations", at, (target,), (f.id for f in flips.flip), "flip")


def _known(section: str, at: Path, used: tuple[str, ...], known: Iterable[str], kind: str) -> Iterator[Fault]:
    ids = tuple(known)
    for name in dict.fromkeys(used):
        if name not in ids:
            yield section, at, f"unknown {kind} '{name}'. known: {', '.join(ids) or 'none'}"
        if used.count(name) > 1:
            yield section, at, f"duplicate '{name}'. write it once"
