"""docs/cli.md: what each command's own `--help` prints, one heading a command. `scripts/regen` writes it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import click

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))

from correctless.cli import FAST, module_of
from correctless.cli.group import correctless_command

COLUMNS = 98  # as on a terminal of 100 columns
INTRODUCTION = """\
# Command line

Each command prints its part of this page with `--help`.
"""


def helps(
    command: click.Command, name: str, parent: click.Context | None = None
) -> Iterator[tuple[str, str]]:
    """Each command with the text of its help, the outer one first."""
    ctx = click.Context(command, parent, name, terminal_width=COLUMNS, **command.context_settings)
    yield ctx.command_path, command.get_help(ctx)
    if not isinstance(command, click.Group):
        return
    for each in command.list_commands(ctx):
        if parent is None and each in FAST:  # answered without click
            yield f"{name} {each}", import_module(module_of(each)).HELP.rstrip()
            continue
        inner = command.get_command(ctx, each)
        if inner is not None and not inner.hidden:
            yield from helps(inner, each, ctx)


def page() -> str:
    """The whole page."""
    parts = [INTRODUCTION]
    for path, text in helps(correctless_command, "correctless"):
        parts.append(f"{'#' * max(2, path.count(' ') + 1)} {path}\n\n```text\n{text}\n```\n")
    return "\n".join(parts)


if __name__ == "__main__":
    sys.stdout.write(page())
