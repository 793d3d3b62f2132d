"""`correctless decisions`: read, check, add to and repair the decisions log."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

import click

from correctless.base import exits
from correctless.base.clock import utcnow
from correctless.base.exits import Stop
from correctless.base.text import printable
from correctless.cli.lazy import PlainGroup
from correctless.cli.log import writer
from correctless.cli.log.parse import parse
from correctless.cli.values import NAME, json_option
from correctless.decisions.decision import Decision
from correctless.ledger.ledger import Ledger
from correctless.project.paths import Logs
from correctless.syntax.finding import as_json as finding_json
from correctless.syntax.finding import as_text
from correctless.syntax.strict_json import RecordError

_log_option = click.option(
    "--log", metavar="FILE", help="Another log; default: the log of the current branch."
)


@click.group(cls=PlainGroup)
def decisions() -> None:
    """Read, check, add to and repair the decisions log of a branch."""


decisions.add_command(parse)


@decisions.command("list", epilog="Example: correctless decisions list --json")
@_log_option
@json_option
def list_(log: str | None, as_json: bool) -> int:
    """List the decisions, one line each.

    A line has the number, skill, id, what was applied, and marks.
    """
    logs = _trusted(log)
    entries = Ledger(logs.decisions, root=logs.root).read()
    if as_json:
        _echo_json([entry.fields for entry in entries])
        return exits.OK
    for entry in entries:
        try:
            decision = Decision.of(entry.fields)
        except RecordError as error:
            raise Stop(
                exits.REFUSED, f"{logs.decisions}:{entry.seq}: not a decision: {error}. Name a decisions log"
            ) from None
        marks = [*(["deferred"] if decision.escalation_deferred else []), *decision.notes]
        ending = f"  [{', '.join(marks)}]" if marks else ""
        click.echo(
            printable(
                f"{entry.seq}  {decision.skill}  {decision.decision_id}  {decision.default_applied or '-'}{ending}"
            )
        )
    return exits.OK


@decisions.command(epilog="Example: correctless decisions summary --counts")
@click.option("--counts", "in_numbers", is_flag=True, help="Show only numbers, for a log of any size.")
@_log_option
@json_option
def summary(in_numbers: bool, log: str | None, as_json: bool) -> int:
    """Show decisions by skill, then deferred escalations, warnings and steps.

    With --counts: number of entries by skill, source and run, superseded ones included.
    """
    from correctless.review import gate

    if in_numbers:
        from correctless.review import counts

        with _progress() as tell:
            logs = _trusted(log)
            gate.refuse_missing(logs)
            log_counts = counts.count(logs, tell)
        if as_json:
            _echo_json(counts.as_json(log_counts))
        else:
            click.echo(counts.text(log_counts), nl=False)
        return exits.OK
    from correctless.review import open_set
    from correctless.review import summary as summaries

    logs = _trusted(log)
    branch, state = gate.load(logs)
    gate.refuse_missing(logs, state)
    view = open_set.view_of(branch, state, logs)
    if as_json:
        _echo_json(dataclasses.asdict(view))
    else:
        click.echo(summaries.text(view))
    return exits.OK


@contextmanager
def _progress(
    err: TextIO | None = None, clock: Callable[[], float] = time.monotonic
) -> Iterator[Callable[[int], None]]:
    """Count entries as they are read; a terminal shows it after the first second."""
    err = err or sys.stderr
    watched, due, line = err.isatty(), clock() + 1, ""

    def tell(number: int) -> None:
        nonlocal due, line
        if watched and number % 1000 == 0 and clock() >= due:
            due, line = clock() + 0.2, f"{number:,} entries"
            err.write(f"\r{line}")
            err.flush()

    try:
        yield tell
    finally:
        if line:  # an error's line must begin on an empty line
            err.write(f"\r{' ' * len(line)}\r")
            err.flush()


@decisions.command(epilog="Example: correctless decisions verify && echo intact")
@_log_option
@click.option("--offline", is_flag=True, help="Don't ask GitHub what the run's pull request noted.")
@json_option
def verify(log: str | None, offline: bool, as_json: bool) -> int:
    """Check the chain, every line, and all anchors. Exit 1 when anything is wrong.

    Anchors are the trailers of commits, the run log, the confirmations, the private copy of the heads in your
    state folder, and the pull request, which is read with gh.
    """
    from correctless.publish import noted_heads
    from correctless.review import anchors

    repo, logs = writer.whereabouts(log, os.getcwd())
    if not os.path.lexists(logs.decisions):
        anchors.refuse_disproved(logs, repo, os.environ)
    more = () if offline else noted_heads.of_pull_requests(logs, os.environ)
    report = anchors.verify(logs, repo, os.environ, more)
    report = dataclasses.replace(report, findings=(*report.findings, *anchors.beside(logs, os.environ)))
    if as_json:
        findings = [finding_json(f) for f in report.findings]
        head = dataclasses.asdict(report.head)
        _echo_json({"entries": report.entries, "head": head, "intact": report.intact, "findings": findings})
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
@_log_option
def append(skill: str, decision: str, log: str | None) -> int:
    """Record one decision of SKILL and print the recorded line.

    `-`, or nothing, reads standard input.
    """
    data = sys.stdin.buffer.read() if decision == "-" else os.fsencode(decision)
    entry = writer.append(skill, data, log=log, env=os.environ, cwd=os.getcwd())
    click.echo(entry.line)
    if said := writer.remark(entry, log, os.getcwd()):
        click.echo(printable(f"correctless: {said}"), err=True)
    return exits.OK


@decisions.command(epilog="Example: correctless decisions path")
@_log_option
@json_option
def path(log: str | None, as_json: bool) -> int:
    """Print the path of this branch's log."""
    _, logs = writer.whereabouts(log, os.getcwd())
    if as_json:
        _echo_json({"decisions": logs.decisions, "run": logs.run, "confirmations": logs.confirmations})
    else:
        click.echo(os.fsencode(logs.decisions))
    return exits.OK


