"""`correctless review`: show what was deferred and take your answer.

An answer counts for exactly what was shown.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial

import click

from correctless.base import exits
from correctless.base.clock import utcnow
from correctless.base.exits import Stop
from correctless.base.text import counted, one_line
from correctless.cli import answering, spelled, typable
from correctless.cli.run.parked import from_options, refuse_incomplete
from correctless.cli.values import as_option
from correctless.dispatch.control import rerun
from correctless.dispatch.core.context import RunContext
from correctless.dispatch.parking import handover
from correctless.dispatch.tell import escalation
from correctless.project import git, paths, person
from correctless.project.git import Repo
from correctless.project.lock import Lock
from correctless.project.paths import Logs
from correctless.review import coverage, gate, standing, summary
from correctless.review import open_set as views
from correctless.review.coverage import LEAST_DIGITS, SHOWN_DIGITS
from correctless.review.gate import GateState
from correctless.review.standing import Standing
from correctless.runlog.branch import Branch
from correctless.runlog.fold import checked_state


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
@as_option
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
    options = [name for name, value in (("confirm", confirm), ("reject", reject), ("rerun", step)) if value]
    if len(options) > 1:
        raise click.UsageError(f"--{options[0]} and --{options[1]} exclude each other")
    refuse_incomplete(remote, run_id, take_over=take_over)
    verdict = _Verdict(confirm, reject, note)
    if remote is not None and run_id is not None:
        if step or path:
            raise click.UsageError(
                "--log and --rerun need the run here. Bring it with: correctless cauto resume --from REMOTE RUN"
            )
        return _parked(remote, run_id, verdict, as_json=as_json, by=by, take_over=take_over)
    repo, logs = paths.find_logs(os.getcwd()) if path is None else (None, paths.logs_beside(path))
    gate.of(logs, repo, os.environ)
    place = _Place(logs, repo)
    if as_json or not (options or person.has_terminal()):
        return _show(place, as_json=as_json)
    who = answering(repo, by)
    with Lock.take(repo, "correctless review") if repo is not None else nullcontext() as run_lock:
        if step is not None:
            return _rerun(repo, logs, run_lock, step, note, who)
        return _answer(place, who, verdict)


@dataclass(frozen=True, slots=True)
class _Verdict:
    """Answer of the options; with neither a digest nor a rejection the command asks for one."""

    confirm: str | None
    reject: bool
    note: str


def _parked(
    remote: str, run: str, verdict: _Verdict, *, as_json: bool, by: str | None, take_over: bool
) -> int:
    repo = git.find(os.getcwd())
    answers = not as_json and (verdict.confirm is not None or verdict.reject or person.has_terminal())
    who = answering(repo, by) if answers else ""
    with handover.fetched(repo, remote, run, os.environ) as parked:
        place = _Place(parked.parcel.logs, repo, parked.parked.parent, remote)
        if not answers:
            return _show(place, as_json=as_json)
        if not take_over:
            handover.refuse_other_holder(parked)
        store = partial(handover.park_again, repo, parked, os.environ, secrets.token_hex)
        return _answer(place, who, verdict, store)


@dataclass(frozen=True, slots=True)
class _Place:
    """Logs that are reviewed: here, or of a run that is parked on `remote` with its branch at `at`."""

    logs: Logs
    repo: Repo | None
    at: str | None = None
    remote: str | None = None

    @property
    def top(self) -> str:
        """The worktree that commands are about, "" without one."""
        return self.repo.top if self.repo is not None else ""

    def load(self) -> tuple[Branch, GateState]:
        """Return the branch and its gate as they are now."""
        return gate.load(self.logs, self.repo, at=self.at)

    def standing(self, branch: Branch, state: GateState) -> Standing:
        """Return where the branch's run stands."""
        return standing.of(checked_state(self.logs.run, branch.events), state, remote=self.remote)


def _show(place: _Place, *, as_json: bool) -> int:
    branch, state = place.load()
    at = place.standing(branch, state)
    if as_json:
        click.echo(json.dumps({**gate.values(state), "next": spelled(at.next)}, indent=2))
    elif state.open:
        click.echo(_nothing_open(at))
    else:
        click.echo(summary.text(views.view_of(branch, state, place.logs), width=width()), nl=False)
        if at.word == "rejected":
            click.echo(typable(f"{one_line(at.why)}. Have a step run again with: {at.next}"))
        if at.next and "correctless review" not in at.next:
            click.echo(typable(f"Nothing can be answered yet. Continue with: {at.next}"))
            return exits.PERSON
        answer = standing.command("review", place.remote, checked_state(place.logs.run, branch.events).run)
        click.echo(typable(f"To answer, run in your own terminal: {answer}"))
        if state.closing is not None and os.environ.get("CLAUDECODE"):
            click.echo(
                f"Or type into Claude Code yourself: confirm escalations {state.closing.digest[:SHOWN_DIGITS]}"
            )
    return exits.OK if state.open else exits.PERSON


