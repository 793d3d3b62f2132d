"""Statements of the operator: typed at a terminal, or imported when signed."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import click
from click.core import ParameterSource

from correctless.base import exits
from correctless.base.clock import utcnow
from correctless.base.exits import Stop
from correctless.cli.contract.session import ContractSession, a_person, answerable, echo
from correctless.runcontract.ledger import signed, store
from correctless.runcontract.ledger.records import ALL, EscalationAnswer, Record, Revoke, Statement
from correctless.runcontract.ledger.store import ContractSnapshot
from correctless.runcontract.ledger.words import summary, unfit

_HOME_SIGNERS = "~/.config/correctless/allowed_signers"
_COMMANDS = {
    "answer": "answer",
    "settled": "answer",
    "revoke": "revoke",
    "reaffirm": "reaffirm",
    "waiver": "waive",
}

Command = Callable[..., Any]


def signed_options(command: Command) -> Command:
    """Add `--signed` and `--signers` to a command."""
    said = f"Who may sign; default: {signed.SYSTEM}, else {_HOME_SIGNERS}."
    command = click.option("--signers", metavar="FILE", help=said)(command)
    said = "Import it from a signed text; the signature is in FILE.sig."
    return click.option("--signed", "signed_file", metavar="FILE", help=said)(command)


def fit(word: Statement, kept: ContractSnapshot, code: int = exits.USAGE) -> None:
    """Check that a statement can be recorded now.

    Raises: Stop(code) when it cannot, Stop(3) when the contract takes no statement at all.
    """
    if not isinstance(word, Revoke | EscalationAnswer):
        answerable(kept)
    if why := unfit(word, kept.case, kept.log, utcnow()):
        raise Stop(code, f"{why}. Nothing was recorded")


def take(at: ContractSession, word: Statement) -> int:
    """Record a statement and print it."""

    def make(kept: ContractSnapshot) -> list[Record]:
        fit(word, kept, exits.PERSON)  # the contract may have changed while the user answered
        return [word]

    at.add(make)
    if isinstance(word, Revoke) and word.grant == ALL:
        store.unpin_file(at.place)
    echo(f"{summary(word)} by {word.by} (assurance: {store.assured(word)})")
    return exits.OK


def imported(at: ContractSession, path: str, signers: str | None) -> int:
    """Import the signed statement of a file.

    Anyone may run this: what counts is who signed the text.
    """
    command = _alone()
    # An agent could choose its own list of signers: only you may name another one.
    if signers is not None:
        a_person(at, None)
    chosen = signers or (signed.SYSTEM if os.path.exists(signed.SYSTEM) else _home_signers())
    text, signature = (_bytes(name) for name in (path, f"{path}.sig"))
    word = signed.statement(text, signature, chosen, home=at.place.home, run=at.place.run)
    if isinstance(word, str):
        raise Stop(exits.PERSON, f"{path}: {word}. Nothing was recorded")
    if (right := _COMMANDS[word.record]) != command:
        raise Stop(
            exits.USAGE,
            f"{path} says that {summary(word)}. Import it with: correctless contract {right} --signed {path}",
        )
    return take(at, word)


def _alone() -> str:
    """Return the name of the command; refuse options that a signed text replaces."""
    context = click.get_current_context()
    for parameter in context.command.params:
        given = context.get_parameter_source(str(parameter.name)) is ParameterSource.COMMANDLINE
        if given and parameter.name not in ("signed_file", "signers", "run_id"):
            raise click.UsageError(
                f"a signed text has all values. Leave out {parameter.get_error_hint(context)}"
            )
    return str(context.command.name)


def _home_signers() -> str:
    import pwd

    # Not $HOME: an agent sets its own environment.
    return os.path.join(pwd.getpwuid(os.getuid()).pw_dir, _HOME_SIGNERS[2:])


def _bytes(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(1 << 17)
    except OSError as error:
        raise Stop(
            exits.REFUSED,
            f"{path} cannot be read: {error.strerror}. Name the signed text, with its signature beside it",
        ) from None
