"""A run that is parked on a remote, as a person names it: the options of the commands that go on with it, and it brought here."""

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
    """How such a run is named."""
    options = (
        click.option("--from", "remote", metavar="REMOTE", help="The run that is parked on this remote."),
        click.argument("run_id", metavar="[RUN]", required=False),
        click.option(
            "--take-over", is_flag=True, help="With --from: also a run that another machine has taken."
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def refuse_half(remote: str | None, run: str | None, *, take_over: bool) -> None:
    """A usage error unless remote and run are both named, or neither."""
    if (remote is None) != (run is None) or (take_over and remote is None):
        raise click.UsageError("a parked run is named by both: --from REMOTE RUN")


def bring(here: Repo, remote: str, run: str, *, take_over: bool) -> Logs:
    """Take the run and bring it here, after it was said what will run here. The caller holds the lock."""
    with handover.found(here, remote, run, os.environ) as there:
        if not take_over:
            handover.refuse_taken(there)
        for line in handover.will_run(there.parcel.plan):
            click.echo(printable_lines(f"runs here: {line}"), err=True)
        return handover.bring(here, there, _me(here), os.environ, secrets.token_hex)


def take_again(here: Repo, state: State) -> None:
    """Take a run that was parked from here before it goes on here; errors as `elsewhere.take_again`."""
    handover.take_again(here, state, _me(here), secrets.token_hex, _warn)


def let_go(here: Repo, state: State) -> None:
    """Take a run that ended off its remote; it has ended all the same when that can't be done."""
    if state.plan is not None and state.plan.park is not None:
        try:
            handover.let_go(here, state.plan.park, state.run)
        except Stop as stop:
            _warn(stop.message)


def _me(here: Repo) -> ParkHolder:
    return ParkHolder(person.name(here, os.environ), socket.gethostname(), timestamp(utcnow()))


def _warn(text: str) -> None:
    click.echo(typable(printable_lines(f"warning: {text}")), err=True)
