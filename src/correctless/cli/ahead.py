"""`correctless review --ahead`: confirm what a skill defers, before a run applies it."""

from __future__ import annotations

import hashlib
import os
import secrets
from datetime import timedelta

import click

from correctless.base import exits
from correctless.base.clock import timestamp, utcnow
from correctless.base.exits import Stop
from correctless.base.text import counted, one_line
from correctless.cli import typable
from correctless.cli.display.ask import read_line
from correctless.decisions.decision import AheadConfirmation
from correctless.dispatch.control import plan
from correctless.ledger.heads import Heads, aside, noting
from correctless.project import paths
from correctless.project.git import Repo
from correctless.review.coverage import LEAST_DIGITS, names
from correctless.runlog.branch import confirmed_ahead
from correctless.skill import contract
from correctless.skill.contract import SkillContract
from correctless.skill.defaults import Default
from correctless.skill.find import read_bytes, skill_file

_WHOLE = 1 << 30  # characters: you confirm all of a default, so all of it is shown


def confirm(repo: Repo, skill: str, *, days: int, who: str) -> int:
    """Show what a skill leaves to you, and confirm it for the next `days` days.

    Raises: `Stop(3)` for a skill that cannot run, or that defers nothing.
    """
    stated, digest_of_skill = _read(repo, skill)
    points = [each for each in stated.defaults if each.escalate and each.documented]
    if not points:
        raise Stop(
            exits.REFUSED, f"{stated.name} leaves no listed decision to you: there is nothing to confirm"
        )
    now = utcnow()
    until = timestamp(now + timedelta(days=days))
    click.echo(f"{one_line(stated.name)} leaves {counted(len(points), 'decision')} to you ({stated.path}).")
    for each in points:
        click.echo(f"\n  {each.id} {one_line(each.subject)}")
        click.echo(f"    applied:   {one_line(each.choice, _WHOLE)}")
        if each.rationale:
            click.echo(f"    rationale: {one_line(each.rationale, 2000)}")
    click.echo(
        f"\nUntil {until} runs that begin now will not ask you about these, as long as SKILL.md is byte for byte this one and"
        "\nthe agent reports the default as it is listed. Whatever else a run defers still needs your confirmation."
    )
    digest = hashlib.sha256(
        "\n".join([secrets.token_hex(16), digest_of_skill, until, *(each.id for each in points)]).encode()
    ).hexdigest()
    click.echo(
        f"\nTheir digest is {digest[:LEAST_DIGITS]}...\nType these characters to confirm, or nothing to leave it."
    )
    typed = read_line() or ""
    if not names(typed, digest):
        what = "nothing was typed" if not typed.strip() else f"'{one_line(typed, 80)}' is not their digest"
        raise Stop(exits.PERSON, f"{what}. Nothing was confirmed")
    _record(repo, stated, digest_of_skill, points, who, until)
    click.echo(
        typable(
            f"{counted(len(points), 'decision')} of {one_line(stated.name)} confirmed ahead by {who} until {until}. "
            f"Withdraw it with: correctless review --ahead {skill} --withdraw"
        )
    )
    return exits.OK


def withdraw(repo: Repo, skill: str, *, who: str) -> int:
    """End what was confirmed ahead of a skill, for decisions that are recorded from now on."""
    logs = paths.logs(repo)
    now = timestamp(utcnow())
    known = {
        each.decision_id: each for each in confirmed_ahead(logs) if each.skill == skill.rpartition(":")[2]
    }
    current = [each for each in known.values() if each.until > now]
    if not current:
        raise Stop(exits.REFUSED, f"nothing of '{one_line(skill)}' is confirmed ahead")
    ledger = noting(logs.ahead, logs.root, os.environ)
    for each in current:
        ledger.append(
            AheadConfirmation(
                each.skill, each.skill_sha256, each.decision_id, each.default, who, "terminal", now, now
            ).fields()
        )
    click.echo(f"{counted(len(current), 'decision')} of {one_line(skill)} will need your confirmation again")
    return exits.OK


def _read(repo: Repo, skill: str) -> tuple[SkillContract, str]:
    folder = plan.find_skill(repo, skill, os.environ)
    stated = contract.read_skill(folder)
    plan.refuse(stated)
    return stated, hashlib.sha256(read_bytes(skill_file(folder))).hexdigest()


def _record(
    repo: Repo, stated: SkillContract, sha256: str, points: list[Default], who: str, until: str
) -> None:
    logs = paths.logs(repo)
    paths.ensure_artifacts(logs)
    ledger = noting(logs.ahead, logs.root, os.environ)
    if not confirmed_ahead(
        logs
    ):  # none yet, or not the one that was noted: nothing of either may count again
        Heads(logs.ahead, os.environ).set_aside()
        aside(logs.ahead)
        ledger.create()
    now = timestamp(utcnow())
    given = [
        AheadConfirmation(stated.name, sha256, each.id, each.choice, who, "terminal", now, until)
        for each in points
    ]
    for each in given:
        ledger.append(each.fields())
    if not set(given).issubset(confirmed_ahead(logs)):
        raise Stop(
            exits.REFUSED,
            "what you confirmed could not be noted in your state folder, so it counts for nothing. make $HOME/.local/state/correctless "
            "a folder that you can write to, then confirm again",
        )
