"""`tls-scaffold remove` on the command line."""

from datetime import datetime, timezone
from pathlib import Path

import click

from tls_scaffold.cli.capassword import asking
from tls_scaffold.cli.completion import component_names, offering
from tls_scaffold.cli.keeping import dry_run_option, end_of_outcome, tell_outcome
from tls_scaffold.cli.options import divided, json_option, option
from tls_scaffold.cli.revoke import tell
from tls_scaffold.cli.terminal import give_json
from tls_scaffold.cli.verbs import Verb


@click.command(cls=Verb)
@click.argument(
    "names",
    nargs=-1,
    required=True,
    metavar="NAME…",
    callback=divided,
    shell_complete=offering(component_names),
)
@option("--revoke", is_flag=True, help="Have members refuse their certificates first")
@dry_run_option
@json_option
@click.pass_obj
def remove(
    folder: Path, /, names: tuple[str, ...], *, revoke: bool, dry_run: bool, as_json: bool
) -> None:
    """Take components out of the folder.

    Their certificates and keys, and requests that were edited by hand, go to archive/ and are never
    deleted. With --revoke all that was ever signed for them goes on the list, as by
    `tls-scaffold revoke`.
    """
    from tls_scaffold.commands import remove as command

    if revoke:
        _revoke_and_remove(folder, names, dry_run=dry_run, as_json=as_json)
    else:
        tell_outcome(command.remove(folder, names, dry_run=dry_run), as_json=as_json)


def _revoke_and_remove(
    folder: Path, names: tuple[str, ...], *, dry_run: bool, as_json: bool
) -> None:
    from tls_scaffold.commands import remove as command
    from tls_scaffold.commands import revoketold
    from tls_scaffold.commands.revoke import Done
    from tls_scaffold.signing.capassword import CAPassword

    now = datetime.now(timezone.utc).replace(microsecond=0)
    password = CAPassword(asking())
    listed, outcome = command.revoke_and_remove(folder, names, password, now, dry_run=dry_run)
    done = Done(folder, listed, going=names, dry_run=dry_run)
    if as_json:
        give_json(revoketold.to_json(done, outcome.result()))
        end_of_outcome(outcome, as_json=True)
    else:
        tell(done)
        tell_outcome(outcome, as_json=False, then=done.next)
    click.get_current_context().exit(done.exit_code)
