"""`correctless skills`: show what each skill's contract says."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import click

from correctless.base import exits
from correctless.base.exits import Stop
from correctless.base.text import printable
from correctless.lint import rules
from correctless.skill.contract import Default, SkillContract, find_skills, read_skill
from correctless.syntax.finding import as_json, as_text

_WANTED = "Give a SKILL.md, a skill's folder, or a tree with skills/*/SKILL.md"


@click.command(epilog="Example: correctless skills --json skills/cverify")
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@click.option("--json", "as_objects", is_flag=True, help="Print a list of objects instead of text.")
def skills(paths: tuple[str, ...], as_objects: bool) -> int:
    """Show what each skill's contract says, as the program reads it.

    PATH is a SKILL.md, a skill's folder, or a tree with skills/*/SKILL.md at any depth. Default: the current folder.

    Exit 0: no contract has an error; 1: one has; 3: a path cannot be read. The others are still shown.
    """
    contracts: list[SkillContract] = []
    refusals: list[str] = []
    for contract in _contracts(paths):
        if isinstance(contract, SkillContract):
            contracts.append(contract)
        else:
            refusals.append(contract.message)
    if as_objects:
        click.echo(json.dumps([_object(c) for c in contracts], indent=2))
    elif contracts:
        click.echo("\n\n".join("\n".join(_text(c)) for c in contracts))
    if not contracts and not refusals:
        click.echo(f"no skill found here. {_WANTED}", err=True)
    for message in refusals:
        click.echo(f"correctless: {printable(message)}", err=True)
    if refusals:
        return exits.REFUSED
    broken = any(problem.severity == "error" for c in contracts for problem in rules.problems(c))
    return exits.FINDINGS if broken else exits.OK


def _contracts(paths: tuple[str, ...]) -> Iterator[SkillContract | Stop]:
    """Each skill's contract once, or why it can't be read."""
    seen: set[str] = set()
    for path in paths or (".",):
        try:
            files = list(find_skills(path))
            if paths and not files:
                yield Stop(exits.REFUSED, f"no skill found at or below '{path}'. {_WANTED}")
            for file in files:
                if os.path.realpath(file) in seen:
                    continue
                seen.add(os.path.realpath(file))
                try:
                    yield read_skill(file.removeprefix("./"))
                except Stop as stop:
                    yield stop
        except OSError as error:
            yield Stop(
                exits.REFUSED, f"cannot read '{path}': {error.strerror}. Give a folder that can be listed"
            )


def _object(contract: SkillContract) -> dict[str, Any]:
    return {
        "name": contract.name,
        "path": contract.path,
        "interaction_mode": contract.interaction_mode,
        "context": contract.context,
        "allowed_tools": list(contract.allowed_tools),
        "defaults": [_default(default) for default in contract.defaults],
        "problems": [as_json(problem) for problem in rules.problems(contract)],
    }


def _default(default: Default) -> dict[str, Any]:
    values = default._asdict()
    del values["documented"]  # an escalate entry without a choice implies it
    return values


def _text(contract: SkillContract) -> Iterator[str]:
    mode = contract.interaction_mode or "no mode"
    fork = f", context: {contract.context}" if contract.context else ""
    yield printable(f"{contract.name} ({mode}{fork})  {contract.path}")
    for default in contract.defaults:
        subject = f"{default.subject} — " if default.subject else ""
        choice = default.choice or "(none documented)"
        text = f"escalate: always, if deferred: {choice}" if default.escalate else choice
        yield printable(f"  {default.id or '(no id)'}  {subject}{text}")
    for problem in rules.problems(contract):
        yield as_text(problem)
