"""`correctless contract`: the command group of the run contract."""

from __future__ import annotations

import click

from correctless.cli.lazy import LazyGroup

# The module of each command is imported when it is called: an agent asks often, and waits for it.
_MODULES = {
    "draft": ("new", "lint", "surface", "diff", "schema"),
    "answer": ("answer", "revoke", "close", "reaffirm", "waive"),
    "ask": ("pin", "status", "authorize", "merge", "board"),
    "record": ("evidence", "escalate", "record", "helper", "review"),
}


@click.group(
    cls=LazyGroup,
    modules={
        name: f"correctless.cli.contract.{module}" for module, names in _MODULES.items() for name in names
    },
)
def contract() -> None:
    """Grant a run its actions in advance, and let it ask before each one."""
