"""Click group that imports a command when it is called."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click
from click.shell_completion import CompletionItem

_LONGEST = 300  # characters of a sentence


class PlainGroup(click.Group):
    """Group whose help has the whole sentence of each command: click cuts it off at the end of the line."""

    def sentence(self, ctx: click.Context, name: str) -> str:
        """Return what a command does."""
        command = self.get_command(ctx, name)
        return command.get_short_help_str(limit=_LONGEST) if command is not None else ""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write each command with its sentence."""
        rows = [(name, self.sentence(ctx, name)) for name in self.list_commands(ctx)]
        if rows:  # click refuses an empty list
            with formatter.section("Commands"):
                formatter.write_dl(rows)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command of the words; an unknown one is answered with the one that is meant."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            from difflib import get_close_matches

            near = get_close_matches(args[0], self.list_commands(ctx), n=1)
            meant = f" Did you mean {near[0]}?" if near else ""
            raise click.UsageError(error.message + meant, ctx) from None


class LazyGroup(PlainGroup):
    """Group of commands by the name of their module.

    Each module has the command under its own name, with _ for -.
    """

    def __init__(self, *args: Any, modules: Mapping[str, str], **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self._modules = modules

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 click calls it so
        """Return the names of the commands."""
        return list(self._modules)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 likewise
        """Import and return a command; None for an unknown name."""
        # Checked before the import: an ImportError inside a command is not an unknown name.
        if cmd_name not in self._modules:
            return None
        module = self._modules[cmd_name]
        command = getattr(import_module(module), cmd_name.replace("-", "_"))
        if not isinstance(command, click.Command):
            raise TypeError(f"{module} has no click command '{cmd_name}'")
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return the commands and options that begin with a word; only a group's own commands are imported."""
        names = [name for name in self.list_commands(ctx) if name.startswith(incomplete)]
        commands = [CompletionItem(name, help=self.sentence(ctx, name)) for name in names]
        return [*commands, *click.Command.shell_complete(self, ctx, incomplete)]