def _nothing_open(at: Standing) -> str:
    continues = f". Continue with: {at.next}" if at.next else ""
    return typable(f"no decision needs your confirmation{continues}")


def answer_here(repo: Repo, *, again: bool) -> int:
    """Show the open set of this branch and take your answer; with `again` a wrong digest is asked for once more."""
    logs = paths.logs(repo)
    with Lock.take(repo, "correctless review"):
        return _answer(_Place(logs, repo), answering(repo, None), _Verdict(None, False, ""), again=again)


def _answer(
    place: _Place,
    who: str,
    verdict: _Verdict,
    store: Callable[[], None] = lambda: None,
    *,
    again: bool = False,
) -> int:
    logs = place.logs
    branch, state = place.load()
    branch, state = views.close_gate(
        logs, branch, state, token=secrets.token_hex(16), now=utcnow(), repo=place.repo, at=place.at
    )
    if state.open or state.closing is None:
        click.echo(_nothing_open(place.standing(branch, state)))
        return exits.OK
    digest = state.closing.digest
    if verdict.confirm is None and not verdict.reject:
        click.echo(summary.text(views.view_of(branch, state, logs), width=width()), nl=False)
        if state.rejected is not None:
            click.echo(
                f"\n{one_line(place.standing(branch, state).why)}. You can still answer in another way."
            )
        click.echo(f"\nTheir digest is {digest[:LEAST_DIGITS]}...")
        verdict = _ask(verdict.note)
        if again and verdict.confirm and not coverage.names(verdict.confirm, digest):
            click.echo(f"'{verdict.confirm}' is not their digest. Once more:")
            verdict = _ask(verdict.note)
    confirm, note = verdict.confirm, verdict.note
    if verdict.reject:
        at = _record(place, digest, "rejected", who, note)[1]
        store()
        rerun_hint = f". Have a step run again with: {at.next}" if "--rerun" in at.next else ""
        click.echo(typable(f"rejected by {who}. The gate stays closed{rerun_hint}", place.top))
        return exits.PERSON
    if not confirm:
        click.echo(
            typable(
                "nothing was confirmed. The gate stays closed. Answer later with: correctless review",
                place.top,
            )
        )
        return exits.PERSON
    if not coverage.names(confirm, digest):
        raise Stop(
            exits.PERSON,
            f"'{confirm}' is not the digest of the open set, which is {digest[:LEAST_DIGITS]}. Nothing was confirmed",
        )
    now, at = _record(place, digest, "escalations", who, note)
    store()  # before the user reads that it counts
    if not now.open:
        raise Stop(
            exits.PERSON,
            f"the answer of {who} is recorded, but the configuration does not let it open the gate. See confirm_channels and confirmers",
        )
    what = counted(len(state.waiting), "decision")
    continues = f". Continue with: {at.next}" if at.next else ""
    click.echo(typable(f"{what} confirmed by {who}{continues}", place.top))
    return exits.OK


def _record(place: _Place, digest: str, kind: str, who: str, note: str) -> tuple[GateState, Standing]:
    """Record an answer; return the gate after it, and where the run stands."""
    views.answer(place.logs, digest, kind=kind, by=who, channel="terminal", note=note, now=utcnow())
    branch, state = place.load()
    escalation.answered(place.logs, branch, state, os.environ, utcnow())
    return state, place.standing(branch, state)


def _ask(note: str) -> _Verdict:
    typed = click.prompt(
        "Type these characters to confirm, no to reject, or nothing to leave it open",
        default="",
        show_default=False,
    ).strip()
    if typed.lower() in ("no", "n", "reject"):
        return _Verdict(None, True, note or click.prompt("Why", default="", show_default=False))
    return _Verdict(typed or None, False, note)


def _rerun(repo: Repo | None, logs: Logs, run_lock: Lock | None, step: str, note: str, who: str) -> int:
    if repo is None or run_lock is None:
        raise Stop(exits.USAGE, "--rerun needs the repository of the run. Change into it and leave out --log")
    ctx = RunContext(repo, logs, run_lock, os.environ)
    rerun.request(ctx, lambda *_: None, step=step, note=note, by=who, channel="terminal")
    click.echo(typable(f"{step} and all later steps will run again. Continue with: correctless cauto resume"))
    return exits.PERSON


def width() -> int:
    """Return the number of columns to write in, from 60 to 110."""
    return max(60, min(shutil.get_terminal_size((80, 24)).columns, 110))
