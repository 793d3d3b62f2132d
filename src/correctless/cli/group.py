"""Click group behind `correctless`; a command is imported when it is called."""

from __future__ import annotations

import click

import correctless
from correctless.base import exits
from correctless.cli import COMMANDS, module_of
from correctless.cli.lazy import LazyGroup


class _Commands(LazyGroup):
    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands without importing them."""
        rows = [(name, COMMANDS[name]) for name in self.list_commands(ctx)]
        if rows:  # click refuses an empty list
            with formatter.section("Commands"):
                formatter.write_dl(rows)

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
