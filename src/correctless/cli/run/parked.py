"""Runs that are parked on a remote: the options that name them, and fetching."""

from __future__ import annotations

import os
import secrets
import socket

import click

from correctless.base.clock import timestamp, utcnow
from correctless.base.exits import Stop
from correctless.base.text import printable_lines
from correctless.cli import typable
from correctless.cli.values import options
from correctless.dispatch.parking import handover
from correctless.dispatch.parking.remote_ref import ParkHolder
from correctless.project import person
from correctless.project.git import Repo
from correctless.project.paths import Logs
from correctless.runlog.state import State

# The options that name a parked run.
from_options = options(
    click.option("--from", "remote", metavar="REMOTE", help="Use the run that is parked on this remote."),
    click.argument("run_id", metavar="[RUN]", required=False),
    click.option("--take-over", is_flag=True, help="With --from: also take a run from another machine."),
)


def refuse_incomplete(remote: str | None, run: str | None, *, take_over: bool) -> None:
    """Raise a usage error unless remote and run are both named, or neither."""
    if (remote is None) != (run is None) or (take_over and remote is None):
        raise click.UsageError("a parked run needs both: --from REMOTE RUN")


def bring(repo: Repo, remote: str, run: str, *, take_over: bool) -> Logs:
    """Take the run and bring it here, after showing what will run.

    The caller holds the lock.
    """
    with handover.fetched(repo, remote, run, os.environ) as parked_run:
        if not take_over:
            handover.refuse_other_holder(parked_run)
        for line in handover.will_run(parked_run.parcel.plan):
            click.echo(printable_lines(f"runs here: {line}"), err=True)
        return handover.bring(repo, parked_run, _me(repo), os.environ, secrets.token_hex)


def take_again(repo: Repo, state: State) -> None:
    """Take a run that was parked from here before it continues here.

    Raises: the errors of `handover.take_again`.
    """
    handover.take_again(repo, state, _me(repo), secrets.token_hex, _warn)


def remove_parked(repo: Repo, state: State) -> None:
    """Remove a finished run from its remote; a failure is a warning."""
    if state.plan is not None and state.plan.park is not None:
        try:
            handover.release(repo, state.plan.park, state.run)
        except Stop as stop:
            _warn(stop.message)


def _me(repo: Repo) -> ParkHolder:
    return ParkHolder(person.name(repo, os.environ), socket.gethostname(), timestamp(utcnow()))


def _warn(text: str) -> None:
    click.echo(typable(printable_lines(f"warning: {text}")), err=True)
