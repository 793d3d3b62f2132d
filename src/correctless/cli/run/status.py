"""`correctless cauto status`: show the runs of a repository."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import click

from correctless.base import exits
from correctless.base.exits import Stop
from correctless.cli import spelled, typable
from correctless.cli.display import progress, watch
from correctless.cli.display.watch import Watcher
from correctless.cli.values import json_option
from correctless.project import git, lock, paths
from correctless.project.git import Repo
from correctless.project.paths import Logs
from correctless.review import anchors, gate, request, standing
from correctless.review import open_set as views
from correctless.runlog.state import State


@click.command(epilog="Example: correctless cauto status --json")
@click.option("--all", "everything", is_flag=True, help="The last run of every branch.")
@json_option
@click.option(
    "--follow", is_flag=True, help="Show events until the run ends, waits or stops; exit with its code."
)
def status(everything: bool, as_json: bool, follow: bool) -> int:
    """Show the last run of this branch; exit 3 when no run is found.

    With --follow it prints each new event as a line (--json: as one JSON object). Ctrl-C does not end the run.
    """
    if follow and everything:
        raise click.UsageError("--follow shows one run: leave --all out")
    repo = git.find(os.getcwd())
    if follow:
        with watch.reporting(watch.JsonWatcher() if as_json else watch.PlainWatcher()) as watcher:
            return _follow(repo, watcher, as_json=as_json)
    chosen = list(paths.all_logs(repo)) if everything else [paths.logs(repo)]
    for logs in chosen:
        # Of another branch only the anchors on this machine count: its commits are not those of HEAD.
        anchors.refuse_disproved(logs, None if everything else repo, os.environ)
    if not everything:
        refuse_without_run(chosen[0])
    states = [(logs, views.state_of(logs)) for logs in chosen]
    places = repo.worktrees()
    values = [
        _values(logs, state, None if everything else repo, places)
        for logs, state in states
        if not everything or state.plan is not None  # not a branch with only decisions written by hand
    ]
    if as_json:
        click.echo(json.dumps(values if everything else values[0], indent=2))
    else:
        described = "\n\n".join(progress.describe(each) for each in values)
        click.echo(typable(described or "no run found on any branch"))
    return exits.OK


def _follow(repo: Repo, watcher: Watcher, *, as_json: bool) -> int:
    from correctless.cli.run import follow as following

    logs = paths.logs(repo)
    anchors.refuse_disproved(logs, repo, os.environ)
    refuse_without_run(logs)
    plan = views.state_of(logs).plan
    place = repo.worktrees().get(plan.branch) if plan else None
    try:
        state = following.follow(git.find(place) if place else None, logs, as_json=as_json)
    except KeyboardInterrupt:
        raise Stop(exits.INTERRUPTED, "no longer followed. The run continues") from None
    watcher.end(exits.OK, request.completion(state))
    if not as_json:
        click.echo(request.completion(state))
    return exits.OK


def _values(logs: Logs, state: State, repo: Repo | None, places: Mapping[str, str]) -> dict[str, Any]:
    living = lock.is_branch_locked(state.branch, places)
    at, inherited = standing.of(state, living=living), ""
    if repo is not None or at.word == "waiting":
        try:
            now = gate.load(logs, repo)[1]
        except Stop as stop:  # the rest of the status is still shown
            inherited = f"cannot be checked: {stop.message}"
        else:
            at = standing.of(state, now, living=living)
            inherited = progress.inherits(now.waiting) if repo is not None else ""
    place = places.get(state.branch, "")
    then = spelled(at.next, place)
    if then and not place:  # typed here it would be about another branch
        then = f"git switch {shlex.quote(state.branch)} && {then}"
    return progress.status_values(state, replace(at, next=then), inherited)


def refuse_without_run(logs: Logs) -> None:
    """Refuse when no run ever started on this branch.

    Raises: Stop(3).
    """
    if not os.path.lexists(logs.run):
        raise Stop(exits.REFUSED, "no run found on this branch. Start one: correctless cauto run --spec FILE")
