"""`tls-scaffold schema` on the command line."""

import json

import click

from tls_scaffold.cli.terminal import give_json
from tls_scaffold.cli.verbs import Verb


@click.command(cls=Verb)
def schema() -> None:
    """Print the JSON Schema of the inventory, by which an editor helps to write one.

    It is of draft 2020-12, and holds for an inventory in YAML or TOML too. `"$schema"` in
    tls-scaffold.json may name where it lies. What only the program can see, such as a name that
    stands twice, is told at its top.
    """
    from tls_scaffold.inventory.schema import inventory_schema

    give_json(json.dumps(inventory_schema(), indent=2, ensure_ascii=False) + "\n")
