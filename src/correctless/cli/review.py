"""`correctless review`: what was deferred to a person, shown whole, and their answer bound to exactly that."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Callable

import click

from correctless.base import exits
from correctless.base.clock import utcnow
from correctless.base.exits import Stop
from correctless.cli import typable
from correctless.cli.run.parked import from_options, refuse_half
from correctless.cli.values import NAME
from correctless.dispatch.control import rerun
from correctless.dispatch.core.context import RunContext
from correctless.dispatch.parking import handover
from correctless.dispatch.parking.remote_ref import command
from correctless.project import git, paths, person
from correctless.project.git import Repo
from correctless.project.lock import Lock
from correctless.project.paths import Logs
from correctless.review import gate, summary
from correctless.review import open_set as views
from correctless.review.gate import Gate

_SHOWN = 8  # hex digits a person types: they only say "this one"; the record holds the whole digest


@click.command(epilog="Example: correctless review    (it shows the open set, then asks for your answer)")
@click.option("--json", "as_json", is_flag=True, help="Print the open set for programs; answers nothing.")
@click.option(
    "--log", "path", metavar="FILE", help="The decisions log; default: the one of the branch you are on."
)
@click.option(
    "--confirm", metavar="DIGEST", help="Confirm without being asked, if the open set has this digest."
)
@click.option("--reject", is_flag=True, help="Answer no: the gate stays closed.")
@click.option("--rerun", "step", metavar="STEP", help="Have this step and all after it run again.")
@click.option("--note", default="", help="Why: kept with a rejection, told to the agent with a re-run.")
@from_options
@click.option("--as", "by", type=NAME, metavar="NAME", help="Who answers; default: git's user.name.")
def review(
    as_json: bool,
    path: str | None,
    confirm: str | None,
    reject: bool,
    step: str | None,
    note: str,
    remote: str | None,
    run_id: str | None,
    take_over: bool,
    by: str | None,
) -> int:
    """Read the decisions that were deferred to a person; confirm or reject them, or have a step run again.

    An answer is taken from a person's terminal only. With --from REMOTE RUN it is put where the run is parked, for whoever
    goes on with it; nothing is written here. Exit 0: nothing is open any more; 10: something is.
    """
    given = [name for name, value in (("confirm", confirm), ("reject", reject), ("rerun", step)) if value]
    if len(given) > 1:
        raise click.UsageError(f"--{given[0]} and --{given[1]} exclude each other")
    refuse_half(remote, run_id, take_over=take_over)
    if remote is not None and run_id is not None:
        if step or path:
            raise click.UsageError(
                "--log and --rerun need the run here: bring it with correctless cauto resume --from REMOTE RUN"
            )
        return _parked(
            remote,
            run_id,
            as_json=as_json,
            confirm=confirm,
            reject=reject,
            note=note,
            by=by,
            take_over=take_over,
        )
    here = git.find(os.getcwd()) if path is None else None
    logs = paths.logs(here) if here is not None else paths.logs_beside(path or "")
    gate.of(logs, here, os.environ)
    if as_json or not (given or person.has_terminal()):
        return _show(logs, here, None, as_json=as_json)
    _refuse_nobody()
    who = by or person.name(here, os.environ)
    held = Lock.take(here, "correctless review") if here is not None else None
    try:
        if step is not None:
            return _rerun(here, logs, held, step, note, who)
        return _answer(logs, here, who, confirm=confirm, reject=reject, note=note)
    finally:
        if held is not None:
            held.close()


def _parked(
    remote: str,
    run: str,
    *,
    as_json: bool,
    confirm: str | None,
    reject: bool,
    note: str,
    by: str | None,
    take_over: bool,
) -> int:
    here = git.find(os.getcwd())
    answers = not as_json and (confirm is not None or reject or person.has_terminal())
    if answers:
        _refuse_nobody()
    with handover.found(here, remote, run, os.environ) as there:
        logs = there.parcel.logs
        if not answers:
            return _show(logs, here, there.parked.parent, as_json=as_json)
        if not take_over:
            handover.refuse_taken(there)
        return _answer(
            logs,
            here,
            by or person.name(here, os.environ),
            confirm=confirm,
            reject=reject,
            note=note,
            at=there.parked.parent,
            next_=command("cauto resume", remote, run),
            keep=lambda: handover.park_again(here, there, os.environ, secrets.token_hex),
        )


def _refuse_nobody() -> None:
    person.refuse_agents(os.environ)
    if not person.has_terminal():
        raise Stop(
            exits.REFUSED,
            "an answer is taken from a terminal only, and there is none here. run it in your own",
        )


def _show(logs: Logs, here: Repo | None, at: str | None, *, as_json: bool) -> int:
    branch, found = gate.asked(logs, here, at=at)
    if as_json:
        click.echo(json.dumps(gate.values(found), indent=2))
    elif found.open:
        click.echo(_NOTHING)
    else:
        click.echo(summary.text(views.view_of(branch, found, logs), width=width()), nl=False)
        click.echo("An answer is taken from a person's terminal: run correctless review in your own.")
        if found.closing is not None and os.environ.get("CLAUDECODE"):
            click.echo(f"Or type into Claude Code yourself: confirm escalations {found.closing.digest[:12]}")
    return exits.OK if found.open else exits.PERSON


_NOTHING = "nothing is open: no decision waits for a person"


def _answer(
    logs: Logs,
    here: Repo | None,
    who: str,
    *,
    confirm: str | None,
    reject: bool,
    note: str,
    at: str | None = None,
    next_: str = "correctless cauto resume",
    keep: Callable[[], None] = lambda: None,
) -> int:
    branch, found = gate.asked(logs, here, at=at)
    branch, found = views.close_gate(
        logs, branch, found, token=secrets.token_hex(16), now=utcnow(), repo=here, at=at
    )
    if found.open or found.closing is None:
        click.echo(_NOTHING)
        return exits.OK
    digest = found.closing.digest
    if confirm is None and not reject:
        click.echo(summary.text(views.view_of(branch, found, logs), width=width()), nl=False)
        click.echo(f"\nTheir digest is {digest[:_SHOWN]}...")
        confirm, reject, note = _ask(note)
    if reject:
        views.answer(logs, digest, kind="rejected", by=who, channel="terminal", note=note, now=utcnow())
        keep()
        click.echo(f"rejected by {who}. the gate stays closed")
        return exits.PERSON
    if not confirm:
        click.echo("nothing was confirmed. the gate stays closed")
        return exits.PERSON
    if len(confirm) < _SHOWN or not digest.startswith(confirm.lower()):
        raise Stop(
            exits.PERSON,
            f"'{confirm}' is not the digest of the open set, which is {digest[:_SHOWN]}. nothing was confirmed",
        )
    views.answer(logs, digest, kind="escalations", by=who, channel="terminal", note=note, now=utcnow())
    keep()  # before anybody is told that it counts
    return _confirmed(gate.asked(logs, here, at=at)[1], who, len(found.waiting), next_)


def _ask(note: str) -> tuple[str | None, bool, str]:
    said = click.prompt(
        "Type these characters to confirm, no to reject, or nothing to leave it open",
        default="",
        show_default=False,
    ).strip()
    if said.lower() in ("no", "n", "reject"):
        return None, True, note or click.prompt("Why", default="", show_default=False)
    return said or None, False, note


def _confirmed(found: Gate, who: str, count: int, next_: str) -> int:
    what = "1 decision" if count == 1 else f"{count} decisions"
    if not found.open:
        raise Stop(
            exits.PERSON,
            f"the answer of {who} is on record, but the configuration doesn't let it open the gate. see confirm_channels and confirmers",
        )
    click.echo(typable(f"{what} confirmed by {who}. go on with: {next_}"))
    return exits.OK


def _rerun(here: Repo | None, logs: Logs, held: Lock | None, step: str, note: str, who: str) -> int:
    if here is None or held is None:
        raise Stop(exits.USAGE, "--rerun needs the repository of the run. change into it and leave --log out")
    ctx = RunContext(here, logs, held, os.environ)
    rerun.request(ctx, lambda *_: None, step=step, note=note, by=who, channel="terminal")
    click.echo(typable(f"{step} and all after it will run again. go on with: correctless cauto resume"))
    return exits.PERSON


def width() -> int:
    """Columns to write in: the terminal's, within what reads well."""
    return max(60, min(shutil.get_terminal_size((80, 24)).columns, 110))
