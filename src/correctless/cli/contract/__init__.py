"""`correctless contract`: a run's authority drafted, granted ask by ask, and asked for; words in, words and exit codes out."""

from __future__ import annotations

from importlib import import_module

import click

# The module of each command, which is imported when it is called: an agent asks often, and waits for it.
_MODULES = {
    "draft": ("new", "lint", "surface", "diff", "schema"),
    "answer": ("answer", "revoke", "close", "reaffirm", "waive"),
    "ask": ("pin", "status", "authorize", "merge", "board"),
    "record": ("evidence", "escalate", "record", "helper", "review"),
}
_WHERE = {name: f"correctless.cli.contract.{module}" for module, names in _MODULES.items() for name in names}


class _ContractGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 click calls it so
        return list(_WHERE)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _WHERE:
            return None
        command = getattr(import_module(_WHERE[cmd_name]), cmd_name)
        if not isinstance(command, click.Command):
            raise TypeError(f"{_WHERE[cmd_name]} has no click command '{cmd_name}'")
        return command


@click.group(cls=_ContractGroup)
def contract() -> None:
    """What a run may do, granted ask by ask beforehand, and asked for each time."""
