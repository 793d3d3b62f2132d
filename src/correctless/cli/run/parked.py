"""Runs that are parked on a remote: the options that name them, and fetching."""

from __future__ import annotations

import os
import secrets
import socket
from typing import Any

import click

from correctless.base.clock import timestamp, utcnow
from correctless.base.exits import Stop
from correctless.base.text import printable_lines
from correctless.cli import typable
from correctless.dispatch.parking import handover
from correctless.dispatch.parking.remote_ref import ParkHolder
from correctless.project import person
from correctless.project.git import Repo
from correctless.project.paths import Logs
from correctless.runlog.state import State


def from_options(command: Any) -> Any:
    """Add the options that name a parked run."""
    options = (
        click.option("--from", "remote", metavar="REMOTE", help="Use the run that is parked on this remote."),
        click.argument("run_id", metavar="[RUN]", required=False),
        click.option("--take-over", is_flag=True, help="With --from: also take a run from another machine."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def refuse_half(remote: str | None, run: str | None, *, take_over: bool) -> None:
    """Raise a usage error unless remote and run are both named, or neither."""
    if (remote is None) != (run is None) or (take_over and remote is None):
        raise click.UsageError("a parked run needs both: --from REMOTE RUN")


def bring(here: Repo, remote: str, run: str, *, take_over: bool) -> Logs:
    """Take the run and bring it here, after showing what will run.

    The caller holds the lock.
    """
    with handover.fetched(here, remote, run, os.environ) as there:
        if not take_over:
            handover.refuse_other_holder(there)
        for line in handover.will_run(there.parcel.plan):
            click.echo(printable_lines(f"runs here: {line}"), err=True)
        return handover.bring(here, there, _me(here), os.environ, secrets.token_hex)


def take_again(here: Repo, state: State) -> None:
    """Take a run that was parked from here before it continues here.

    Raises: the errors of `handover.take_again`.
    """
    handover.take_again(here, state, _me(here), secrets.token_hex, _warn)


def let_go(here: Repo, state: State) -> None:
    """Remove a finished run from its remote; a failure is a warning."""
    if state.plan is not None and state.plan.park is not None:
        try:
            handover.release(here, state.plan.park, state.run)
        except Stop as stop:
            _warn(stop.message)


def _me(here: Repo) -> ParkHolder:
    return ParkHolder(person.name(here, os.environ), socket.gethostname(), timestamp(utcnow()))


def _warn(text: str) -> None:
    click.echo(typable(printable_lines(f"warning: {text}")), err=True)
