"""Output of a gate's check: stored whole, and shown in part after a failure."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from correctless.base.files import replace_file
from correctless.base.process.process import Result
from correctless.runcontract.ledger import store
from correctless.runcontract.ledger.store import ContractFiles

_LINES = 10  # of each program's output
_MISSING, _NOT_RUNNABLE = 127, 126  # as a shell says it

Ran = Sequence[tuple[Sequence[str], Result]]


def save(at: ContractFiles, gate: str, ran: Ran) -> str:
    """Write the output to the contract's folder and return its path.

    Replaces the output of the last run.
    """
    store.prepare(at)
    path = os.path.join(at.folder, f"output-{gate}.txt")
    parts = []
    for argv, done in ran:
        parts += [f"$ {' '.join(argv)}\n".encode(), done.out, done.err, f"\n[exit {done.code}]\n".encode()]
    replace_file(path, b"".join(parts), mode=0o600)
    return path


def lines(ran: Ran) -> Iterator[str]:
    """Yield why the last program did not pass, and the end of its output."""
    if not ran:
        return
    argv, done = ran[-1]
    if done.timed_out:
        yield f"  {argv[0]} timed out and was ended"
    elif done.code == _MISSING:
        yield f"  exit {done.code}: {argv[0]} was not found, or a program it starts. Install it, or fix PATH"
    elif done.code == _NOT_RUNNABLE:
        yield f"  exit {done.code}: {argv[0]} cannot be run. Make it executable"
    elif done.code < 0:
        yield f"  {argv[0]} was ended by signal {-done.code}"
    else:
        yield f"  {argv[0]} ended with exit {done.code}"
    output = (done.out + b"\n" + done.err).decode("utf-8", "replace").splitlines()
    yield from (f"  | {line[:500]}" for line in [line for line in output if line.strip()][-_LINES:])
