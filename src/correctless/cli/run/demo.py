"""`correctless cauto demo`: a whole run on a scratch repository.

Recorded answers replace the model.
"""

from __future__ import annotations

import os
import tempfile

import click

from correctless.base import exits
from correctless.base.clock import timestamp, utcnow
from correctless.base.exits import Stop
from correctless.cli import typable
from correctless.cli.display import progress
from correctless.cli.review import answer_here
from correctless.cli.run.drive import drive
from correctless.decisions.decision import Confirmation
from correctless.demo import make_repository
from correctless.dispatch.control import start
from correctless.dispatch.core.context import RunContext
from correctless.project import git, person
from correctless.project.lock import Lock


@click.command(epilog="Example: correctless cauto demo")
@click.option(
    "--keep", "folder", metavar="DIR", help="Where to make the repository; default: a new temporary folder."
)
def demo(folder: str | None) -> int:
    """Run a whole pipeline on a scratch repository with recorded answers.

    It uses no model, no network and no account. At the end it asks for your confirmation.

    Without a terminal it prints the commands instead.

    Exit 0: the pull request's text was written; 10: the gate is closed.
    """
    scratch = make_repository(folder or tempfile.mkdtemp(prefix="correctless-demo-"))
    click.echo(f"demo repository: {scratch.path}", err=True)
    repo = git.find(scratch.path)
    flags = {"agent": f"replay:{scratch.answers}", "intensity": "high", "pr": "skip"}
    ready = start.prepare(repo, scratch.path, start.Request(scratch.spec, flags=flags), os.environ)
    approved = Confirmation("spec", ready.frozen.plan.spec_sha256, "the demo", "flag", timestamp(utcnow()))
    with Lock.take(repo, "correctless cauto demo") as run_lock:
        ctx = RunContext(repo, ready.logs, run_lock, os.environ, activity=progress.activity)
        start.begin(ready, ctx, approved, progress.event)
        try:
            drive(ctx, show="" if person.has_terminal() else "summary")  # review shows it before the question
        except Stop as stop:
            if stop.code != exits.PERSON:
                raise
            click.echo(f"\n{typable(stop.message)}", err=True)
    if not person.has_terminal():
        click.echo(
            typable(
                "to confirm, in your own terminal: correctless review\nthen continue with: correctless cauto resume",
                scratch.path,
            ),
            err=True,
        )
        return exits.PERSON
    try:
        answered = answer_here(repo, twice=True)
    except Stop as stop:
        click.echo(typable(stop.message), err=True)
        answered = stop.code
    if answered != exits.OK:
        message = "the run is left as it is. Answer again with: correctless review\nthen continue with: correctless cauto resume"
        click.echo(typable(message, scratch.path), err=True)
        return answered
    with Lock.take(repo, "correctless cauto demo") as run_lock:
        return drive(RunContext(repo, ready.logs, run_lock, os.environ, activity=progress.activity))
