"""Options and the typed confirmation of several contract commands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from correctless.base import exits
from correctless.base.exits import Stop
from correctless.cli.contract.session import SHOWN
from correctless.cli.values import NAME

Command = Callable[..., Any]


def run_option(command: Command) -> Command:
    """Add `--run` to a command."""
    said = "The run's id; default: the pinned one, or the only one."
    return click.option("--run", "run_id", metavar="ID", help=said)(command)


def as_option(command: Command) -> Command:
    """Add `--as` to a command."""
    return click.option(
        "--as", "by", type=NAME, metavar="NAME", help="Who answers; default: git's user.name."
    )(command)


def json_option(command: Command) -> Command:
    """Add `--json` to a command."""
    return click.option("--json", "as_json", is_flag=True, help="For programs.")(command)


def confirmed(digest: str, what: str) -> None:
    """Ask the user to type the start of the digest.

    Raises: Stop(10) when they type anything else.
    """
    typed = click.prompt(
        f"Type {digest[:SHOWN]} to {what}, or press Enter to leave it unanswered",
        default="",
        show_default=False,
    )
    if typed.strip().lower() != digest[:SHOWN]:
        raise Stop(exits.PERSON, f"that was not {digest[:SHOWN]}, so nothing was recorded. Retry")
