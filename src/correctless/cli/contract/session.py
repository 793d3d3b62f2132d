"""Repository and run of a contract command, and its printed output.

Imports no click, because `contract authorize` does not either.
"""

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
DIGEST_DIGITS = 8  # hex digits that you type; the record has the whole digest


@frozen
class ContractSession:
    """The repository and the contract files of one run."""

    repo: Repo
    place: ContractFiles

    def load(self) -> ContractSnapshot:
        """Read contract and ledger, with the faults found in them."""
        return store.load(self.place, os.environ, utcnow())

    def load_valid(self) -> ContractSnapshot:
        """Read contract and ledger.

        Raises: Stop(3) when the ledger has faults.
        """
        snapshot = self.load()
        for clause in snapshot.case.faults:
            if clause.code == "ledger":
                raise Stop(
                    exits.REFUSED,
                    f"{self.place.ledger}: {clause.found}. Look at it with: correctless decisions verify --log {self.place.ledger}",
                )
        return snapshot

    def add(self, make: Callable[[ContractSnapshot], Sequence[Record]]) -> ContractSnapshot:
        """Record what `make` returns; call it again if another process wrote meanwhile.

        Raises: Stop(3) when the ledger has faults, Stop(75) when others keep writing.
        """
        for _ in range(_TRIES):
            snapshot = self.load_valid()
            records = make(snapshot)
            if not records:
                return snapshot
            try:
                return store.add(snapshot, records, os.environ, utcnow())
            except LogMoved:
                continue
        raise Stop(exits.LOCKED, f"other processes keep writing to {self.place.ledger}. End them, then retry")


def open_session(run_id: str | None) -> ContractSession:
    """Return the session of a run; without an id, of the only one.

    Raises: Stop when no run is found or several are.
    """
    repo = git.find(os.getcwd())
    return ContractSession(repo, store.named(repo.home, run_id))


def answerable(snapshot: ContractSnapshot) -> Contract:
    """Return the current contract if it can be answered.

    Raises: Stop(3) before it was surfaced, and after it ended.
    """
    state, contract = snapshot.case.state, snapshot.case.current.contract
    if contract is None or state.phase not in ("surfaced", "answered", "active", "flipped", "rolled_back"):
        why = f": {state.why}" if state.why else ""
        raise Stop(
            exits.REFUSED,
            f"the contract is {state.phase}{why}. Show it to the operator first: correctless contract surface",
        )
    return contract


def token() -> str:
    """Return 16 random hex digits."""
    return os.urandom(8).hex()  # as `secrets` does, which takes 4 ms to import


def echo(text: str) -> None:
    """Print lines that quote a contract or an agent, safely for a terminal."""
    print(printable_lines(text), flush=True)


def warn(text: str) -> None:
    """Print a warning on standard error."""
    print(f"warning: {printable(text)}", file=sys.stderr)


def echo_json(value: Any) -> None:
    """Print a value as JSON."""
    print(json.dumps(value, indent=2), flush=True)


def clause_lines(clauses: Sequence[Clause]) -> Iterator[str]:
    """Yield one line for each clause, or one for all with the same unknown fact."""
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
            yield f"  {first.found} ({where}). cannot check: {codes}"


def clause_values(clause: Clause) -> dict[str, Any]:
    """Return a clause as JSON values."""
    return {"code": clause.code, "section": clause.section, "found": clause.found, "needed": clause.needed}
