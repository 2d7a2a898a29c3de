"""`tls-scaffold add` on the command line."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from tls_scaffold.cli.completion import offering, preset_names
from tls_scaffold.cli.keeping import dry_run_option, tell_outcome
from tls_scaffold.cli.lists import refuse_more_of_a_list
from tls_scaffold.cli.options import components, json_option
from tls_scaffold.cli.verbs import Verb


@click.command(cls=Verb)
@click.argument("names", nargs=-1, metavar="[USER]…", shell_complete=offering(preset_names))
@components
@dry_run_option
@json_option
@click.pass_obj
def add(
    folder: Path, /, names: tuple[str, ...], *, dry_run: bool, as_json: bool, **given: Any
) -> None:
    """Add members, proxies or users; `make` then signs what is new.

    A USER is written as for --users. The options are those of `tls-scaffold new`; --proxies N
    adds N more. What is there already, in just this form, is no mistake.
    """
    from tls_scaffold.commands import add as command
    from tls_scaffold.inventory.options import Options

    options = Options(**given)
    refuse_more_of_a_list(names, replace(options, users=()), "a user")
    options = replace(options, users=(*options.users, *names))
    if options == Options():
        raise click.UsageError(
            "Nothing to add: give USER, --members, --users, --proxy or --proxies"
        )
    tell_outcome(command.add(folder, options, dry_run=dry_run), as_json=as_json)
