"""`correctless schema`: the JSON Schema of a format, printed."""

from __future__ import annotations

import json

import click

from correctless.exits import OK


@click.command(epilog="Example: correctless schema config > correctless.schema.json")
@click.argument("name", type=click.Choice(["config", "notify"]))
def schema(name: str) -> int:
    """Print the JSON Schema of NAME, for editors and validators."""
    from correctless import config
    from correctless.dispatch import notify

    click.echo(json.dumps({"config": config.schema, "notify": notify.schema}[name](), indent=2))
    return OK
