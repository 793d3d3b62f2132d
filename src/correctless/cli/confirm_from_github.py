"""`correctless confirm-from-github`: take the answer that a comment on GitHub gives to what a run waits for.

For a workflow on `issue_comment`, or cron: it reads the comments, checks them, and records the answer where the run is.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from functools import partial

import click

from correctless.base import exits
from correctless.base.clock import utcnow
from correctless.base.exits import Stop
from correctless.base.text import counted
from correctless.cli import typable
from correctless.decisions.decision import Confirmation
from correctless.dispatch.finish import pull_request
from correctless.dispatch.parking import handover, remote_ref
from correctless.dispatch.tell import escalation
from correctless.github import comments, rest
from correctless.github.client import GitHub
from correctless.github.comments import CommentThread
from correctless.project import git, paths, person
from correctless.project.git import Repo
from correctless.project.lock import Lock
from correctless.project.paths import Logs
from correctless.publish import commit_status
from correctless.publish.branch import commit_at
from correctless.review import comment_answers, gate, standing
from correctless.review import open_set as views
from correctless.review.comment_answers import CHANNEL
from correctless.review.coverage import SHOWN_DIGITS
from correctless.review.gate import GateState
from correctless.runlog.branch import Branch
from correctless.runlog.events import GateClosed
from correctless.runlog.fold import checked_state
from correctless.runlog.plan import Plan

_COMMAND = "correctless confirm-from-github"


@click.command(
    "confirm-from-github",
    epilog=f"Example: {_COMMAND} 12 --from origin 20260102-030405-9f3a",
)
@click.argument("number", type=click.IntRange(1, 1 << 31))
@click.option("--from", "remote", metavar="REMOTE", help="Answer the run that is parked on this remote.")
@click.argument("run_id", metavar="[RUN]", required=False)
def confirm_from_github(number: int, remote: str | None, run_id: str | None) -> int:
    """Take the answer of a comment on issue or pull request NUMBER.

    A comment counts if all of it is one line, /confirm DIGEST or /reject N REASON, if it was never edited, and if its
    author is a user with write access to the repository. With --from REMOTE the answer is stored where the run is
    parked; without RUN it is that of the only run there, or of those that a comment confirms.

    Exit 0: no decision needs you; 10: one does.
    """
    person.refuse_agents(os.environ)
    repo = git.find(os.getcwd())
    if remote is None:
        if run_id:
            raise click.UsageError("a parked run needs both: --from REMOTE RUN")
        return _answer(partial(_here, repo), number, only=True) or exits.OK
    if run_id:
        return _answer(partial(_parked, repo, remote, run_id), number, only=True) or exits.OK
    return _any_parked(repo, remote, number)


def _any_parked(repo: Repo, remote: str, number: int) -> int:
    runs = remote_ref.runs(repo, remote)
    codes: list[int] = []
    for run in runs:
        try:
            code = _answer(partial(_parked, repo, remote, run), number, only=len(runs) == 1)
        except Stop as stop:  # of one run: the others are answered all the same
            click.echo(typable(f"run {run}: {stop.message}"), err=True)
            code = stop.code
        codes += [] if code is None else [code]
    if not codes:
        what = f"none of the {len(runs)} runs that are parked on '{remote}' is confirmed by a comment of #{number}"
        raise Stop(exits.PERSON, f"{what}. Name the run: {_COMMAND} {number} --from {remote} RUN")
    return max(codes)


@dataclass(frozen=True, slots=True)
class _Answered:
    """A run whose answer is looked for on GitHub."""

    repo: Repo
    logs: Logs
    at: str  # the commit of its branch
    plan: Plan
    github: GitHub
    remote: str | None  # where it is parked
    store: Callable[[], None]

    def load(self) -> tuple[Branch, GateState]:
        """Return the branch and its gate as they are now."""
        return gate.load(self.logs, self.repo, at=self.at)


@contextmanager
def _here(repo: Repo) -> Iterator[_Answered]:
    logs = paths.logs(repo)
    with Lock.take(repo, _COMMAND):
        gate.of(logs, repo, os.environ)
        plan = views.state_of(logs).plan
        if plan is None:
            raise Stop(exits.REFUSED, f"no run found on the branch of {repo.top}")
        yield _Answered(repo, logs, repo.head(), plan, _github(repo, plan), None, lambda: None)


@contextmanager
def _parked(repo: Repo, remote: str, run: str) -> Iterator[_Answered]:
    with handover.fetched(repo, remote, run, os.environ) as parked:
        handover.refuse_other_holder(parked)
        plan, logs = parked.parcel.plan, parked.parcel.logs
        store = partial(handover.park_again, repo, parked, os.environ, secrets.token_hex)
        yield _Answered(repo, logs, parked.parked.parent, plan, _github(repo, plan), remote, store)


def _github(repo: Repo, plan: Plan) -> GitHub:
    found = pull_request.github(repo, plan.remote, os.environ, plan.pr_remote)
    return GitHub(found.repo, found.env, again=_COMMAND, head_owner=found.head_owner)


_Open = Callable[[], AbstractContextManager[_Answered]]


def _answer(place: _Open, number: int, *, only: bool) -> int | None:
    """Record the answer that the comments give; None where they are about another run, which `only` excludes."""
    with place() as run:
        _, state = run.load()
        if CHANNEL not in run.plan.confirm_channels:
            raise Stop(
                exits.PERSON,
                "the configuration takes no answer on GitHub (confirm_channels). Answer in a terminal: correctless review",
            )
        if not state.open:
            code = _take(run, number, only=only)
            if code != exits.OK:
                return code
    # Again with everything read anew: what was edited or pushed meanwhile makes the confirmation void.
    with place() as run:
        return _check(run, number)


def _take(run: _Answered, number: int, *, only: bool) -> int | None:
    """Record an answer. Exit 0: it is a confirmation, to be checked again."""
    branch, state = run.load()
    closing, closed_at = _closing(branch, state)
    thread = comments.of_thread(run.github, number)
    if not only and not any(
        answer.digest and closing.digest.startswith(answer.digest)
        for answer in filter(None, map(comment_answers.parse, thread.comments))
    ):
        return None
    if moved := _moved(run, branch, thread):
        raise Stop(exits.PERSON, f"{moved}. Nothing was confirmed")
    if thread.head == run.at:
        commit_status.refuse_shared(run.github, number, run.at)
    verdicts = comment_answers.judge(thread, closing.digest, closed_at, run.plan.confirmers, run.github)
    for line in verdicts.ignored:
        click.echo(f"not counted: {line}", err=True)
    answer = verdicts.rejected or verdicts.confirmed
    if verdicts.rejected is not None:
        note = comment_answers.note_of(verdicts.rejected, state.waiting)
        state = _record(run, closing, "rejected", verdicts.rejected.comment.login, note)
    elif verdicts.edited is not None:
        raise Stop(
            exits.PERSON,
            f"a rejection by {verdicts.edited.comment.login} was edited, and nothing is confirmed beside it. Delete the comment "
            "or write it anew",
        )
    elif state.rejected is not None and state.rejected.channel != CHANNEL:
        raise Stop(
            exits.PERSON, f"rejected by {state.rejected.by} ({state.rejected.channel}). Nothing was confirmed"
        )
    elif verdicts.confirmed is not None:
        evidence = comment_answers.address(run.github.repo, thread, verdicts.confirmed)
        state = _record(run, closing, "escalations", verdicts.confirmed.comment.login, evidence)
    _post(run, thread, state)
    if answer is None:
        for line in comment_answers.numbered(state.waiting):
            click.echo(line)
        click.echo(
            f"no comment of #{number} answers. Confirm with the comment: /confirm {closing.digest[:SHOWN_DIGITS]}"
        )
    elif not answer.digest:
        click.echo(typable(f"rejected by {answer.comment.login} (github). The gate stays closed"))
    return exits.OK if state.open else exits.PERSON


def _check(run: _Answered, number: int) -> int:
    """Check each comment again that opened the gate; what was edited, deleted or pushed since makes it void."""
    branch, state = run.load()
    thread = comments.of_thread(run.github, number)
    answers = dict.fromkeys(
        answer
        for answer in state.covered.values()
        if (answer.channel, answer.kind) == (CHANNEL, "escalations")
    )
    at = standing.of(checked_state(run.logs.run, branch.events), state, remote=run.remote)
    for answer in answers if at.word == "confirmed" else ():
        fault = _moved(run, branch, thread) or comment_answers.fault_of(run.github, answer)
        if fault:
            state = _record_void(run, answer, fault)
            _post(run, thread, state)
            raise Stop(exits.PERSON, f"the confirmation by {answer.by} is void: {fault}")
    _post(run, thread, state)
    by = ", ".join(dict.fromkeys(f"{answer.by} ({answer.channel})" for answer in state.covered.values()))
    what = (
        f"{counted(len(state.covered), 'decision')} confirmed by {by}"
        if by
        else "no decision needs your confirmation"
    )
    click.echo(typable(f"{what}{f'. Continue with: {at.next}' if at.next else ''}"))
    return exits.OK


def _closing(branch: Branch, state: GateState) -> tuple[GateClosed, str]:
    """Return the question that waits for an answer, and when it was asked."""
    if state.closing is not None:
        for item in reversed(branch.events):
            if item.event == state.closing:
                return state.closing, item.timestamp
    raise Stop(
        exits.PERSON,
        state.before
        or "the run has not asked for your confirmation yet. Let it go on: correctless cauto resume",
    )


def _moved(run: _Answered, branch: Branch, thread: CommentThread) -> str:
    """Return who has another commit than the one to be confirmed: GitHub, the remote, or the branch itself; "" without one."""
    made = checked_state(run.logs.run, branch.events).consolidated
    if made is not None and made != run.at:
        return f"{run.plan.branch} is at {run.at[:12]}, and the run made {made[:12]}"
    pushed = commit_at(run.repo, run.plan.remote, run.plan.branch)
    heads = ((f"#{thread.number}", thread.head), (f"{run.plan.branch} on '{run.plan.remote}'", pushed))
    for name, head in heads:
        if head is not None and not run.repo.is_ancestor(head, run.at):
            return f"{name} is at {head[:12]}, which the run's commit {run.at[:12]} does not contain: someone pushed"
    return ""


def _record(run: _Answered, closing: GateClosed, kind: str, by: str, note: str) -> GateState:
    """Record an answer where the run is, once; return the gate after it."""
    branch, state = run.load()
    last = next((a for a in reversed(branch.confirmations) if a.digest == closing.digest), None)
    if last is not None and (last.kind, last.by, last.channel, last.note) == (kind, by, CHANNEL, note):
        return state
    return _store(run, Confirmation(kind, closing.digest, by, CHANNEL, "", note, closing.head))


def _record_void(run: _Answered, answer: Confirmation, fault: str) -> GateState:
    return _store(run, replace(answer, kind="rejected", by="correctless", note=f"void: {fault}"))


def _store(run: _Answered, answer: Confirmation) -> GateState:
    """Record an answer given on GitHub now; return the gate after it."""
    views.answer(
        run.logs,
        answer.digest,
        kind=answer.kind,
        by=answer.by,
        channel=CHANNEL,
        note=answer.note,
        now=utcnow(),
        head=answer.head,
    )
    branch, state = run.load()
    escalation.answered(run.logs, branch, state, os.environ, utcnow())
    run.store()
    return state


def _post(run: _Answered, thread: CommentThread, state: GateState) -> None:
    """Post the commit status, where the thread is a pull request at exactly the commit that is asked about."""
    if thread.head != run.at:
        return
    try:
        commit_status.post(run.github, thread.number, run.at, commit_status.of_gate(state))
    except rest.Refused as refused:
        click.echo(typable(f"warning: {refused.message}"), err=True)
