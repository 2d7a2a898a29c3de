"""`tls-scaffold remove` on the command line."""

from pathlib import Path

import click

from tls_scaffold.cli.completion import component_names, offering
from tls_scaffold.cli.keeping import dry_run_option, tell_outcome
from tls_scaffold.cli.options import divided, json_option


@click.command()
@click.argument(
    "names",
    nargs=-1,
    required=True,
    metavar="NAME…",
    callback=divided,
    shell_complete=offering(component_names),
)
@dry_run_option
@json_option
@click.pass_obj
def remove(folder: Path, /, names: tuple[str, ...], *, dry_run: bool, as_json: bool) -> None:
    """Take components out of the folder.

    Their certificates and keys, and requests that were edited by hand, go to archive/ and are never
    deleted.
    """
    from tls_scaffold.commands import remove as command

    tell_outcome(command.remove(folder, names, dry_run=dry_run), as_json=as_json)
