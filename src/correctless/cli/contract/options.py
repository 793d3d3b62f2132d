"""The `--run` option and the typed confirmation of contract commands."""

from __future__ import annotations

import click

from correctless.base import exits
from correctless.base.exits import Stop
from correctless.cli.contract.session import DIGEST_DIGITS

run_option = click.option(
    "--run", "run_id", metavar="ID", help="The run's id; default: the pinned one, or the only one."
)


def ask_for_digest(digest: str, what: str) -> None:
    """Ask the user to type the start of the digest.

    Raises: Stop(10) when they type anything else.
    """
    typed = click.prompt(
        f"Type {digest[:DIGEST_DIGITS]} to {what}, or press Enter to leave it unanswered",
        default="",
        show_default=False,
    )
    if typed.strip().lower() != digest[:DIGEST_DIGITS]:
        raise Stop(exits.PERSON, f"that was not {digest[:DIGEST_DIGITS]}, so nothing was recorded. Retry")
