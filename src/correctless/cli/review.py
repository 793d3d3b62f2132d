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
from typing import TYPE_CHECKING, Literal

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
from correctless.ledger import heads
from correctless.project import git, paths, person
from correctless.project.git import Repo
from correctless.project.lock import Lock
from correctless.project.paths import Logs
from correctless.review import coverage, gate, pages, standing, summary
from correctless.review import open_set as views
from correctless.review.coverage import LEAST_DIGITS, SHOWN_DIGITS
from correctless.review.gate import GateState
from correctless.review.pages import GateAnswer
from correctless.review.standing import Standing
from correctless.runlog.branch import Branch
from correctless.runlog.events import GateClosed
from correctless.runlog.fold import checked_state

if TYPE_CHECKING:
    from correctless.cli.display.walk import Pen


@click.command(epilog="Example: correctless review    (shows the open set, then asks for your answer)")
@click.option("--json", "as_json", is_flag=True, help="Print the open set for programs; gives no answer.")
@click.option("--markdown", is_flag=True, help="Print the summary as Markdown; gives no answer.")
@click.option("--plain", is_flag=True, help="Without colour and columns, for a screen reader.")
@click.option(
    "--log", "path", metavar="FILE", help="The decisions log; default: the one of the branch you are on."
)
@click.option(
    "--confirm", metavar="DIGEST", help="Confirm without a question, if the open set has this digest."
)
@click.option("--reject", is_flag=True, help="Reject: the gate stays closed.")
@click.option("--rerun", "step", metavar="STEP", help="Run this step and all later ones again.")
@click.option(
    "--ahead", metavar="SKILL", help="Confirm what this skill leaves to you before a run applies it."
)
@click.option(
    "--days", type=click.IntRange(1, 90), default=30, show_default=True, help="How long --ahead holds."
)
@click.option("--withdraw", is_flag=True, help="End what --ahead SKILL confirmed.")
@click.option("--note", default="", help="Why: recorded with a rejection, passed to the agent with a rerun.")
@from_options
@as_option
def review(
    as_json: bool,
    markdown: bool,
    plain: bool,
    path: str | None,
    confirm: str | None,
    reject: bool,
    step: str | None,
    ahead: str | None,
    days: int,
    withdraw: bool,
    note: str,
    remote: str | None,
    run_id: str | None,
    take_over: bool,
    by: str | None,
) -> int:
    """Read the decisions that need you; confirm or reject them, or rerun a step.

    Each decision is a page: what was applied, why it needs you, and what the step changed. After the last page you
    confirm all of them by typing their digest. You can quit in between: what you answered is kept for the next time.

    You can answer only in a terminal. With --from REMOTE RUN the answer is stored where the run is parked, and
    nothing is written here. Exit 0: no decision needs you; 10: one does.
    """
    options = [
        name
        for name, value in (("confirm", confirm), ("reject", reject), ("rerun", step), ("ahead", ahead))
        if value
    ]
    if withdraw and ahead is None:
        raise click.UsageError("--withdraw needs --ahead SKILL")
    if len(options) > 1:
        raise click.UsageError(f"--{options[0]} and --{options[1]} exclude each other")
    refuse_incomplete(remote, run_id, take_over=take_over)
    verdict = GateAnswer(confirm, reject, note)
    form: _Form | None = "json" if as_json else "markdown" if markdown else None
    if as_json and markdown:
        raise click.UsageError("--json and --markdown exclude each other")
    if remote is not None and run_id is not None:
        if step or path:
            raise click.UsageError(
                "--log and --rerun need the run here. Bring it with: correctless cauto resume --from REMOTE RUN"
            )
        return _parked(remote, run_id, verdict, form=form, plain=plain, by=by, take_over=take_over)
    if ahead is not None:
        return _ahead(ahead, days, withdraw=withdraw, by=by)
    repo, logs = paths.find_logs(os.getcwd()) if path is None else (None, paths.logs_beside(path))
    gate.of(logs, repo, os.environ)
    place = _Place(logs, repo)
    if form or not (options or person.has_terminal()):
        return _show(place, form)
    who = answering(repo, by)
    with Lock.take(repo, "correctless review") if repo is not None else nullcontext() as run_lock:
        if step is not None:
            return _rerun(repo, logs, run_lock, step, note, who)
        return _answer(place, who, verdict, plain=plain, again=partial(_rerun, repo, logs, run_lock))


