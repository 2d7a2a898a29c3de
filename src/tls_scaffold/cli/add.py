"""`tls-scaffold add` on the command line."""

from pathlib import Path
from typing import Any

import click

from tls_scaffold.cli.keeping import dry_run_option, tell_outcome
from tls_scaffold.cli.options import components, json_option


@click.command()
@components
@dry_run_option
@json_option
@click.pass_obj
def add(folder: Path, /, *, dry_run: bool, as_json: bool, **given: Any) -> None:
    """Add members, proxies or users; `make` then signs what is new.

    The options are those of `tls-scaffold new`; --proxies N adds N more. What is there just so
    already is no mistake.
    """
    from tls_scaffold.commands import add as command
    from tls_scaffold.inventory.options import Options

    options = Options(**given)
    if options == Options():
        raise click.UsageError("Nothing to add: give --members, --users, --proxy or --proxies")
    tell_outcome(command.add(folder, options, dry_run=dry_run), as_json=as_json)
