"""`tls-scaffold sync` on the command line."""

from pathlib import Path

import click

from tls_scaffold.cli.keeping import LOST, SETTLE, dry_run_option, tell
from tls_scaffold.cli.options import option

CHANGE = "`tls-scaffold sync --dry-run` shows the changes, `tls-scaffold sync` makes them"


@click.command()
@dry_run_option
@option("--check", is_flag=True, help="Write nothing; exit 1 if the folder does not follow its inventory")
@option(
    "--reset",
    metavar="FILE",
    multiple=True,
    help="Put a file back as it is rendered, whatever was done to it (what it was goes to archive/)",
)
@click.pass_obj
def sync(folder: Path, /, *, dry_run: bool, check: bool, reset: tuple[str, ...]) -> None:
    """Make the folder follow tls-scaffold.json.

    For after that file was edited, or tls-scaffold was upgraded. Edits made by hand stay; where both
    sides changed the same lines, your file stays and ours is written beside it as FILE.new.
    """
    from tls_scaffold.commands import sync as command
    from tls_scaffold.errors import ScaffoldError

    plan = command.sync(folder, reset=reset, dry_run=dry_run or check)
    if not check or dry_run:
        tell(plan, dry_run=dry_run)
    if check and not plan.done:
        raise ScaffoldError(
            f"`{folder}` does not follow its inventory",
            [f"{step.path}" for step in plan.steps]
            + [f"{path}: both sides changed it" for path in plan.conflicts]
            + [f"{path}: {LOST}" for path in plan.unsure],
            SETTLE if plan.conflicts else CHANGE,
        )
