"""`correctless report`: write one HTML page about a run, or about all runs."""

from __future__ import annotations

import json
import os
import re
import sys
from dataclasses import asdict
from urllib.request import pathname2url

import click

from correctless.audit import claims, gather, judge
from correctless.base import below, exits
from correctless.base.clock import timestamp, utcnow
from correctless.base.exits import Stop
from correctless.base.files import replace_file
from correctless.base.text import printable
from correctless.cli import spelled, typable
from correctless.metrics import count
from correctless.project import git, paths
from correctless.project.git import Repo
from correctless.project.paths import ARTIFACTS, Logs
from correctless.report import entries as reported_entries
from correctless.report import history as runs
from correctless.report import run as run_report
from correctless.report.history import HistoryReport
from correctless.report.model import RunReport
from correctless.review import changes, gate
from correctless.review import open_set as views
from correctless.review.gate import GateState
from correctless.runlog.branch import Branch

_FOLDER = f"{ARTIFACTS}/reports"


@click.command(epilog="Example: correctless report --open")
@click.argument("run", required=False)
@click.option("--open", "show", is_flag=True, help="Open the page in your browser.")
@click.option(
    "--output", metavar="FILE", help=f"Where to write it, - for standard output; default: below {_FOLDER}/."
)
@click.option("--history", is_flag=True, help="All runs of the repository over time, instead of one.")
@click.option("--json", "as_object", is_flag=True, help="Print what the page shows as JSON; write no page.")
def report(run: str | None, show: bool, output: str | None, history: bool, as_object: bool) -> int:
    """Write one HTML page about a run: decisions, answers, changes, cost and time.

    The page loads nothing and asks no network. RUN is an id, or the start of one, of any branch. Default: the newest run of
    this branch.

    Exit 0: written, and all claims of the run so far are proven; 1: written, and a claim is not; 3: a claim could not be
    checked, or nothing was written.
    """
    if history and run:
        raise click.UsageError("--history is about all runs: leave RUN out")
    if show and (as_object or output == "-"):
        raise click.UsageError("--open needs a file: leave out --json, and - as --output")
    if output and as_object:
        raise click.UsageError("--json prints and writes no file: leave --output out")
    repo = git.find(os.getcwd())
    if history:
        totals, refused = count.count(paths.recorded(repo))
        view = runs.of(totals, refused, repository=os.path.basename(repo.home), made=timestamp(utcnow()))
        _put(repo, view, output, "history", show=show, as_object=as_object)
        return exits.REFUSED if refused else exits.OK
    logs, choice = gather.choose(repo, paths.logs(repo), run)
    one, code = _run(repo, logs, choice)
    _put(repo, one, output, choice, show=show, as_object=as_object)
    if one.next and output != "-" and not as_object:
        click.echo(typable(f"Next: {one.next}"))
    return code


def _put(
    repo: Repo,
    view: HistoryReport | RunReport,
    output: str | None,
    name: str,
    *,
    show: bool,
    as_object: bool,
) -> None:
    if as_object:
        click.echo(json.dumps(asdict(view), indent=2))
    else:
        from correctless.report import page  # Jinja2 takes longer to import than the help to print

        text = page.of_history(view) if isinstance(view, HistoryReport) else page.of_run(view)
        _write(repo, text, output, f"{name}.html", show=show)


def _run(repo: Repo, logs: Logs, choice: str) -> tuple[RunReport, int]:
    loaded: tuple[Branch, GateState] | Stop
    try:
        loaded = gate.load(logs)
    except Stop as stop:  # the page shows what is readable, and says so
        loaded = stop
    evidence = gather.gather(repo, logs, choice, os.environ, offline=True, loaded=loaded)
    place = repo.worktrees().get(evidence.plan.branch, "")
    evidence = run_report.with_next(evidence, spelled(evidence.standing.next, place))
    judged = judge.audit(evidence)
    digest, rejected, unread = None, False, ""
    try:
        if isinstance(loaded, Stop):
            raise loaded
        branch, state = loaded
        view = views.view_of(branch, state, logs)
        entries = list(reported_entries.of_gate(choice, branch, state, view))
        digest, rejected = view.digest, state.rejected is not None
    except Stop as stop:
        unread = stop.message
        entries = list(reported_entries.of_record(evidence.entries))
    changed = {
        (step, attempt): changes.read(repo, base, commit)
        for step, attempt, base, commit in run_report.finished(evidence)
    }
    view_ = run_report.of(
        evidence,
        judged,
        entries,
        changed,
        made=timestamp(utcnow()),
        digest=digest,
        rejected=rejected,
        unread=unread,
    )
    return view_, exits.REFUSED if unread else claims.code(judged)


def _write(repo: Repo, text: str, output: str | None, name: str, *, show: bool) -> None:
    data = text.encode("utf-8", "backslashreplace")
    if output == "-":
        sys.stdout.buffer.write(data)
        return
    # A link is followed only where you named it; what is no plain file would be moved aside.
    path = os.path.realpath(output) if output else ""
    if os.path.lexists(path) and not os.path.isfile(path):
        raise Stop(exits.REFUSED, f"{output} is not a plain file. Name another one with --output")
    path = path or os.path.join(repo.home, _FOLDER, re.sub(r"[^A-Za-z0-9.-]", "-", name))
    try:
        if output is None:
            paths.ensure_artifacts(paths.logs(repo))
            below.make_folder(repo.home, os.path.dirname(path))
        replace_file(path, data, durable=False)
    except OSError as error:
        raise Stop(
            exits.REFUSED, f"{path} cannot be written: {error.strerror}. Name another file with --output"
        ) from None
    click.echo(printable(f"{os.path.relpath(path)} ({len(data) / 1000:,.0f} kB)"))
    if show:
        import webbrowser

        if not webbrowser.open("file://" + pathname2url(os.path.abspath(path))):
            raise Stop(exits.REFUSED, f"no browser could be started. Open the file yourself: {path}")
