"""`correctless contract`: a run's authority drafted, granted ask by ask, and asked for; words in, words and exit codes out."""

from __future__ import annotations

import click

from correctless.cli import contract_answer, contract_ask, contract_draft, contract_record


@click.group()
def contract() -> None:
    """What a run may do, granted ask by ask beforehand, and asked for each time."""


for _command in (
    *contract_draft.COMMANDS,
    *contract_answer.COMMANDS,
    *contract_ask.COMMANDS,
    *contract_record.COMMANDS,
):
    contract.add_command(_command)
