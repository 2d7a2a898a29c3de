"""`tls-scaffold sync` on the command line."""

from pathlib import Path

import click

from tls_scaffold.cli.completion import offering, rendered_files
from tls_scaffold.cli.keeping import LOST, SETTLE, dry_run_option, note_line, tell_plan
from tls_scaffold.cli.options import option
from tls_scaffold.cli.terminal import talk
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.spelling import escaped

CHANGE = "`tls-scaffold sync --dry-run` shows the changes, `tls-scaffold sync` makes them"


@click.command()
@dry_run_option
@option(
    "--check",
    is_flag=True,
    help="Write nothing; exit 1 if the folder does not follow its inventory",
)
@option(
    "--reset",
    metavar="FILE",
    multiple=True,
    shell_complete=offering(rendered_files),
    help="Put a file back as it is rendered, whatever was done to it "
    "(what it was goes to archive/)",
)
@click.pass_obj
def sync(folder: Path, /, *, dry_run: bool, check: bool, reset: tuple[str, ...]) -> None:
    """Make the folder follow tls-scaffold.json.

    For after that file was edited, two branches were merged, or tls-scaffold was upgraded. Of the
    Makefile only the lines of components are touched, what is generated is replaced, and what was
    edited in config/ stays; where both sides changed the same value there, your file stays and ours
    is written beside it as FILE.new.
    """
    from tls_scaffold.commands import sync as command

    plan = command.sync(folder, reset=reset, dry_run=dry_run or check)
    if dry_run or not check:
        tell_plan(plan, dry_run=dry_run)
    else:
        for note in plan.notes:
            if note.verb == "kept":
                talk(escaped(note_line(note, plan.shelf)))
    if check and not plan.is_done:
        paths = [step.path for step in plan.steps if not step.path.startswith(f"{plan.shelf}/")]
        conflicts = [f"{path}: both sides changed it" for path in plan.conflicts]
        unsure = [f"{path}: {LOST}" for path in plan.unsure]
        raise ScaffoldError(
            f"`{folder}` does not follow its inventory",
            [*paths, *conflicts, *unsure],
            SETTLE if plan.conflicts else CHANGE,
        )
