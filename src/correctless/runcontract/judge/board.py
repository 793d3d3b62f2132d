"""The colour of each gate, GREEN, AMBER or RED, from its records and the present state. Pure.

A colour is computed each time, and not stored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from correctless.base.text import one_line
from correctless.base.values import frozen
from correctless.github.facts import Fact, Known, Unknown
from correctless.runcontract.document.forms import seconds
from correctless.runcontract.document.sections import Contract, Gate
from correctless.runcontract.ledger.clause import Clause
from correctless.runcontract.ledger.records import GateEvidence, LoggedRecord

GREEN, AMBER, RED = "GREEN", "AMBER", "RED"
_RUNS = 3  # the newest ones, which all must have passed
_SKEW = timedelta(seconds=5)


@frozen
class Light:
    """The colour of one gate, and the reasons why it is not GREEN."""

    gate: str
    colour: str
    reasons: tuple[str, ...]
    at: datetime | None  # when the newest run was recorded

    def clause(self) -> Clause:
        """Return this colour as a failing clause."""
        what = one_line(f"{self.gate} is {self.colour}: {'; '.join(self.reasons)}")
        return Clause(f"gate.{self.colour.lower()}", 4, what, f"{self.gate} GREEN")


@frozen
class GateFacts:
    """What gates are compared with: the worktree's revision, and the SHA-256 of each evidence file by its path."""

    revision: Fact[str]
    files: Mapping[str, Fact[str]]
    head: Fact[str] | None = None  # the commit alone, for gates with a checkout of their own


def lights(
    contract: Contract, evidence: Sequence[LoggedRecord], facts: GateFacts, now: datetime
) -> tuple[Light, ...]:
    """Return the colour of each gate, in the order of the contract."""
    return tuple(light(gate, evidence, facts, now) for gate in contract.gates.gate)


def light(gate: Gate, evidence: Sequence[LoggedRecord], facts: GateFacts, now: datetime) -> Light:
    """Return the colour of one gate, with its reasons."""
    runs = [
        (item.at, item.record)
        for item in evidence
        if isinstance(item.record, GateEvidence) and item.record.gate == gate.id
    ]
    if not runs:
        return Light(gate.id, RED, ("no evidence",), None)
    at, last = runs[-1]
    red = _red(gate, at, last, facts, now)
    if red:
        return Light(gate.id, RED, red, at)
    amber = _amber(gate, last, [run for _, run in runs])
    return Light(gate.id, AMBER if amber else GREEN, amber, at)


def _red(gate: Gate, at: datetime, last: GateEvidence, facts: GateFacts, now: datetime) -> tuple[str, ...]:
    reasons = []
    if last.result == "failed":
        reasons.append("the last run failed")
    if at > now + _SKEW:
        reasons.append("its evidence is dated in the future")
    if now - at > timedelta(seconds=seconds(gate.max_age)):
        reasons.append(f"its evidence is older than {gate.max_age}")
    if gate.bind == "revision":
        current = facts.head if gate.checkout == "own" and facts.head is not None else facts.revision
        if isinstance(current, Unknown):
            reasons.append(f"the revision is unknown: {current.why}")
        elif not last.revision or last.revision != current.value:
            recorded = last.revision[:12] or "none"
            reasons.append(f"its evidence is of revision {recorded}, this is {current.value[:12]}")
    if last.result == "passed" and gate.evidence is not None:
        fact = facts.files.get(gate.evidence)
        if last.file != gate.evidence or not last.file_sha256:
            reasons.append(f"no {gate.evidence} recorded")
        elif not isinstance(fact, Known):
            reasons.append(f"{gate.evidence} is gone: {fact.why if fact is not None else 'not looked at'}")
        elif fact.value != last.file_sha256:
            reasons.append(f"{gate.evidence} was changed since")
    return tuple(reasons)


def _amber(gate: Gate, last: GateEvidence, runs: Sequence[GateEvidence]) -> tuple[str, ...]:
    reasons = []
    prepare = gate.prepare or ()
    if last.result == "partial":
        reasons.append("the last run was partial")
    if last.result == "claimed" or gate.check is None:
        reasons.append("claimed, and not checked by a run of the program")
    elif last.result == "passed" and last.argv != gate.check:
        reasons.append("another check was run than the contract names")
    elif last.result == "passed" and (last.checkout or "here", last.prepare) != (gate.checkout, prepare):
        reasons.append("its check was run elsewhere, or otherwise prepared, than the contract says")
    if gate.bind == "revision":
        # Runs of other revisions do not make this one flaky.
        runs = [run for run in runs if run.revision == last.revision]
    results = {run.result for run in runs[-_RUNS:]}
    if last.result == "passed" and "failed" in results:
        reasons.append(f"flaky: one of the last {min(_RUNS, len(runs))} runs failed")
    return tuple(reasons)


def markdown(contract: Contract, board: Sequence[Light], now: datetime) -> str:
    """Return the board as a page for you; no program reads it back."""
    names = {gate.id: gate.name for gate in contract.gates.gate}
    rows = [
        f"| {each.colour} | {each.gate} | {_cell(names[each.gate])} | {_cell('; '.join(each.reasons))} |"
        for each in board
    ]
    lines = [
        f"# Gates of {contract.run.run_id}",
        "",
        f"Computed {now.isoformat(timespec='seconds')}; ask again before you rely on it.",
        "",
    ]
    return "\n".join([*lines, "| | gate | what | why |", "|---|---|---|---|", *rows, ""])


def _cell(text: str) -> str:
    return one_line(text).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")
