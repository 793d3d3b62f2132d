"""Click group behind `correctless`; a command is imported when it is called."""

from __future__ import annotations

import os
import re
from importlib import import_module

import click

import correctless
from correctless.base import exits
from correctless.cli import COMMANDS, FAST, module_of
from correctless.cli.lazy import LazyGroup

_OPTION = re.compile(r"^  (--[a-z-]+)(?:[ ]([A-Z]\S*))?", re.MULTILINE)
_COMPLETION = "_CORRECTLESS_COMPLETE"  # the variable by which a shell asks click what may come next


class _Commands(LazyGroup):
    def sentence(self, ctx: click.Context, name: str) -> str:  # noqa: ARG002 the shape of a LazyGroup
        """Return a command's line without importing it."""
        return COMMANDS[name]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command; of one that is answered without click, for a shell's completion, only its options."""
        if cmd_name not in FAST:
            return super().get_command(ctx, cmd_name)
        options = _OPTION.findall(getattr(import_module(module_of(cmd_name)), "HELP", ""))
        paths: click.Parameter = click.Argument(["paths"], nargs=-1, type=click.Path())
        return click.Command(
            cmd_name, params=[paths, *(click.Option([name], is_flag=not value) for name, value in options)]
        )

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the exit codes before the epilog."""
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(code), meaning) for code, meaning in exits.MEANING.items()])
        super().format_epilog(ctx, formatter)


def _version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        click.echo(f"correctless {correctless.__version__}")
        ctx.exit()


@click.group(
    cls=_Commands,
    modules={name: module_of(name) for name in COMMANDS},
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Example: correctless cauto run --help",
)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Show the version."
)
def correctless_command() -> None:
    """Run agents unattended, with every decision recorded.

    Nothing is published before you have confirmed the decisions that need you.
    """


def run(arguments: list[str]) -> int:
    """Run the command that `arguments` name and return its exit code.

    Not click's `main`: it ends with 1, which means findings here, when a pipe closes or a file cannot be opened.
    """
    if asked := os.environ.get(_COMPLETION):
        from click.shell_completion import shell_complete

        return shell_complete(correctless_command, {}, "correctless", _COMPLETION, asked)
    try:
        with correctless_command.make_context("correctless", list(arguments)) as context:
            code = correctless_command.invoke(context)
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.Abort:
        raise KeyboardInterrupt from None
    except click.UsageError as error:
        error.show()
        return exits.USAGE
    except click.ClickException as error:
        raise exits.Stop(exits.REFUSED, error.format_message()) from None
    return code if type(code) is int else exits.OK
