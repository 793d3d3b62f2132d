"""Trial of what a run will need, shown line by line."""

from __future__ import annotations

import os

import click

from correctless.base import exits
from correctless.base.exits import Stop
from correctless.base.text import printable_lines
from correctless.dispatch.control import preflight, start

TRYING = "trying what the run will need; the tests and one turn of the agent take some time"


def tried(ready: start.Ready) -> tuple[str, ...]:
    """Try each thing that the run will need and print the result.

    Raises: Stop(3) when one fails; all of them are tried first.
    """
    click.echo(TRYING, err=True)
    proofs = tuple(told(prove(), err=True) for prove in preflight.proofs(ready, os.environ))
    failed = [proof for proof in proofs if not proof.ok]
    if failed:
        more = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
        first = failed[0]
        raise Stop(
            exits.REFUSED,
            f"{first.what}: {first.said}{more}. {first.fix}, or skip the trial with --no-check",
        )
    return tuple(proof.what for proof in proofs)


def told(proof: preflight.Proof, *, err: bool) -> preflight.Proof:
    """Print the result of one trial and return it."""
    fix = "" if proof.ok else f". {proof.fix}"
    label = "FAILED" if not proof.ok else "WARNING" if proof.warning else "ok"
    line = f"{label:10} {proof.what}: {proof.said}{fix}"
    click.echo(printable_lines(line), err=err)
    return proof
