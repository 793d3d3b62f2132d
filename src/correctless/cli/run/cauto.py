"""`correctless cauto`: the command group of runs."""

from __future__ import annotations

import click

from correctless.cli.lazy import LazyGroup

# `status` and `stop` need nothing of what a start needs.
_MODULES = {
    "check": "check",
    "demo": "demo",
    "resume": "runs",
    "run": "runs",
    "status": "status",
    "stop": "stop",
}


@click.group(
    cls=LazyGroup,
    modules={name: f"correctless.cli.run.{module}" for name, module in _MODULES.items()},
    epilog="Example: correctless cauto run --spec docs/spec.md",
)
def cauto() -> None:
    """Run a pipeline of skills unattended, each in a fresh agent process."""
