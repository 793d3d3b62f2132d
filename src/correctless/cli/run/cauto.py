"""`correctless cauto`: a group of commands, each with a module that is imported only when it is called."""

from __future__ import annotations

from importlib import import_module

import click

# `status` and `stop` need nothing of what a start needs.
_MODULES = {
    "check": "runs",
    "demo": "runs",
    "resume": "runs",
    "run": "runs",
    "status": "standing",
    "stop": "stop",
}


class _Lazy(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 click calls it so
        return [*_MODULES]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 likewise
        module = _MODULES.get(cmd_name)
        if module is None:
            return None
        command: click.Command = getattr(import_module(f"correctless.cli.{module}"), cmd_name)
        return command


@click.group(cls=_Lazy, epilog="Example: correctless cauto run --spec docs/spec.md")
def cauto() -> None:
    """Run a pipeline of skills unattended, each in a fresh agent process."""
