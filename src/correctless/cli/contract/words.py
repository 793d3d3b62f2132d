"""Statements of the operator: typed at a terminal, or imported when signed."""

from __future__ import annotations

import os
from functools import wraps
from typing import Any

import click
from click.core import ParameterSource

from correctless.base import exits
from correctless.base.clock import utcnow
from correctless.base.exits import Stop
from correctless.cli import answering
from correctless.cli.contract.options import run_option
from correctless.cli.contract.session import ContractSession, answerable, echo, open_session
from correctless.cli.values import Command, as_option, options
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


def statement_options(command: Command) -> Command:
    """Add the options of a statement; call the command with the session and the name of who answers.

    With `--signed` the signed text is imported instead.
    """

    @options(
        click.option(
            "--signed",
            "signed_file",
            metavar="FILE",
            help="Import it from a signed text; the signature is in FILE.sig.",
        ),
        click.option(
            "--signers", metavar="FILE", help=f"Who may sign; default: {signed.SYSTEM}, else {_HOME_SIGNERS}."
        ),
        run_option,
        as_option,
    )
    @wraps(command)
    def run(
        signed_file: str | None, signers: str | None, run_id: str | None, by: str | None, **values: Any
    ) -> int:
        session = open_session(run_id)
        if signed_file is not None:
            return import_signed(session, signed_file, signers)
        return int(command(session, answering(session.repo, by), **values))

    return run


def check_statement(statement: Statement, snapshot: ContractSnapshot, code: int = exits.USAGE) -> None:
    """Check that a statement can be recorded now.

    Raises: Stop(code) when it cannot, Stop(3) when the contract takes no statement at all.
    """
    if not isinstance(statement, Revoke | EscalationAnswer):
        answerable(snapshot)
    if why := unfit(statement, snapshot.case, snapshot.log, utcnow()):
        raise Stop(code, f"{why}. Nothing was recorded")


def record_statement(session: ContractSession, statement: Statement) -> int:
    """Record a statement and print it."""

    def make(snapshot: ContractSnapshot) -> list[Record]:
        # The contract may have changed while the user answered.
        check_statement(statement, snapshot, exits.PERSON)
        return [statement]

    session.add(make)
    if isinstance(statement, Revoke) and statement.grant == ALL:
        store.unpin_file(session.place)
    echo(f"{summary(statement)} by {statement.by} (assurance: {store.assured(statement)})")
    return exits.OK


def import_signed(session: ContractSession, path: str, signers: str | None) -> int:
    """Import the signed statement of a file.

    Anyone may run this: what counts is who signed the text.
    """
    command = _command_of_signed()
    # An agent could choose its own list of signers: only you may name another one.
    if signers is not None:
        answering(session.repo, None)
    chosen = signers or (signed.SYSTEM if os.path.exists(signed.SYSTEM) else _home_signers())
    text, signature = (_bytes(name) for name in (path, f"{path}.sig"))
    statement = signed.statement(text, signature, chosen, home=session.place.home, run=session.place.run)
    if isinstance(statement, str):
        raise Stop(exits.PERSON, f"{path}: {statement}. Nothing was recorded")
    if (right := _COMMANDS[statement.record]) != command:
        raise Stop(
            exits.USAGE,
            f"{path} says that {summary(statement)}. Import it with: correctless contract {right} --signed {path}",
        )
    return record_statement(session, statement)


def _command_of_signed() -> str:
    """Return the name of the command; refuse options that a signed text replaces."""
    context = click.get_current_context()
    for parameter in context.command.params:
        on_command_line = context.get_parameter_source(str(parameter.name)) is ParameterSource.COMMANDLINE
        if on_command_line and parameter.name not in ("signed_file", "signers", "run_id"):
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
