"""`correctless review`: show what was deferred and take your answer.

An answer counts for exactly what was shown.
"""

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
from correctless.review.gate import GateState

_SHOWN = 8  # hex digits that you type; the record has the whole digest


@click.command(epilog="Example: correctless review    (shows the open set, then asks for your answer)")
@click.option("--json", "as_json", is_flag=True, help="Print the open set for programs; gives no answer.")
@click.option(
    "--log", "path", metavar="FILE", help="The decisions log; default: the one of the branch you are on."
)
@click.option(
    "--confirm", metavar="DIGEST", help="Confirm without a question, if the open set has this digest."
)
@click.option("--reject", is_flag=True, help="Reject: the gate stays closed.")
@click.option("--rerun", "step", metavar="STEP", help="Run this step and all later ones again.")
@click.option("--note", default="", help="Why: recorded with a rejection, passed to the agent with a rerun.")
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
    """Read the decisions that need you; confirm or reject them, or rerun a step.

    You can answer only in a terminal. With --from REMOTE RUN the answer is stored where the run is parked, and
    nothing is written here. Exit 0: no decision needs you; 10: one does.
    """
    given = [name for name, value in (("confirm", confirm), ("reject", reject), ("rerun", step)) if value]
    if len(given) > 1:
        raise click.UsageError(f"--{given[0]} and --{given[1]} exclude each other")
    refuse_half(remote, run_id, take_over=take_over)
    if remote is not None and run_id is not None:
        if step or path:
            raise click.UsageError(
                "--log and --rerun need the run here. Bring it with: correctless cauto resume --from REMOTE RUN"
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
    with handover.fetched(here, remote, run, os.environ) as there:
        logs = there.parcel.logs
        if not answers:
            return _show(logs, here, there.parked.parent, as_json=as_json)
        if not take_over:
            handover.refuse_other_holder(there)
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
            "you can answer only in a terminal, and this is not one. Run it in your own terminal",
        )


def _show(logs: Logs, here: Repo | None, at: str | None, *, as_json: bool) -> int:
    branch, found = gate.asked(logs, here, at=at)
    if as_json:
        click.echo(json.dumps(gate.values(found), indent=2))
    elif found.open:
        click.echo(_NOTHING)
    else:
        click.echo(summary.text(views.view_of(branch, found, logs), width=width()), nl=False)
        click.echo("To answer, run correctless review in your own terminal.")
        if found.closing is not None and os.environ.get("CLAUDECODE"):
            click.echo(f"Or type into Claude Code yourself: confirm escalations {found.closing.digest[:12]}")
    return exits.OK if found.open else exits.PERSON


_NOTHING = "no decision needs your confirmation"


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
        click.echo(f"rejected by {who}. The gate stays closed")
        return exits.PERSON
    if not confirm:
        click.echo("nothing was confirmed. The gate stays closed")
        return exits.PERSON
    if len(confirm) < _SHOWN or not digest.startswith(confirm.lower()):
        raise Stop(
            exits.PERSON,
            f"'{confirm}' is not the digest of the open set, which is {digest[:_SHOWN]}. Nothing was confirmed",
        )
    views.answer(logs, digest, kind="escalations", by=who, channel="terminal", note=note, now=utcnow())
    keep()  # before the user reads that it counts
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


def _confirmed(found: GateState, who: str, count: int, next_: str) -> int:
    what = "1 decision" if count == 1 else f"{count} decisions"
    if not found.open:
        raise Stop(
            exits.PERSON,
            f"the answer of {who} is recorded, but the configuration does not let it open the gate. See confirm_channels and confirmers",
        )
    click.echo(typable(f"{what} confirmed by {who}. Continue with: {next_}"))
    return exits.OK


def _rerun(here: Repo | None, logs: Logs, held: Lock | None, step: str, note: str, who: str) -> int:
    if here is None or held is None:
        raise Stop(exits.USAGE, "--rerun needs the repository of the run. Change into it and leave out --log")
    ctx = RunContext(here, logs, held, os.environ)
    rerun.request(ctx, lambda *_: None, step=step, note=note, by=who, channel="terminal")
    click.echo(typable(f"{step} and all later steps will run again. Continue with: correctless cauto resume"))
    return exits.PERSON


def width() -> int:
    """Return the number of columns to write in, from 60 to 110."""
    return max(60, min(shutil.get_terminal_size((80, 24)).columns, 110))
