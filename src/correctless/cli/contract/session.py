"""The run whose contract a command is about, and how its answer is printed; without click, which `contract authorize` does not import."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from correctless.base import exits
from correctless.base.clock import utcnow
from correctless.base.exits import Stop
from correctless.base.text import printable, printable_lines
from correctless.base.values import frozen
from correctless.ledger.ledger import LogMoved
from correctless.project import git
from correctless.project.git import Repo
from correctless.runcontract.document.sections import Contract
from correctless.runcontract.ledger import store
from correctless.runcontract.ledger.clause import Clause
from correctless.runcontract.ledger.records import Record
from correctless.runcontract.ledger.store import ContractFiles, ContractSnapshot

_TRIES = 20
SHOWN = 8  # hex digits a person types: they only say "this one"; the record holds the whole digest


@frozen
class ContractSession:
    """The repository and the run's files in it."""

    repo: Repo
    place: ContractFiles

    def load(self) -> ContractSnapshot:
        return store.load(self.place, os.environ, utcnow())

    def sound(self) -> ContractSnapshot:
        """What is on record; `Stop(3)` when the ledger can't be relied on, so that nothing is built on it."""
        kept = self.load()
        for clause in kept.case.faults:
            if clause.code == "ledger":
                raise Stop(
                    exits.REFUSED,
                    f"{self.place.ledger}: {clause.found}. look at it with: correctless decisions verify --log {self.place.ledger}",
                )
        return kept

    def add(self, make: Callable[[ContractSnapshot], Sequence[Record]]) -> ContractSnapshot:
        """Put on record what `make` makes of what was read; it is asked again when somebody else wrote meanwhile."""
        for _ in range(_TRIES):
            kept = self.sound()
            records = make(kept)
            if not records:
                return kept
            try:
                return store.add(kept, records, os.environ, utcnow())
            except LogMoved:
                continue
        raise Stop(
            exits.LOCKED, f"others write to {self.place.ledger} all the time. end them, then start again"
        )


def there(run_id: str | None) -> ContractSession:
    here = git.find(os.getcwd())
    return ContractSession(here, store.named(here.home, run_id))


def a_person(at: ContractSession | None, by: str | None) -> str:
    """Who answers; `Stop(3)` inside an agent and without a terminal."""
    from correctless.project import person

    person.refuse_agents(os.environ)
    if not person.has_terminal():
        raise Stop(
            exits.REFUSED,
            "an answer is taken from a terminal only, and there is none here. run it in your own",
        )
    return by or person.name(at.repo if at is not None else None, os.environ)


def answerable(kept: ContractSnapshot) -> Contract:
    """The contract as it stands, which a person may answer; `Stop(3)` while there is none that was put before them."""
    state, contract = kept.case.state, kept.case.here.contract
    if contract is None or state.phase not in ("surfaced", "answered", "active", "flipped", "rolled_back"):
        why = f": {state.why}" if state.why else ""
        raise Stop(
            exits.REFUSED,
            f"the contract is {state.phase}{why}. put it before the operator first: correctless contract surface",
        )
    return contract


def token() -> str:
    return os.urandom(8).hex()  # what `secrets` asks as well, which takes 4 ms to import


def echo(text: str) -> None:
    """Lines that quote a contract or an agent, safe for a terminal."""
    print(printable_lines(text), flush=True)


def warn(text: str) -> None:
    """What is no fault and should be known."""
    print(f"warning: {printable(text)}", file=sys.stderr)


def echo_json(value: Any) -> None:
    print(json.dumps(value, indent=2), flush=True)


def clause_lines(clauses: Sequence[Clause]) -> Iterator[str]:
    """One line each; one for all that could not be told for the same reason."""
    by_reason: dict[str, list[Clause]] = {}
    for clause in clauses:
        key = clause.found if clause.found.startswith("unknown: ") else f"{clause.code} {clause.found}"
        by_reason.setdefault(key, []).append(clause)
    for same in by_reason.values():
        first = same[0]
        where = f"section {first.section}" if first.section else "the contract as a whole"
        if len(same) == 1:
            yield f"  {first.code} ({where}): {first.found}. needed: {first.needed}"
        else:
            codes = ", ".join(dict.fromkeys(clause.code for clause in same))
            yield f"  {first.found} ({where}). so nobody can say: {codes}"


def clause_values(clause: Clause) -> dict[str, Any]:
    return {"code": clause.code, "section": clause.section, "found": clause.found, "needed": clause.needed}
