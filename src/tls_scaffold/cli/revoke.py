"""`tls-scaffold revoke` on the command line."""

from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tls_scaffold.cli.capassword import asking
from tls_scaffold.cli.completion import component_names, offering, one_of
from tls_scaffold.cli.keeping import tell_next
from tls_scaffold.cli.options import divided, filled, json_option, option
from tls_scaffold.cli.terminal import give, give_json, say_line, warn
from tls_scaffold.cli.verbs import Verb
from tls_scaffold.signing.revocations import OF_LEAVES
from tls_scaffold.spelling import escaped

if TYPE_CHECKING:
    from tls_scaffold.commands.revoke import Done


@click.command(cls=Verb)
@click.argument(
    "words",
    nargs=-1,
    metavar="[NAME|SERIAL|FILE.pem]…",
    callback=divided,
    shell_complete=offering(component_names),
)
@option(
    "--reason",
    type=click.Choice(OF_LEAVES, case_sensitive=False),
    default=OF_LEAVES[0],
    metavar="R",
    shell_complete=one_of(*OF_LEAVES),
    help=f"Why, as RFC 5280 calls it: {', '.join(OF_LEAVES)}",
)
@option("--sign-again", is_flag=True, help="First give whoever shows it now a new pair")
@option(
    "--force",
    is_flag=True,
    help="Also what members or root show now, which shuts them out, and numbers that nothing has",
)
@option(
    "--crl",
    "brought",
    metavar="FILE",
    callback=filled,
    help="Put the list in FILE, which was made where the CA's key is, into certs/",
)
@option("--serials", is_flag=True, help="Print the serial numbers for `cfssl gencrl`, in decimal")
@option("--dry-run", is_flag=True, help="Say what would be revoked, write nothing")
@json_option
@click.pass_obj
def revoke(  # noqa: PLR0913 - its options
    folder: Path,
    /,
    words: tuple[str, ...],
    reason: str,
    brought: str,
    *,
    sign_again: bool,
    force: bool,
    serials: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Have members refuse certificates that are still valid.

    For a NAME, of today or gone, these are all that were ever signed here; otherwise the one with
    that SERIAL number, or in that file. They go into revoked.tsv, which belongs in git, and from
    there into certs/crl.der, which members look into at each handshake. Without an argument the
    list is made again from revoked.tsv, where it lacks something. What members or root show now is
    refused without --force: they would be shut out. Nothing comes off the list again: a new pair
    has another number.
    """
    from tls_scaffold.commands import revoke as command
    from tls_scaffold.signing.capassword import CAPassword

    is_named = bool(words) or sign_again or dry_run
    if (brought or serials) and (is_named or (brought and serials)):
        raise click.UsageError("`--crl` and `--serials` each go alone")
    if serials and as_json:
        raise click.UsageError("`--json` and `--serials` exclude each other")
    now = datetime.now(timezone.utc).replace(microsecond=0)
    if serials:
        give(command.serials(folder, now))
    elif brought:
        _tell(command.bring(folder, brought, now, force=force), as_json=as_json)
    else:
        asked = command.Asked(words, reason, force, sign_again, dry_run)
        _tell(command.revoke(folder, asked, CAPassword(asking()), now), as_json=as_json)


def tell(done: "Done") -> None:
    """Print what was revoked, and what that does not stop."""
    from tls_scaffold.commands import revoketold

    for line in revoketold.sentences(done):
        say_line(line)
    for line in revoketold.follows(done):
        warn(escaped(line))


def _tell(done: "Done", *, as_json: bool) -> None:
    if as_json:
        from tls_scaffold.commands import revoketold

        give_json(revoketold.to_json(done, revoketold.result(done)))
    else:
        tell(done)
        if done.next:
            tell_next(done.next)
    click.get_current_context().exit(done.exit_code)