@decisions.command(epilog="Example: correctless decisions repair")
@_log_option
@json_option
def repair(log: str | None, as_json: bool) -> int:
    """Set aside what is wrong with the log, so that it can be written again.

    No byte is destroyed.

    A torn last line is cut off and kept. A damaged log is kept whole, and the new one begins with a deferred entry
    that names what was lost. The gate stays closed until you confirm that entry.
    """
    from correctless.project import person
    from correctless.review.repair import repair as repaired

    person.refuse_agents(os.environ)
    repo, logs = writer.whereabouts(log, os.getcwd())
    with writer.hold_off_runs(repo, logs):
        done = repaired(logs, utcnow(), os.environ)
    if as_json:
        _echo_json(dataclasses.asdict(done))
        return exits.OK
    text = {
        "intact": "nothing to repair",
        "torn": "cut off a torn last line",
        "damaged": "started a new log, the damaged one is set aside",
        "missing": "started a new log in place of the missing one",
    }[done.action]
    click.echo(printable(f"{text}: {done.aside}" if done.aside else text))
    return exits.OK


@decisions.command("new-workspace", epilog="Example: correctless decisions new-workspace")
@_log_option
@click.option(
    "--as", "by", type=NAME, metavar="NAME", help="Confirm in this name without a question, for cron and CI."
)
@json_option
def new_workspace(log: str | None, by: str | None, as_json: bool) -> int:
    """Say that this workspace was cleaned, moved or cloned again.

    Its earlier logs are then no longer expected.

    Their anchors are kept under another name in your state folder, with your name. Logs that exist are not
    changed; a log that an anchor disproves is refused.
    """
    from correctless.cli.display.ask import confirmed
    from correctless.ledger import workspaces
    from correctless.ledger.heads import workspace
    from correctless.project import person

    person.refuse_agents(os.environ)
    repo, logs = writer.whereabouts(log, os.getcwd())
    folder = workspace(logs.decisions)
    who = by if by is not None else person.name(repo, os.environ)
    if by is None:
        if not person.has_terminal():
            raise Stop(
                exits.REFUSED,
                "you can confirm this only in a terminal, and this is not one. In cron and CI use --as NAME",
            )
        question = f"Do you, {who}, confirm that {folder} is a new workspace, and that its earlier logs are no longer expected?"
        if not confirmed(question):
            raise Stop(exits.PERSON, "not confirmed, so nothing was changed. Retry to confirm")
    # The logs of every branch are there: no worktree may have a run under way.
    with writer.hold_off_runs(repo, dataclasses.replace(logs, root=None)):
        done = workspaces.begin(
            folder, os.environ, utcnow(), by=who, channel="terminal" if by is None else "flag"
        )
    if as_json:
        _echo_json(dataclasses.asdict(done))
    else:
        for each in done.noted:
            click.echo(printable(f"no longer expected: {each}"))
        click.echo(printable(f"a new workspace, confirmed by {who}"))
    return exits.OK


def _trusted(log: str | None) -> Logs:
    """Return the logs of a branch that no anchor disproves.

    Raises: Stop(3) when an anchor disproves them.
    """
    from correctless.review import anchors

    repo, logs = writer.whereabouts(log, os.getcwd())
    anchors.refuse_disproved(logs, repo if log is None else None, os.environ)
    return logs


def _echo_json(value: Any) -> None:
    click.echo(json.dumps(value, indent=2, default=_plain))


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, frozenset | set):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} is not JSON")
