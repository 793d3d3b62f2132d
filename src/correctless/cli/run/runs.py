"""`correctless cauto run` and `resume`: what starts agents."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Literal

import click

import correctless
from correctless.base import exits
from correctless.base.clock import timestamp, utcnow
from correctless.base.exits import Stop
from correctless.base.text import printable_lines
from correctless.cli import typable
from correctless.cli.display import progress, watch
from correctless.cli.display.ask import confirmed
from correctless.cli.display.watch import Watcher
from correctless.cli.run import check, parked
from correctless.cli.run.drive import drive
from correctless.cli.run.options import request_options, watch_options
from correctless.cli.run.status import refuse_without_run
from correctless.cli.values import NAME, SOME
from correctless.decisions.decision import Confirmation
from correctless.dispatch.control import start, worktree
from correctless.dispatch.core.context import RunContext
from correctless.hooks import session
from correctless.project import git, paths, person
from correctless.project.git import Repo
from correctless.project.lock import Lock
from correctless.project.paths import Logs
from correctless.review import anchors, request
from correctless.review import open_set as views
from correctless.runlog import branch as record
from correctless.runlog.fold import checked_state


@click.command(
    epilog="Example: correctless cauto run --spec docs/spec.md --agent 'command:./agent.sh' --pr skip"
)
@request_options
@click.option(
    "--approve-spec-as", type=NAME, metavar="NAME", help="Approve the spec in this name, for cron and CI."
)
@click.option(
    "--detach", is_flag=True, help="Return when the run is recorded; it continues in the background."
)
@click.option(
    "--worktree",
    "branch",
    metavar="BRANCH",
    help="Make this branch in its own worktree beside the repository.",
)
@click.option(
    "--no-check",
    "untried",
    is_flag=True,
    help="Start without trying what the run will need (see cauto check).",
)
@click.option(
    "--dry-run",
    is_flag=True,
    help="Show the plan and each step's prompt, tools and limits; start nothing, write nothing.",
)
@watch_options
def run(
    spec: str,
    pipeline: str,
    approve_spec_as: str | None,
    detach: bool,
    branch: str | None,
    untried: bool,
    dry_run: bool,
    plain: bool,
    as_json: bool,
    **flags: Any,
) -> int:
    """Start a run: the skills of the pipeline, then the gate, then the pull request.

    It first tries everything the run will need, as `cauto check` does, and starts nothing when something fails.
    On a terminal it then asks for your approval of the spec, and shows the steps. Exit: 0 complete, 10 you must act, 11 paused, 12 budget reached,
    20 a step failed, 75 locked.
    """
    request = start.Request(spec=spec, pipeline=pipeline, flags=flags)
    if dry_run:
        if branch or detach:
            raise click.UsageError(
                f"--dry-run starts nothing: leave {'--worktree' if branch else '--detach'} out"
            )
        return _rehearse(request, as_json=as_json)
    with watch.reporting(watch.choose(plain=plain or detach, as_json=as_json, env=os.environ)) as watcher:
        if approve_spec_as:
            person.refuse_agents(os.environ)
        origin = git.find(os.getcwd())
        with _place(origin, branch, flags) as (repo, cwd):
            ready = start.prepare(repo, cwd, request, os.environ)
            if inherits := progress.inherits(ready.inherited):
                click.echo(
                    f"this branch inherits {inherits}. They also need your confirmation at its gate", err=True
                )
            for warning in start.warnings(ready):
                click.echo(printable_lines(f"warning: {warning}"), err=True)
            _refuse_unapprovable(ready, approve_spec_as)
            with Lock.take(repo, "correctless cauto run") as run_lock:
                ctx = RunContext(repo, ready.logs, run_lock, os.environ, activity=watcher.activity)
                tried = () if untried else check.try_all(ready)
                # Last: a trial that fails would lose it.
                approved = _approval(ready, approve_spec_as)
                started = start.begin(ready, ctx, approved, watcher.event, tried=tried)
                session.note_start(os.environ, ready.logs, started.run)
                if detach:
                    _detach(repo, ready.logs, started.run, run_lock)
                    watcher.end(exits.OK, f"run {started.run} continues in the background")
                    if not as_json:
                        click.echo(started.run)
                    click.echo(
                        typable("watch it with: correctless cauto status --follow", repo.top), err=True
                    )
                    return exits.OK
                return drive(ctx, watcher, show="" if as_json else "summary")


def _rehearse(request: start.Request, *, as_json: bool) -> int:
    from correctless.cli.run import plan_preview

    # git status would otherwise refresh the index, which is a write.
    os.environ["GIT_OPTIONAL_LOCKS"] = "0"
    ready = start.prepare(git.find(os.getcwd()), os.getcwd(), request, os.environ)
    approved = start.approval(ready) is not None
    if as_json:
        click.echo(json.dumps(plan_preview.values(ready, approved=approved), indent=2))
    else:
        click.echo(plan_preview.text(ready, approved=approved))
    return exits.OK


@contextmanager
def _place(origin: Repo, branch: str | None, flags: dict[str, Any]) -> Iterator[tuple[Repo, str]]:
    """Yield the worktree in which the run works.

    A worktree made for it is removed again when the run is refused.
    """
    if branch is None:
        yield origin, os.getcwd()
        return
    known = origin.commit(f"refs/heads/{branch}") is not None
    existing = worktree.existing(origin, branch)
    target = existing or worktree.make(
        origin, branch, start.load_config(origin, flags, os.getcwd()), os.environ
    )
    as_it_is = f" (on the existing branch {branch}, {target.head()[:12]})" if known else ""
    click.echo(f"worktree: {target.top}{as_it_is}{', which exists already' if existing else ''}", err=True)
    try:
        yield target, os.path.join(target.top, os.path.relpath(os.getcwd(), origin.top))
    except BaseException as error:
        # A run under way on the branch, this one or an earlier one, continues there.
        if existing is None and not views.state_of(paths.logs(target, branch)).unfinished:
            worktree.remove(origin, target, None if known else branch)
            raise
        if isinstance(error, Stop):
            raise Stop(error.code, typable(error.message, target.top)) from None
        raise


def _refuse_unapprovable(ready: start.Ready, named: str | None) -> None:
    """Refuse a run whose spec nobody can approve here, before the trials, which take minutes."""
    if named or start.approval(ready) is not None:
        return
    if not person.has_terminal():
        raise _unapproved(ready)
    person.refuse_agents(os.environ)


def _approval(ready: start.Ready, named: str | None) -> Confirmation:
    """Return the approval of the spec; asks for it at the terminal. Raises: `Stop(3)` without one."""
    known = start.approval(ready)
    if known is not None:
        return known
    plan = ready.frozen.plan
    if named:
        return Confirmation("spec", plan.spec_sha256, named, "flag", timestamp(utcnow()))
    click.echo(printable_lines(ready.spec_text), err=True)
    who = person.name(ready.repo, os.environ)
    if confirmed(f"Do you, {who}, approve this spec ({plan.spec}, {plan.spec_sha256[:8]})?"):
        return Confirmation("spec", plan.spec_sha256, who, "terminal", timestamp(utcnow()))
    raise _unapproved(ready)


def _unapproved(ready: start.Ready) -> Stop:
    plan = ready.frozen.plan
    typed = "prompt" in ready.config.confirm_channels and os.environ.get("CLAUDECODE")
    prompt_hint = (
        f"or type into Claude Code yourself: approve spec {plan.spec_sha256[:12]}   (" if typed else "("
    )
    return Stop(
        exits.REFUSED,
        f"the current spec {plan.spec} is not approved. Approve and start it in your own terminal, in {os.getcwd()}: "
        f"correctless {shlex.join(sys.argv[1:])}   {prompt_hint}cron and CI: --approve-spec-as NAME)",
    )


def _detach(repo: Repo, logs: Logs, run_id: str, run_lock: Lock) -> None:
    # The child inherits the lock's open file, so no other dispatcher can start in between.
    out = os.path.join(logs.folder(run_id), "dispatcher.log")
    with open(out, "ab") as file:
        subprocess.Popen(
            [*correctless.itself(), "cauto", "resume", "--lock-fd", str(run_lock.fd)],
            cwd=repo.top,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
            pass_fds=(run_lock.fd,),
        )


@click.command(epilog="Example: correctless cauto resume")
@click.option("--lock-fd", type=click.IntRange(0, 1 << 20), hidden=True)
@click.option("--max-usd", "usd", type=SOME, help="Raise the run's budget to this total.")
@click.option("--max-minutes", "minutes", type=SOME, help="Raise the run's time to this total.")
@click.option("--summary", is_flag=True, help="Show the whole summary at the end, not one line of it.")
@parked.from_options
@watch_options
def resume(
    lock_fd: int | None,
    usd: float | None,
    minutes: float | None,
    remote: str | None,
    run_id: str | None,
    take_over: bool,
    summary: bool,
    plain: bool,
    as_json: bool,
) -> int:
    """Continue the last run of this branch from where it stopped.

    It is shown as by `run`.

    With --from REMOTE RUN it continues the run that is parked there. The run is taken, so that no other machine
    continues it, and its branch and logs are brought here.

    Exit 0: it is complete; 3: no run found; 75: another machine has it.
    """
    parked.refuse_incomplete(remote, run_id, take_over=take_over)
    if usd is not None or minutes is not None or take_over:
        person.refuse_agents(os.environ)
    with watch.reporting(watch.choose(plain=plain, as_json=as_json, env=os.environ)) as watcher:
        show: Literal["summary", "brief", ""] = "" if as_json else "summary" if summary else "brief"
        continue_run = partial(drive, watcher=watcher, show=show, usd=usd, minutes=minutes)
        if remote is not None and run_id is not None:
            return _resume_from(watcher, continue_run, remote, run_id, take_over=take_over)
        return _resume(watcher, continue_run, lock_fd, show=not as_json)


def _resume_from(
    watcher: Watcher, continue_run: Callable[..., int], remote: str, run: str, *, take_over: bool
) -> int:
    repo = git.find(os.getcwd())
    with Lock.take(repo, "correctless cauto resume") as run_lock:
        logs = parked.bring(repo, remote, run, take_over=take_over)
        watcher.before(record.load(logs).events)
        ctx = RunContext(repo, logs, run_lock, os.environ, activity=watcher.activity)
        return continue_run(ctx, park=remote)


def _resume(watcher: Watcher, continue_run: Callable[..., int], lock_fd: int | None, *, show: bool) -> int:
    repo = git.find(os.getcwd())
    logs = paths.logs(repo)
    anchors.refuse_disproved(logs, repo, os.environ)
    refuse_without_run(logs)
    # An agent inherits the lock's open file too: with it in hand it must not become a second dispatcher.
    if lock_fd is not None and person.inside_agent(os.environ):
        raise Stop(exits.REFUSED, "an agent cannot take over its dispatcher's lock. Leave out --lock-fd")
    lock_source = (
        Lock.inherited(repo, lock_fd) if lock_fd is not None else Lock.take(repo, "correctless cauto resume")
    )
    with lock_source as run_lock:
        run_lock.note("correctless cauto resume")
        events = record.load(logs).events
        state = checked_state(logs.run, events)
        if state.phase == "complete":
            parked.remove_parked(repo, state)
            watcher.end(exits.OK, request.completion(state))
            if show:
                click.echo(request.completion(state))
            return exits.OK
        if not state.unfinished:
            raise Stop(
                exits.REFUSED,
                f"run {state.run} was abandoned. Start a new one: correctless cauto run --spec FILE",
            )
        parked.take_again(repo, state)
        watcher.before(events)
        ctx = RunContext(repo, logs, run_lock, os.environ, activity=watcher.activity)
        return continue_run(ctx)
