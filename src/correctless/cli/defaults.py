"""`correctless defaults`: how the defaults of skills fared in past runs, and what could be listed."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Sequence
from typing import Any

import click

from correctless.base import exits, install
from correctless.base.exits import Stop
from correctless.base.text import counted, one_line, printable, printable_lines
from correctless.cli import answering, spell_anything, spelled
from correctless.cli.display.ask import confirmed
from correctless.cli.display.table import console, fitted
from correctless.cli.lazy import PlainGroup
from correctless.cli.values import json_option
from correctless.decisions.decision import Decision
from correctless.defaults import evidence, health, patch, replay
from correctless.defaults.evidence import PastDecision
from correctless.defaults.health import SkillHealth
from correctless.defaults.patch import SkillPatch
from correctless.defaults.suggestions import RUNS, name_of, suggest
from correctless.lint.fix import diff, leads_out, write
from correctless.metrics.count import UnreadableBranch
from correctless.project import git, paths
from correctless.project.git import Repo
from correctless.project.lock import Lock
from correctless.skill.contract import SkillContract, of_text
from correctless.skill.find import read_bytes

_NAME = re.compile(r"[A-Za-z0-9][\w.-]*", re.ASCII)
_SHOWN = 5  # log entries of a group; --json has all


class _Defaults(PlainGroup):
    """Group whose first word may also be the skill of `show`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put `show` before arguments that name no command."""
        words = [word for word in args if not word.startswith("-")]
        if not {"--help", "-h"} & {*args[:1]} and (not words or words[0] not in self.commands):
            args = ["show", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_Defaults, epilog="Example: correctless defaults suggest cverify")
def defaults() -> None:
    """Show how the defaults of skills fared in past runs; propose what could be listed."""


@defaults.command(epilog="Example: correctless defaults cverify")
@click.argument("skill", required=False)
@json_option
def show(skill: str | None, as_json: bool) -> int:
    """Show the health of each default, of one SKILL or of all: `correctless defaults [SKILL]`.

    Counted are what the agents of all runs of all branches decided. Unlisted decisions are grouped by likeness.

    Exit 0; 3 when a log could not be read. It is named, and the figures leave it out.
    """
    repo = git.find(os.getcwd())
    cases, refused = _cases(repo)
    names = [_name(repo, skill)] if skill else sorted({each.decision.skill for each in cases})
    shown = [
        health.of_skill(name, _contract(repo, skill or name, typed=bool(skill)), cases) for name in names
    ]
    if as_json:
        _echo_json({"skills": [health.as_json(each) for each in shown]}, refused)
    else:
        spell_anything()
        for each in shown:
            _show(each)
        if not any(each.defaults or each.unlisted for each in shown):
            click.echo("no decisions of a run found")
    return _end(refused)


@defaults.command("suggest", epilog="Example: correctless defaults suggest cverify --apply")
@click.argument("skill")
@click.option(
    "--runs", type=click.IntRange(2), default=RUNS, show_default=True, help="In how many runs it must recur."
)
@click.option("--apply", "apply_it", is_flag=True, help="Show the patch, ask you, and write it.")
@json_option
def suggest_command(skill: str, runs: int, apply_it: bool, as_json: bool) -> int:
    """Propose entries and changes of a skill's defaults, as a patch.

    An entry without `escalate: always` is proposed only for decisions that you confirmed each time, and no entry loses it.
    Each proposal names the log entries it rests on.

    Exit 0; 3 when a log could not be read, or with --apply without your own terminal.
    """
    repo = git.find(os.getcwd())
    if apply_it and as_json:
        raise click.UsageError("--apply asks you at the terminal: leave --json out")
    if apply_it:
        answering(repo, None)
    cases, refused = _cases(repo)
    made = _patch(repo, skill, cases, runs)
    if as_json:
        _echo_json({"path": made.path, "runs": runs, **_patch_json(made)}, refused)
        return _end(refused)
    spell_anything()
    _show_patch(made)
    if not apply_it:
        if made.suggestions.found:
            click.echo(f"Next: {spelled(f'correctless defaults suggest {skill} --apply')}")
        return _end(refused)
    if refused:
        raise Stop(
            exits.REFUSED,
            f"a log could not be read ({refused[0].why}). nothing is written from the others alone",
        )
    return _apply(repo, made)


@defaults.command("replay", epilog="Example: correctless defaults replay cverify")
@click.argument("skill", required=False)
@click.option("--runs", type=click.IntRange(2), default=RUNS, show_default=True, help="As of suggest.")
@json_option
def replay_command(skill: str | None, runs: int, as_json: bool) -> int:
    """Show what past runs would have recorded under the patch that `suggest` proposes.

    Exit 0; 3 when a log could not be read.
    """
    repo = git.find(os.getcwd())
    cases, refused = _cases(repo)
    names = (
        [skill]
        if skill
        else [n for n in sorted({each.decision.skill for each in cases}) if _contract(repo, n, typed=False)]
    )
    skills = []
    spell_anything()
    for name in names:
        made = _patch(repo, name, cases, runs)
        found = list(replay.differences(made, cases))
        skills.append({"skill": _name(repo, name), "differences": [_difference_json(each) for each in found]})
        if not as_json:
            total = sum(each.decision.skill == _name(repo, name) for each in cases)
            click.echo(
                printable(f"{_name(repo, name)}: {counted(len(found), 'decision')} of {total} would differ")
            )
            for each in found:
                case = each.case
                was, now = _outcome(each.before), _outcome(each.after)
                click.echo(printable(f"  {case.run} #{case.seq}: {was} -> {now}: {one_line(case.text, 60)}"))
    if as_json:
        _echo_json({"skills": skills}, refused)
    return _end(refused)


def _cases(repo: Repo) -> tuple[tuple[PastDecision, ...], tuple[UnreadableBranch, ...]]:
    # Also this branch where it has no file: its private copy may know of a log that is gone.
    branches = {each.branch_slug: each for each in (*paths.recorded(repo), paths.logs(repo))}
    return evidence.of_all(branches.values(), os.environ)


def _end(refused: Sequence[UnreadableBranch]) -> int:
    for each in refused:
        click.echo(f"correctless: not counted: {printable(each.why)}", err=True)
    return exits.REFUSED if refused else exits.OK


def _file(repo: Repo, skill: str, *, typed: bool) -> str | None:
    """Return the SKILL.md of a name, or, if you typed it, of the path of a file or folder; None where none is found."""
    if typed and os.sep in skill:
        folders = [os.path.dirname(skill) if os.path.basename(skill) == "SKILL.md" else skill]
    else:
        # A name of a log may be anything.
        folders = install.skill_folders(skill, repo.top) if _NAME.fullmatch(skill) else []
    files = (os.path.join(os.path.abspath(folder), "SKILL.md") for folder in folders)
    return next((file for file in files if os.path.isfile(file)), None)


def _contract(repo: Repo, skill: str, *, typed: bool) -> SkillContract | None:
    file = _file(repo, skill, typed=typed)
    return of_text(read_bytes(file), file) if file else None


def _name(repo: Repo, skill: str) -> str:
    file = _file(repo, skill, typed=True)
    return name_of(file) if file else skill


def _patch(repo: Repo, skill: str, cases: Sequence[PastDecision], runs: int) -> SkillPatch:
    file = _file(repo, skill, typed=True)
    if file is None:
        raise Stop(
            exits.REFUSED,
            f"no skill '{one_line(skill, 60)}' found. give the name of a skill in skills/ or .claude/skills/, or its folder",
        )
    data = read_bytes(file)
    return patch.of(data, file, suggest(of_text(data, file), cases, runs=runs))


def _apply(repo: Repo, made: SkillPatch) -> int:
    if made.after == made.before:
        return exits.OK
    if leads_out(made.path, [repo.top]):
        raise Stop(
            exits.REFUSED,
            f"{made.path} is not in this repository. copy the skill into skills/ first: that copy is used before it",
        )
    if not confirmed("Write this into the skill? Agents will read it"):
        click.echo("nothing was written")
        return exits.OK
    # A run at work would commit it with its next step.
    with Lock.take(repo, "correctless defaults suggest"):
        if read_bytes(made.path) != made.before:
            raise Stop(exits.REFUSED, f"{made.path} was changed meanwhile. look at it, then run this again")
        write(made.path, made.after)
    click.echo(f"written: {printable(os.path.relpath(made.path))}")
    click.echo(f"Next: {spelled(f'correctless lint {os.path.relpath(made.path)}')}")
    return exits.OK


def _show(shown: SkillHealth) -> None:
    out = console(sys.stdout)
    if not shown.defaults and not shown.unlisted:
        return
    out.print(f"\n{one_line(shown.skill, 100)}", highlight=False, markup=False)
    if shown.defaults:
        columns = ("default", "runs", "used", "differed", "rejected", "re-run", "last confirmed")
        rows = [
            (
                printable(each.id) + ("" if each.listed else " (not listed)"),
                *map(str, (each.runs, each.used, each.differed, each.rejected, each.rerun)),
                each.last_confirmed[:10] or "-",
            )
            for each in shown.defaults
        ]
        for table in fitted(columns, rows, out.width):
            out.print(table)
    for group in shown.unlisted:
        out.print(f"  unlisted, {_group(group)}", highlight=False, markup=False, soft_wrap=True)


def _group(group: Sequence[PastDecision]) -> str:
    runs = counted(len({each.run for each in group}), "run")
    return printable(f"{runs}: {one_line(group[0].text, 100)} ({_places(group)})")


def _places(cases: Sequence[PastDecision]) -> str:
    named = [f"{each.run} #{each.seq}" for each in cases[:_SHOWN]]
    more = [f"{len(cases) - _SHOWN} more"] if len(cases) > _SHOWN else []
    return ", ".join([*named, *more])


def _show_patch(made: SkillPatch) -> None:
    if made.suggestions.found:
        name = os.path.relpath(made.path)
        click.echo(printable_lines(diff(name, made.before, made.after)).rstrip("\n"))
        click.echo()
    for each in made.suggestions.found:
        what = "new default" if each.before else "new entry"
        click.echo(printable(f"{each.entry.id}: {what}, rests on {_places(each.evidence)}"))
    for other in made.suggestions.others:
        click.echo(printable(f"not proposed: {other.why}: {_group(other.evidence)}"))
    if not made.suggestions.found:
        click.echo("no suggestion: nothing recurs that the skill does not list")


def _patch_json(made: SkillPatch) -> dict[str, Any]:
    return {
        "diff": diff(os.path.relpath(made.path), made.before, made.after)
        if made.after != made.before
        else "",
        "suggestions": [
            {
                "id": each.entry.id,
                "kind": "change" if each.before else "new",
                "line": patch.canonical(each.entry),
                "default": each.entry.choice,
                "escalate": each.entry.escalate,
                "entries": [health.entry_json(case) for case in each.evidence],
            }
            for each in made.suggestions.found
        ],
        "not_proposed": [
            {"why": each.why, **health.group_json(each.evidence)} for each in made.suggestions.others
        ],
    }


def _outcome(decision: Decision) -> str:
    words = ["deferred"] if decision.escalation_deferred else []
    return " ".join([decision.decision_id, *words, *decision.notes])


def _difference_json(each: replay.Difference) -> dict[str, Any]:
    def values(decision: Decision) -> dict[str, Any]:
        return {
            "decision_id": decision.decision_id,
            "escalation_deferred": decision.escalation_deferred,
            "original_escalation_reason": decision.original_escalation_reason,
            "notes": list(decision.notes),
        }

    return {**health.entry_json(each.case), "before": values(each.before), "after": values(each.after)}


def _echo_json(values: dict[str, Any], refused: Sequence[UnreadableBranch]) -> None:
    named = [{"branch": each.branch, "why": each.why} for each in refused]
    click.echo(json.dumps({**values, "refused": named}, indent=2))
