"""`tls-scaffold adopt` on the command line."""

from pathlib import Path

import click

from tls_scaffold.cli.keeping import dry_run_option, end_on_conflicts, tell_plan
from tls_scaffold.cli.terminal import talk


@click.command()
@click.argument("directory", default=".", type=click.Path(path_type=Path))
@dry_run_option
@click.pass_obj
def adopt(folder: Path, /, directory: Path, *, dry_run: bool) -> None:
    """Take over a folder that was made by hand.

    DIRECTORY is the current one if left out. Reads its requests, asks make what its Makefile signs,
    and writes a tls-scaffold.json that describes it; `tls-scaffold sync --dry-run` then shows what
    `sync` would change.
    """
    from tls_scaffold.commands import adopt as command

    plan = command.adopt(folder / directory, dry_run=dry_run)
    tell_plan(plan, dry_run=dry_run)
    if not dry_run:
        end_on_conflicts(plan)
        talk("next: `tls-scaffold sync --dry-run` shows what `tls-scaffold sync` would change")
