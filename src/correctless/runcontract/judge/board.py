"""The colour of each gate, GREEN, AMBER or RED, from its record and the present state. Pure.

A colour is computed each time and stored nowhere.
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
_LOOKED_AT = 3  # runs: of these all must have passed
_SKEW = timedelta(seconds=5)


@frozen
class Light:
    """The colour of one gate and the reasons it is not GREEN."""

    gate: str
    colour: str
    reasons: tuple[str, ...]
    at: datetime | None  # when the newest run was recorded

    def clause(self) -> Clause:
        """Return this colour as a failing clause."""
        return Clause(
            f"gate.{self.colour.lower()}",
            4,
            one_line(f"{self.gate} is {self.colour}: {'; '.join(self.reasons)}"),
            f"{self.gate} GREEN",
        )


@frozen
class Here:
    """What the gates are held against: the revision of the worktree, and the SHA-256 of each evidence file by its path."""

    revision: Fact[str]
    files: Mapping[str, Fact[str]]
    head: Fact[str] | None = None  # the commit alone: what a checkout of its own is made of


def lights(
    contract: Contract, evidence: Sequence[LoggedRecord], here: Here, now: datetime
) -> tuple[Light, ...]:
    """Return the colour of each gate, in the order of the contract."""
    return tuple(light(gate, evidence, here, now) for gate in contract.gates.gate)


def light(gate: Gate, evidence: Sequence[LoggedRecord], here: Here, now: datetime) -> Light:
    """Return the colour of one gate, with its reasons."""
    runs = [
        (item.at, item.record)
        for item in evidence
        if isinstance(item.record, GateEvidence) and item.record.gate == gate.id
    ]
    if not runs:
        return Light(gate.id, RED, ("no evidence",), None)
    at, last = runs[-1]
    red = _red(gate, at, last, here, now)
    if red:
        return Light(gate.id, RED, red, at)
    amber = _amber(gate, last, [run for _, run in runs])
    return Light(gate.id, AMBER if amber else GREEN, amber, at)


def _red(gate: Gate, at: datetime, last: GateEvidence, here: Here, now: datetime) -> tuple[str, ...]:
    found = []
    if last.result == "failed":
        found.append("the last run failed")
    if at > now + _SKEW:
        found.append("its evidence is dated in the future")
    if now - at > timedelta(seconds=seconds(gate.max_age)):
        found.append(f"its evidence is older than {gate.max_age}")
    if gate.bind == "revision":
        now_at = here.head if gate.checkout == "own" and here.head is not None else here.revision
        if isinstance(now_at, Unknown):
            found.append(f"the revision is unknown: {now_at.why}")
        elif not last.revision or last.revision != now_at.value:
            found.append(
                f"its evidence is of revision {last.revision[:12] or 'none'}, this is {now_at.value[:12]}"
            )
    if last.result == "passed" and gate.evidence is not None:
        fact = here.files.get(gate.evidence)
        if last.file != gate.evidence or not last.file_sha256:
            found.append(f"no {gate.evidence} on record")
        elif not isinstance(fact, Known):
            found.append(f"{gate.evidence} is gone: {fact.why if fact is not None else 'not looked at'}")
        elif fact.value != last.file_sha256:
            found.append(f"{gate.evidence} was changed since")
    return tuple(found)


def _amber(gate: Gate, last: GateEvidence, runs: Sequence[GateEvidence]) -> tuple[str, ...]:
    found = []
    if last.result == "partial":
        found.append("the last run was partial")
    if last.result == "claimed" or gate.check is None:
        found.append("claimed, and not checked by a run of the program")
    elif last.result == "passed" and last.argv != gate.check:
        found.append("another check was run than the contract names")
    elif last.result == "passed" and (last.checkout or "here", last.prepare) != (
        gate.checkout,
        gate.prepare or (),
    ):
        found.append("its check was run elsewhere, or otherwise prepared, than the contract says")
    if gate.bind == "revision":
        # Runs of other revisions say nothing of this one's luck.
        runs = [run for run in runs if run.revision == last.revision]
    results = {run.result for run in runs[-_LOOKED_AT:]}
    if last.result == "passed" and "failed" in results:
        found.append(f"flaky: one of the last {min(_LOOKED_AT, len(runs))} runs failed")
    return tuple(found)


def markdown(contract: Contract, found: Sequence[Light], now: datetime) -> str:
    """The board as a page for people; nobody reads it back."""
    names = {gate.id: gate.name for gate in contract.gates.gate}
    rows = [
        f"| {each.colour} | {each.gate} | {_cell(names[each.gate])} | {_cell('; '.join(each.reasons))} |"
        for each in found
    ]
    head = [
        f"# Gates of {contract.run.run_id}",
        "",
        f"Computed {now.isoformat(timespec='seconds')}; ask again before you rely on it.",
        "",
    ]
    return "\n".join([*head, "| | gate | what | why |", "|---|---|---|---|", *rows, ""])


def _cell(text: str) -> str:
    return one_line(text).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")