_Form = Literal["json", "markdown"]
_Again = Callable[[str, str, str], int]  # step, note, who


def _ahead(skill: str, days: int, *, withdraw: bool, by: str | None) -> int:
    from correctless.cli import ahead  # which few reviews need

    repo = git.find(os.getcwd())
    who = answering(repo, by)
    with Lock.take(repo, "correctless review --ahead"):
        return (
            ahead.withdraw(repo, skill, who=who)
            if withdraw
            else ahead.confirm(repo, skill, days=days, who=who)
        )


def _parked(
    remote: str,
    run: str,
    verdict: GateAnswer,
    *,
    form: _Form | None,
    plain: bool,
    by: str | None,
    take_over: bool,
) -> int:
    repo = git.find(os.getcwd())
    answers = not form and (verdict.confirm is not None or verdict.reject or person.has_terminal())
    who = answering(repo, by) if answers else ""
    with handover.fetched(repo, remote, run, os.environ) as parked:
        place = _Place(parked.parcel.logs, repo, parked.parked.parent, remote)
        if not answers:
            return _show(place, form)
        if not take_over:
            handover.refuse_other_holder(parked)
        store = partial(handover.park_again, repo, parked, os.environ, secrets.token_hex)
        return _answer(place, who, verdict, store, plain=plain)


@dataclass(frozen=True, slots=True)
class _Place:
    """Logs that are reviewed: here, or of a run that is parked on `remote` with its branch at `at`."""

    logs: Logs
    repo: Repo | None
    at: str | None = None
    remote: str | None = None

    @property
    def workspace(self) -> str:
        """The workspace that your answers are kept for, wherever a copy of its logs is."""
        return heads.workspace((paths.logs(self.repo) if self.repo else self.logs).decisions)

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


def _show(place: _Place, form: _Form | None) -> int:
    branch, state = place.load()
    at = place.standing(branch, state)
    if form == "json":
        click.echo(json.dumps({**gate.values(state), "next": spelled(at.next)}, indent=2))
    elif form == "markdown":
        click.echo(summary.markdown(views.view_of(branch, state, place.logs)), nl=False)
    elif state.open:
        click.echo(_nothing_open(at))
    elif state.before:
        click.echo(typable(f"the gate is closed: {one_line(state.before, 1000)}"))
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


def answer_here(repo: Repo, *, twice: bool) -> int:
    """Show the open set of this branch and take your answer; with `twice` a wrong digest is asked for once more."""
    logs = paths.logs(repo)
    with Lock.take(repo, "correctless review") as run_lock:
        who = answering(repo, None)
        again = partial(_rerun, repo, logs, run_lock)
        return _answer(_Place(logs, repo), who, GateAnswer(None, False, ""), again=again, twice=twice)


