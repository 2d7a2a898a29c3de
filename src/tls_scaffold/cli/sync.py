"""`tls-scaffold sync` on the command line."""

from pathlib import Path

import click

from tls_scaffold.cli.keeping import dry_run_option, tell
from tls_scaffold.cli.options import option


@click.command()
@dry_run_option
@option("--check", is_flag=True, help="Write nothing; exit 1 if the folder does not follow its inventory")
@click.pass_obj
def sync(folder: Path, /, *, dry_run: bool, check: bool) -> None:
    """Make the folder follow tls-scaffold.json.

    For after that file was edited, or tls-scaffold was upgraded. Edits made by hand stay; where both
    sides changed the same lines, your file stays and ours is written beside it as FILE.new.
    """
    from tls_scaffold.commands import sync as command
    from tls_scaffold.errors import ScaffoldError

    plan = command.sync(folder, dry_run=dry_run or check)
    if not check or dry_run:
        tell(plan, dry_run=dry_run)
    if check and not plan.done:
        raise ScaffoldError(
            f"`{folder}` does not follow its inventory",
            [f"{step.path}" for step in plan.steps] + [f"{path}: both sides changed it" for path in plan.conflicts],
            "`tls-scaffold sync --dry-run` shows the changes, `tls-scaffold sync` makes them",
        )
