"""`correctless metrics`: figures over the runs of a repository."""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from itertools import chain

import click

from correctless.base import exits
from correctless.base.clock import timestamp, utcnow
from correctless.base.exits import Stop
from correctless.base.text import duration, printable
from correctless.cli import spell_anything
from correctless.cli.display.table import console, fitted
from correctless.cli.values import json_option
from correctless.metrics import count, figures
from correctless.metrics.figures import Figures, Half, Sums
from correctless.project import git, paths
from correctless.project.git import Repo


@click.command(epilog="Example: correctless metrics --since 30 --skill cverify")
@click.option(
    "--since",
    metavar="DAYS|DATE",
    help="Only runs that began in the last DAYS days, or since a date (UTC) like 2026-01-31.",
)
@click.option("--skill", metavar="NAME", help="Only this skill, in the runs that had it in their plan.")
@json_option
def metrics(since: str | None, skill: str | None, as_json: bool) -> int:
    """Show figures over the runs of this repository, of every branch.

    They say what each skill did, how long it took and what it cost.

    Exit 0; 3 when no run has the skill, or a log could not be read. It is named, and the figures leave it out.
    """
    repo = git.find(os.getcwd())
    moment = _since(since, utcnow())
    totals, refused = count.count(paths.recorded(repo), since=moment, skill=skill)
    if skill is not None and not totals.runs and not totals.outside.decisions:
        _refuse_unknown(repo, skill)
    if as_json:
        filters = {"since": timestamp(moment) if moment else None, "skill": skill}
        named = [{"branch": each.branch, "why": each.why} for each in refused]
        click.echo(json.dumps({**filters, **figures.as_json(totals), "refused": named}, indent=2))
    else:
        _show(totals, skill, _title(repo, moment, skill))
    for each in refused:
        click.echo(f"correctless: not in the figures: {printable(each.why)}", err=True)
    return exits.REFUSED if refused else exits.OK


def _refuse_unknown(repo: Repo, skill: str) -> None:
    """Refuse a skill that no run has, of any time: it may be a typing error."""
    same, _ = count.count(paths.recorded(repo), skill=skill)
    if same.runs or same.outside.decisions:
        return
    known = count.count(paths.recorded(repo))[0].skills
    near = get_close_matches(skill, known, n=1)
    names = f"known: {', '.join(known)}" if known else "start a run first"
    hint = f"did you mean {near[0]}?" if near else names
    raise Stop(exits.REFUSED, f"no run has the skill '{skill}'. {hint}")


def _since(since: str | None, now: datetime) -> datetime | None:
    if since is None:
        return None
    try:
        if since.isascii() and since.isdigit():
            return now - timedelta(days=int(since))
        return datetime.strptime(since, "%Y-%m-%d").replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise click.UsageError(
            f"--since '{since}' is not days and not a date. Write --since 30 or --since 2026-01-31"
        ) from None


def _title(repo: Repo, moment: datetime | None, skill: str | None) -> str:
    where = os.path.basename(repo.home)
    since = f" since {timestamp(moment)[:10]}" if moment else ""
    return f"Runs of {where}{since}{f' with {skill}' if skill else ''}"


def _show(totals: Figures, skill: str | None, title: str) -> None:
    spell_anything()
    out = console(sys.stdout)
    statuses = [f"{number} {status}" for status, number in figures.ends(totals.runs).items() if number]
    out.print(f"{printable(title)}: {', '.join(statuses) or 'none'}", highlight=False, markup=False)
    if totals.outside.decisions:
        out.print(
            f"Outside of runs: {_count(totals.outside.decisions, 'decision')}, {totals.outside.deferred} deferred",
            highlight=False,
            markup=False,
        )
    if not totals.runs:
        return
    rows = [(printable(name), sums) for name, sums in figures.by_name(totals)]
    if skill is None or len(rows) > 1:
        rows.append(("all", totals.total))
    did = ("skill", "steps", "attempts", "failed", "decisions", "deferred", "unlisted")
    took = ("skill", "tokens", "cost", "cost/step", "time", "time/step")
    tables = [
        fitted(did, [(name, *_did(sums)) for name, sums in rows], out.width),
        fitted(took, [(name, *_took(sums)) for name, sums in rows], out.width),
    ]
    if halves := figures.trend(totals):
        rows_of = zip(_LABELS, *map(_half, halves), strict=True)
        tables.append(fitted(("trend", "older half", "newer half"), list(rows_of), out.width))
    for each in chain.from_iterable(tables):
        out.print()
        out.print(each)
    if not halves:
        out.print("\nTrend: needs four runs", highlight=False)


def _did(sums: Sums) -> tuple[str, ...]:
    return (
        f"{sums.steps:,}",
        f"{sums.attempts:,}",
        f"{sums.failed:,}",
        f"{sums.decisions:,}",
        _percent(sums.deferred, sums.decisions),
        _percent(sums.unlisted, sums.decisions),
    )


def _took(sums: Sums) -> tuple[str, ...]:
    each = sums.steps or 1
    return (
        f"{sums.tokens:,}",
        _money(sums.micro_usd, sums.estimated),
        _money(sums.micro_usd / each, sums.estimated) if sums.steps else "-",
        duration(sums.milliseconds / 1000),
        duration(sums.milliseconds / 1000 / each) if sums.steps else "-",
    )


_LABELS = (
    "runs", "began from", "to", "complete", "failed attempts", "deferred", "unlisted", "cost per run", "agents' time per run",
)  # fmt: skip


def _half(half: Half) -> tuple[str, ...]:
    sums = half.sums
    return (
        f"{half.runs:,}",
        half.first[:10],
        half.last[:10],
        _percent(half.complete, half.runs),
        _percent(sums.failed, sums.attempts),
        _percent(sums.deferred, sums.decisions),
        _percent(sums.unlisted, sums.decisions),
        _money(sums.micro_usd / half.runs, sums.estimated),
        duration(sums.milliseconds / 1000 / half.runs),
    )


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f}%" if whole else "-"


def _money(micro: float, estimated: int) -> str:
    return f"{'~' if estimated else ''}${micro / 1_000_000:,.2f}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