def _answer(
    place: _Place,
    who: str,
    verdict: GateAnswer,
    store: Callable[[], None] = lambda: None,
    *,
    plain: bool = False,
    again: _Again | None = None,
    twice: bool = False,
) -> int:
    """Take your answer: by the options, or on one page after the other. `again` has a step run again, if the run is here."""
    branch, state = place.load()
    branch, state = views.close_gate(
        place.logs, branch, state, token=secrets.token_hex(16), now=utcnow(), repo=place.repo, at=place.at
    )
    if state.open or state.closing is None:
        click.echo(_nothing_open(place.standing(branch, state)))
        return exits.OK
    closing = state.closing
    draft = pages.Draft(place.workspace, closing.digest, os.environ)
    if verdict.confirm is None and not verdict.reject:
        from correctless.cli.display import walk  # rich takes 50 ms to import, and only this needs it

        every = pages.of(branch, state, place.logs, place.repo, here=again is not None)
        screen = walk.Pen(width(), plain=plain or not _colours())
        _headline(place, branch, state, screen)
        asked = walk.answer(every, draft, closing.digest, screen, note=verdict.note, twice=twice)
        if isinstance(asked, pages.Repeat):
            assert again is not None
            code = again(asked.step, asked.note, who)
            draft.remove()
            return code
        if asked is None:
            click.echo(
                typable(
                    "nothing was confirmed. The gate stays closed. Answer later with: correctless review",
                    place.top,
                )
            )
            return exits.PERSON
        verdict = asked
    if verdict.reject:
        at = _record(place, closing, "rejected", who, verdict.note)[1]
        store()
        draft.remove()
        rerun_hint = f". Have a step run again with: {at.next}" if "--rerun" in at.next else ""
        click.echo(typable(f"rejected by {who}. The gate stays closed{rerun_hint}", place.top))
        return exits.PERSON
    if not coverage.names(verdict.confirm or "", closing.digest):
        raise Stop(
            exits.PERSON,
            f"'{verdict.confirm}' is not the digest of the open set, which is {closing.digest[:LEAST_DIGITS]}. Nothing was confirmed",
        )
    now, at = _record(place, closing, "escalations", who, verdict.note)
    store()  # before the user reads that it counts
    draft.remove()
    if not now.open:
        raise Stop(
            exits.PERSON,
            f"the answer of {who} is recorded, but "
            + (
                now.before
                or "the configuration does not let it open the gate. See confirm_channels and confirmers"
            ),
        )
    what = counted(len(state.waiting), "decision")
    continues = f". Continue with: {at.next}" if at.next else ""
    click.echo(typable(f"{what} confirmed by {who}{continues}", place.top))
    return exits.OK


def _headline(place: _Place, branch: Branch, state: GateState, screen: Pen) -> None:
    run = checked_state(place.logs.run, branch.events)
    at = f" at commit {state.closing.head[:12]}" if state.closing and state.closing.head else ""
    what = counted(len(state.waiting), "decision needs", "decisions need")
    screen.line(f"{one_line(run.branch or place.logs.branch_slug)}{at}: {what} your confirmation", "bold")
    if state.rejected is not None:
        screen.line(f"{one_line(place.standing(branch, state).why)}. You can still answer in another way.")


def _colours() -> bool:
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _record(place: _Place, closing: GateClosed, kind: str, who: str, note: str) -> tuple[GateState, Standing]:
    """Record an answer; return the gate after it, and where the run stands."""
    views.answer(
        place.logs,
        closing.digest,
        kind=kind,
        by=who,
        channel="terminal",
        note=note,
        now=utcnow(),
        head=closing.head,
    )
    branch, state = place.load()
    escalation.answered(place.logs, branch, state, os.environ, utcnow())
    return state, place.standing(branch, state)


def _rerun(repo: Repo | None, logs: Logs, run_lock: Lock | None, step: str, note: str, who: str) -> int:
    """Have a step and all later ones run again."""
    if repo is None or run_lock is None:
        raise Stop(exits.USAGE, "--rerun needs the repository of the run. Change into it and leave out --log")
    ctx = RunContext(repo, logs, run_lock, os.environ)
    rerun.request(ctx, lambda *_: None, step=step, note=note, by=who, channel="terminal")
    click.echo(typable(f"{step} and all later steps will run again. Continue with: correctless cauto resume"))
    return exits.PERSON


def width() -> int:
    """Return the number of columns to write in, from 60 to 110."""
    return max(60, min(shutil.get_terminal_size((80, 24)).columns, 110))
