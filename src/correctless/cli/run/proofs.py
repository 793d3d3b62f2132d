"""What a run will need, tried in front of whoever starts it: a run that may start in, a line for each thing tried out."""

from __future__ import annotations

import os

import click

from correctless.base import exits
from correctless.base.exits import Stop
from correctless.base.text import printable_lines
from correctless.dispatch.control import preflight, start

TRYING = "trying what the run will need; the tests and one turn of the agent take their time"


def tried(ready: start.Ready) -> tuple[str, ...]:
    """Each thing the run will need, tried and told; `Stop(3)` names what failed, all of it together."""
    click.echo(TRYING, err=True)
    proofs = tuple(told(prove(), err=True) for prove in preflight.proofs(ready, os.environ))
    failed = [proof for proof in proofs if not proof.ok]
    if failed:
        more = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
        first = failed[0]
        raise Stop(
            exits.REFUSED,
            f"{first.what}: {first.said}{more}. {first.fix}, or start all the same with --no-check",
        )
    return tuple(proof.what for proof in proofs)


def told(proof: preflight.Proof, *, err: bool) -> preflight.Proof:
    fix = "" if proof.ok else f". {proof.fix}"
    label = "FAILED" if not proof.ok else "WARNING" if proof.warning else "holds"
    line = f"{label:10} {proof.what}: {proof.said}{fix}"
    click.echo(printable_lines(line), err=err)
    return proof
