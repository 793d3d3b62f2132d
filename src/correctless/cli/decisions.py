"""`correctless decisions`: the decisions log listed, summarised, verified, added to and repaired; words in, words out."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from collections.abc import Callable
from typing import Any

import click

from correctless import exits
from correctless.cli import writer
from correctless.exits import Stop
from correctless.finding import as_json as spelled
from correctless.finding import as_text, printable
from correctless.ledger import Ledger
from correctless.record import Decision, RecordError, utcnow

Command = Callable[..., int]


def _log(command: Command) -> Command:
    said = "Another log than the one of the branch you are on."
    return click.option("--log", metavar="FILE", help=said)(command)


def _as_json(command: Command) -> Command:
    return click.option("--json", "as_json", is_flag=True, help="For programs.")(command)


@click.group()
def decisions() -> None:
    """Read, check, add to and repair the decisions log of a branch."""


@decisions.command("list", epilog="Example: correctless decisions list --json")
@_log
@_as_json
def list_(log: str | None, as_json: bool) -> int:
    """One line for each decision: its number, skill, id, what was applied, and what is notable about it."""
    _, logs = writer.whereabouts(log, os.getcwd())
    entries = Ledger(logs.decisions, root=logs.root).read()
    if as_json:
        _echo_json([entry.fields for entry in entries])
        return exits.OK
    for entry in entries:
        try:
            said = Decision.of(entry.fields)
        except RecordError as error:
            raise Stop(
                exits.REFUSED, f"{logs.decisions}:{entry.seq}: no decision: {error}. name a decisions log"
            ) from None
        marks = [*(["deferred"] if said.escalation_deferred else []), *said.notes]
        ending = f"  [{', '.join(marks)}]" if marks else ""
        click.echo(
            printable(f"{entry.seq}  {said.skill}  {said.decision_id}  {said.default_applied or '-'}{ending}")
        )
    return exits.OK


@decisions.command(epilog="Example: correctless decisions summary")
@_log
@_as_json
def summary(log: str | None, as_json: bool) -> int:
    """Decisions by skill, then the deferred escalations, warnings and steps."""
    from correctless import review
    from correctless import summary as summaries

    _, logs = writer.whereabouts(log, os.getcwd())
    view = review.view(logs)
    if as_json:
        _echo_json(dataclasses.asdict(view))
    else:
        click.echo(summaries.text(view))
    return exits.OK


@decisions.command(epilog="Example: correctless decisions verify && echo intact")
@_log
@_as_json
def verify(log: str | None, as_json: bool) -> int:
    """Check the chain, every line, and what commits and the run log noted of it. Exit 1 when anything is wrong."""
    from correctless import anchors

    repo, logs = writer.whereabouts(log, os.getcwd())
    report = anchors.verify(logs, repo)
    if as_json:
        found = [spelled(f) for f in report.findings]
        head = dataclasses.asdict(report.head)
        _echo_json({"entries": report.entries, "head": head, "intact": report.intact, "findings": found})
    else:
        for f in report.findings:
            click.echo(as_text(f))
        verdict = "intact" if report.intact else "not intact"
        click.echo(f"{report.entries} entries, head {report.head.sha256[:12]}, {verdict}")
    return exits.OK if report.intact else exits.FINDINGS


@decisions.command(
    epilog="""Example: correctless decisions append cverify '{"decision_id": "AD-001", ...}'"""
)
@click.argument("skill")
@click.argument("decision", metavar="[JSON|-]", default="-")
@_log
def append(skill: str, decision: str, log: str | None) -> int:
    """Record one decision of SKILL and print the line as it was recorded. `-`, or nothing: standard input."""
    data = sys.stdin.buffer.read() if decision == "-" else os.fsencode(decision)
    entry = writer.append(skill, data, log=log, env=os.environ, cwd=os.getcwd())
    click.echo(entry.line)
    return exits.OK


@decisions.command(epilog="Example: correctless decisions path")
@_log
@_as_json
def path(log: str | None, as_json: bool) -> int:
    """Where the log of this branch lies."""
    _, logs = writer.whereabouts(log, os.getcwd())
    if as_json:
        _echo_json({"decisions": logs.decisions, "run": logs.run, "confirmations": logs.confirmations})
    else:
        click.echo(os.fsencode(logs.decisions))
    return exits.OK


@decisions.command(epilog="Example: correctless decisions repair")
@_log
@_as_json
def repair(log: str | None, as_json: bool) -> int:
    """Set aside what is wrong with the log, so that it can be written to again. No byte is destroyed.

    A torn last line is cut off and kept. A damaged log is kept whole, and the new one begins with a deferred entry
    that names what was lost: the gate stays closed until a person has confirmed it.
    """
    from correctless import anchors

    if writer.AGENT in os.environ:
        raise Stop(
            exits.REFUSED, "an agent doesn't repair the log. leave it to the person who started the run"
        )
    repo, logs = writer.whereabouts(log, os.getcwd())
    with writer.held(repo, logs):
        done = anchors.repair(logs, utcnow())
    if as_json:
        _echo_json(dataclasses.asdict(done))
        return exits.OK
    said = {
        "intact": "nothing to repair",
        "torn": "cut a torn last line off",
        "damaged": "started a new log, the damaged one is kept",
        "missing": "started a new log in place of the missing one",
    }[done.action]
    click.echo(printable(f"{said}: {done.aside}" if done.aside else said))
    return exits.OK


def _echo_json(value: Any) -> None:
    click.echo(json.dumps(value, indent=2, default=_plain))


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, frozenset | set):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} is no JSON")
