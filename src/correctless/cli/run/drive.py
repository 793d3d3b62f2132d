"""A run that is driven to its end, or to where it stops, in front of a watcher."""

from __future__ import annotations

import os
from typing import Literal

import click

from correctless.base import exits
from correctless.base.exits import Stop
from correctless.base.process import orphans
from correctless.base.text import printable
from correctless.cli import typable
from correctless.cli.display import watch
from correctless.cli.display.ask import asker
from correctless.cli.display.watch import ABANDON, Watcher
from correctless.cli.review import width
from correctless.cli.run import step_summary
from correctless.dispatch import loop
from correctless.dispatch.core.context import RunContext
from correctless.dispatch.finish.pull_request import BODY
from correctless.review import open_set as views
from correctless.review import request, standing, summary
from correctless.runlog.state import State


def drive(
    ctx: RunContext,
    watcher: Watcher | None = None,
    *,
    show: Literal["summary", "brief", ""] = "summary",
    usd: float | None = None,
    minutes: float | None = None,
    park: str | None = None,
) -> int:
    """Drive a run on, show its summary or one line of it, and return the exit code.

    `usd` and `minutes` are new totals; `park` is the remote it was brought from. Raises: Stop with the run's own code.
    """
    viewer = watcher or watch.PlainWatcher()
    ctx.ask = asker(ctx.repo, viewer, ctx.env)
    try:
        with watch.interruptible(viewer), viewer, orphans.adopting():
            state = loop.drive(ctx, viewer.event, usd=usd, minutes=minutes, park=park)
    except KeyboardInterrupt as interrupt:
        said = watch.INTERRUPTED
        if ABANDON in interrupt.args:
            said = "the run was abandoned in another terminal. Start a new one: correctless cauto run --spec FILE"
        raise Stop(exits.INTERRUPTED, typable(said, ctx.repo.top)) from None
    except Stop:
        _on_the_jobs_page(ctx)
        raise
    _on_the_jobs_page(ctx)
    if show:
        view = views.view(ctx.logs)
        text = summary.text(view, width=width()) if show == "summary" else summary.brief(view)
        watch.out(text.removesuffix("\n"))
    if state.stopped is not None:
        raise Stop(state.stopped.code, typable(state.stopped.reason + _where(ctx, state), ctx.repo.top))
    if state.phase != "complete":
        message = f"run {state.run} did not end. Look at it with: correctless cauto status"
        raise Stop(exits.REFUSED, typable(message, ctx.repo.top))
    viewer.end(exits.OK, request.completion(state))
    click.echo(request.completion(state), err=True)
    if state.plan is not None and state.plan.pr == ("skip",):
        path = os.path.join(ctx.logs.folder(state.run), BODY)
        click.echo(printable(f"nothing was pushed (pr: skip). the pull request's text: {path}"), err=True)
    return exits.OK


def _where(ctx: RunContext, state: State) -> str:
    """Return where a run that stopped can be continued: the last line is all that is seen of a job in CI."""
    if ctx.parked:
        return f". In any clone: {standing.next_command(state, ctx.parked)}"
    if ctx.unparked:
        return f". It is not parked, so only this machine can continue it, in {ctx.repo.top}: {ctx.unparked}"
    return ""


def _on_the_jobs_page(ctx: RunContext) -> None:
    if fault := step_summary.append(ctx.logs, ctx.repo, ctx.env, ctx.parked):
        click.echo(printable(f"warning: {fault}"), err=True)
