"""`correctless guard`: show what the guard denies, and switch it."""

from __future__ import annotations

import json
import os

import click

from correctless.base import exits
from correctless.base.exits import Stop
from correctless.cli import typable
from correctless.cli.values import json_option
from correctless.guard import where
from correctless.project import person


@click.group(epilog="Example: correctless guard status")
def guard() -> None:
    """The hook that denies what only you or the program may do.

    See docs/security.md.
    """


@guard.command(epilog="Example: correctless guard status --json")
@json_option
def status(as_json: bool) -> int:
    """Show whether the guard is on in this repository, and what it denies now."""
    home = where.home(os.getcwd())
    runs = list(where.runs(home)) if home else []
    values = {
        "on": not os.path.lexists(where.off_switch(home, os.environ)),
        "repository": home.folder if home else None,
        "unfinished_runs": runs,
        "contract_in_force": bool(home and where.is_pinned(home)),
    }
    if as_json:
        click.echo(json.dumps(values, indent=2))
        return exits.OK
    click.echo(
        f"the guard is {'on' if values['on'] else 'off'} for {values['repository'] or 'folders outside a repository'}"
    )
    on = "always" if values["on"] else "when on"
    click.echo(f"{on:<10} logs, confirmations, run state; commands that only you may run")
    if runs or values["contract_in_force"]:
        why = [f"unfinished run on {branch or 'a branch'}" for branch in runs]
        why += ["a run contract in force"] if values["contract_in_force"] else []
        click.echo(
            f"{'now also' if values['on'] else 'and then'}   hooks, settings, publishing the branch ({', '.join(why)})"
        )
    click.echo("agents     in an agent of a run it is always on, and denies all of these")
    return exits.OK


@guard.command(epilog="Example: correctless guard off")
def off() -> int:
    """Switch the guard off for this repository.

    Only you can, in a terminal. Agents that a run starts keep theirs.
    """
    person.refuse_agents(os.environ)
    if not person.has_terminal():
        raise Stop(
            exits.REFUSED,
            "the guard can be switched off only in a terminal, and this is not one. Run it in your own terminal",
        )
    home = where.home(os.getcwd())
    path = where.off_switch(home, os.environ)
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"{home.folder if home else '/'}\n")
    click.echo(typable("the guard is off here. Switch it on again with: correctless guard on"))
    return exits.OK


@guard.command(epilog="Example: correctless guard on")
def on() -> int:
    """Switch the guard on again for this repository."""
    path = where.off_switch(where.home(os.getcwd()), os.environ)
    if os.path.lexists(path):
        os.unlink(path)
    click.echo("the guard is on here")
    return exits.OK
