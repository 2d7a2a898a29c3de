"""`tls-scaffold adopt` on the command line."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tls_scaffold.cli.adoptiontable import adoption_table
from tls_scaffold.cli.columns import terminal_width
from tls_scaffold.cli.keeping import dry_run_option, end_on_conflicts, tell_plan, tell_summary
from tls_scaffold.cli.options import json_option
from tls_scaffold.cli.plansummary import listed
from tls_scaffold.cli.terminal import give_json, talk
from tls_scaffold.spelling import escaped

if TYPE_CHECKING:
    from tls_scaffold.commands.adopted import Adoption, Understood


@click.command()
@click.argument("directory", default=".", type=click.Path(path_type=Path))
@dry_run_option
@json_option
@click.pass_obj
def adopt(folder: Path, /, directory: Path, *, dry_run: bool, as_json: bool) -> None:
    """Take over a folder that was made by hand.

    DIRECTORY is the current one if left out. Reads its requests, asks make what its Makefile signs,
    and writes a tls-scaffold.json that describes it, and nothing else; tells what it took each
    certificate for, and what `tls-scaffold sync` would write. No certificate changes, then or
    later, unless the inventory is edited.
    """
    from tls_scaffold.commands import adopt as command

    done = command.adopt(folder / directory, dry_run=dry_run)
    if as_json:
        give_json(done.to_json())
    else:
        _tell(done)
    if not dry_run:
        end_on_conflicts(done.plan)


def _tell(done: "Adoption") -> None:
    if done.understood:
        _tell_understood(done.understood)
    tell_plan(done.plan, dry_run=done.dry_run)
    if not done.dry_run:
        talk("next: `tls-scaffold sync --dry-run` shows what `tls-scaffold sync` would change")


def _tell_understood(understood: "Understood") -> None:
    for line in adoption_table(understood.taken, terminal_width()):
        talk(line.rstrip())
    if not any(each.kind == "member" for each in understood.taken):
        talk("members: none, all are users: none has hosts and a profile with `server auth`")
    missing = [each.certificate for each in understood.taken if not each.is_there]
    if missing:
        talk(f"missing: {listed(missing)}: `make` signs them after `sync`")
    for line in understood.stays:
        talk(f"stays: {escaped(line)}")
    talk("`tls-scaffold sync` would then:")
    tell_summary(understood.first_sync)
