"""`correctless cauto stop`: a dispatcher and its agent ended, and with `--abandon` the run as well."""

from __future__ import annotations

import os
from contextlib import suppress

import click

from correctless import exits, person
from correctless import review as views
from correctless.cli import parked, progress
from correctless.cli.standing import refuse_without_run
from correctless.dispatch import stop as ending
from correctless.dispatch.surroundings import Surroundings
from correctless.exits import Stop
from correctless.lock import Lock
from correctless.project import git, paths
from correctless.project.paths import Logs
from correctless.runlog.state import State


@click.command(name="stop", epilog="Example: correctless cauto stop")
@click.option("--abandon", is_flag=True, help="End the run for good; what it committed stays on the branch.")
def stop(abandon: bool) -> int:
    """End the running dispatcher and its agent; the run can be resumed unless it is abandoned."""
    here = git.find(os.getcwd())
    logs = paths.logs(here)
    if abandon:
        person.refuse_agents(os.environ)
    processes = ending.end_processes(here, _known_state(logs))
    if processes:
        click.echo(f"ended: {processes}", err=True)
    if abandon:
        refuse_without_run(logs)
        with Lock.take(here, "correctless cauto stop") as held:
            state = ending.abandon(
                Surroundings(here, logs, held, os.environ), progress.event, by=person.name(here, os.environ)
            )
        parked.let_go(here, state)
        click.echo(f"run {state.run} is abandoned; its commits stay on the branch")
    elif not processes:
        click.echo("nothing is running here")
    return exits.OK


def _known_state(logs: Logs) -> State:
    # A run whose log is damaged must still be possible to end.
    with suppress(Stop):
        return views.state_of(logs)
    return State()
