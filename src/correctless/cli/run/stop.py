"""`correctless cauto stop`: end a dispatcher and its agent."""

from __future__ import annotations

import os
import signal
from contextlib import suppress

import click

from correctless.base import exits
from correctless.base.exits import Stop
from correctless.cli.display import progress
from correctless.cli.display.watch import ABANDON
from correctless.cli.run import parked
from correctless.cli.run.status import refuse_without_run
from correctless.dispatch.control import stop as ending
from correctless.dispatch.core.context import RunContext
from correctless.project import git, paths, person
from correctless.project.lock import Lock
from correctless.project.paths import Logs
from correctless.review import open_set as views
from correctless.runlog.state import State


@click.command(name="stop", epilog="Example: correctless cauto stop")
@click.option("--abandon", is_flag=True, help="End the run for good; its commits stay on the branch.")
def stop(abandon: bool) -> int:
    """End the running dispatcher and its agent.

    The run can be resumed unless it is abandoned.
    """
    repo = git.find(os.getcwd())
    logs = paths.logs(repo)
    if abandon:
        person.refuse_agents(os.environ)
    number = ABANDON if abandon else signal.SIGTERM
    processes = ending.end_processes(repo, _known_state(logs), number)
    if processes:
        click.echo(f"ended: {processes}", err=True)
    if abandon:
        refuse_without_run(logs)
        with Lock.take(repo, "correctless cauto stop") as run_lock:
            ctx = RunContext(repo, logs, run_lock, os.environ, activity=progress.activity)
            state = ending.abandon(ctx, progress.event, by=person.name(repo, os.environ))
        parked.remove_parked(repo, state)
        click.echo(f"run {state.run} is abandoned; its commits stay on the branch")
    elif not processes:
        click.echo("nothing is running here")
    return exits.OK


def _known_state(logs: Logs) -> State:
    # A run with a damaged log can still be ended.
    with suppress(Stop):
        return views.state_of(logs)
    return State()
