"""`correctless schema`: print the JSON Schema of a format."""

from __future__ import annotations

import json

import click

from correctless.base.exits import OK


@click.command(epilog="Example: correctless schema config > correctless.schema.json")
@click.argument("name", type=click.Choice(["config", "notify", "run-contract"]))
def schema(name: str) -> int:
    """Print the JSON Schema of NAME, for editors and validators."""
    from correctless.dispatch.tell import notify
    from correctless.project import config
    from correctless.runcontract.document import contract_file

    schemas = {"config": config.schema, "notify": notify.schema, "run-contract": contract_file.schema}
    click.echo(json.dumps(schemas[name](), indent=2))
    return OK
