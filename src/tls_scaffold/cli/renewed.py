"""`tls-scaffold renewed` on the command line, which `make renew` runs."""

from pathlib import Path

import click

from tls_scaffold.cli.options import filled, names_argument, option
from tls_scaffold.cli.terminal import say, warn
from tls_scaffold.cli.verbs import Verb


@click.command(cls=Verb)
@names_argument
# None of these comes from the environment: whoever can set a variable there runs no command here.
@click.option(
    "--hook",
    metavar="COMMAND",
    callback=filled,
    help="Run COMMAND for each bundle of what was renewed, with the bundle's path behind it",
)
@click.option("--before", is_flag=True, help="Only note NAMEs that a hook is going to be run for")
@click.option(
    "--make",
    "make_process",
    type=click.IntRange(1),
    metavar="PROCESS",
    hidden=True,
    help="The make on whose command line the hook stands",
)
@option(
    "--p12-password-file",
    "password_file",
    callback=filled,
    metavar="FILE",
    help="File that holds the password of bundles' key stores",
)
@click.pass_obj
def renewed(
    folder: Path,
    /,
    names: tuple[str, ...],
    hook: str,
    make_process: int | None,
    password_file: str,
    *,
    before: bool,
) -> None:
    """Lay out in dist/ what was renewed, and carry it on by a hook, as `make renew` does.

    The bundles of the NAMEs get the new pairs, in one step, and keep their forms and settings. With
    --hook the command is run for each bundle that was renewed and not yet carried on, by earlier
    runs too: `RENEW_HOOK` in `make renew RENEW_HOOK='…'` is this.
    """
    from tls_scaffold.commands.hooks import Hook, before_signing
    from tls_scaffold.errors import UsageError

    chosen = Hook(hook.strip(), make_process) if hook.strip() else None
    if before:
        if chosen is None:
            raise UsageError("--before is for what a `--hook` is going to be run for")
        before_signing(folder, names, chosen)
        return
    from tls_scaffold.commands import renewed as command

    for warning in command.warnings(folder, chosen):
        warn(warning)
    command.after_signing(folder, names, chosen, say, password_file)
