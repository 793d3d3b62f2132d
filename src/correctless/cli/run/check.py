"""`correctless cauto check`: trial of what a run will need, shown line by line."""

from __future__ import annotations

import os
from typing import Any

import click

from correctless.base import exits
from correctless.base.exits import Stop
from correctless.base.text import printable_lines
from correctless.cli.display import progress
from correctless.cli.run.options import request_options
from correctless.dispatch.control import preflight, start
from correctless.dispatch.tell import notify
from correctless.project import git

TRYING = "trying what the run will need; the tests and one turn of the agent take some time"


def try_all(ready: start.Ready) -> tuple[str, ...]:
    """Try each thing that the run will need and print the result.

    Raises: Stop(3) when one fails; all of them are tried first.
    """
    click.echo(TRYING, err=True)
    proofs = tuple(print_proof(prove(), err=True) for prove in preflight.proofs(ready, os.environ))
    failed = [proof for proof in proofs if not proof.ok]
    if failed:
        more = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
        first = failed[0]
        raise Stop(
            exits.REFUSED,
            f"{first.what}: {first.result}{more}. {first.fix}, or skip the trial with --no-check",
        )
    return tuple(proof.what for proof in proofs)


def print_proof(proof: preflight.Proof, *, err: bool) -> preflight.Proof:
    """Print the result of one trial and return it."""
    fix = "" if proof.ok else f". {proof.fix}"
    label = "FAILED" if not proof.ok else "WARNING" if proof.warning else "ok"
    line = f"{label:10} {proof.what}: {proof.result}{fix}"
    click.echo(printable_lines(line), err=err)
    return proof


@click.command(epilog="Example: correctless cauto check --spec docs/spec.md")
@request_options
@click.option("--notify", "trial", is_flag=True, help="Send one trial notification.")
def check(spec: str, pipeline: str, trial: bool, **flags: Any) -> int:
    """Try what a run will need, and show its plan.

    Tries the tests on this commit, a signature, the push, the login and one turn of the agent.

    Logs and branch are not changed. Exit 0: a run may start; 1: a trial failed; 3: a run cannot start.
    """
    ready = start.prepare(
        git.find(os.getcwd()), os.getcwd(), start.Request(spec, pipeline, flags), os.environ
    )
    click.echo(progress.plan(ready.frozen.plan))
    for warning in start.warnings(ready):
        click.echo(printable_lines(f"WARNING    {warning}"))
    if inherits := progress.inherits(ready.inherited):
        click.echo(f"inherits   {inherits}")
    if trial:
        sent = notify.trial(ready.frozen.plan, ready.repo, os.environ)
        if not sent.ok:
            raise Stop(exits.REFUSED, sent.message)
        click.echo(sent.message)
    click.echo(TRYING, err=True)
    proofs = [print_proof(prove(), err=False) for prove in preflight.proofs(ready, os.environ)]
    if not all(proof.ok for proof in proofs):
        return exits.FINDINGS
    if start.approval(ready) is None:
        raise Stop(
            exits.REFUSED,
            f"the spec {ready.frozen.plan.spec} is not approved yet. cauto run asks for it in a terminal",
        )
    return exits.OK
