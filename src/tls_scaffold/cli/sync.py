"""`tls-scaffold sync` on the command line."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tls_scaffold.cli.completion import offering, rendered_files
from tls_scaffold.cli.custody import check_words, confirmed, custody
from tls_scaffold.cli.keeping import LOST, SETTLE, dry_run_option, note_line, tell_outcome
from tls_scaffold.cli.options import crl_option, json_option, option
from tls_scaffold.cli.terminal import talk_line
from tls_scaffold.cli.verbs import Verb
from tls_scaffold.errors import ConflictError, DriftedError

if TYPE_CHECKING:
    from tls_scaffold.commands.outcomes import Outcome
    from tls_scaffold.inventory.custodywords import CustodyWords

CHANGE = "`tls-scaffold sync{0} --dry-run` shows the changes, `tls-scaffold sync{0}` makes them"


@click.command(cls=Verb)
@dry_run_option
@option(
    "--check",
    is_flag=True,
    help="Write nothing; exit 4 if the folder does not follow its inventory",
)
@option(
    "--from",
    "source",
    type=click.Path(),
    default="",
    metavar="FILE",
    help="Bring the folder to the inventory in FILE (JSON, YAML or TOML, or -)",
)
@option(
    "--reset",
    metavar="FILE",
    multiple=True,
    shell_complete=offering(rendered_files),
    help="Put a file back as it is rendered, whatever was done to it, of the Makefile the lines of "
    "components (what it was goes to archive/)",
)
@custody(has_here=True)
@crl_option
@json_option
@click.pass_obj
def sync(  # noqa: PLR0913 - its options
    folder: Path,
    /,
    source: str,
    reset: tuple[str, ...],
    held: "CustodyWords",
    *,
    crl: bool,
    dry_run: bool,
    check: bool,
    as_json: bool,
) -> None:
    """Make the folder follow tls-scaffold.json, or with --from another inventory.

    For after that file was edited, two branches were merged, or tls-scaffold was upgraded. Of the
    Makefile only the lines of components are touched, what is generated is replaced, and what was
    edited in config/ stays; where both sides changed the same value there, your file stays and ours
    is written beside it as FILE.new. With --from components that FILE lacks are removed, others
    added; a second run changes nothing. The options of the CA change who holds it: no certificate
    is signed again for that.
    """
    from tls_scaffold.commands import sync as command
    from tls_scaffold.inventory.options import Options

    if source and reset:
        raise click.UsageError("`--from` and `--reset` exclude each other")
    check_words(held)
    writes_nothing = dry_run or check
    if source:
        options = Options(crl=crl or None)
        outcome = confirmed(
            lambda words: command.sync_from(folder, source, options, words, dry_run=writes_nothing),
            held,
        )
    else:
        outcome = confirmed(
            lambda words: command.sync(
                folder, reset=reset, held=words, crl=crl, dry_run=writes_nothing
            ),
            held,
        )
    if as_json or dry_run or not check:
        tell_outcome(outcome, as_json=as_json)
    else:
        for note in outcome.plan.notes:
            if note.verb == "kept":
                talk_line(note_line(note, outcome.plan.shelf))
        for each in outcome.replaced:
            talk_line(f"note: {each}")
    if check and not outcome.is_done:
        error = _drift(outcome, source)
        if as_json:
            click.get_current_context().exit(error.exit_code)
        raise error


def _drift(outcome: "Outcome", source: str) -> DriftedError | ConflictError:
    """Return what the folder does not follow."""
    plan = outcome.plan
    marked = {each.place.path for each in outcome.unsettled}
    paths = [
        step.path
        for step in plan.steps
        if not step.path.startswith(f"{plan.shelf}/") and step.path not in marked
    ]
    conflicts = [f"{path}: both sides changed it" for path in plan.conflicts]
    unsure = [f"{path}: {LOST}" for path in plan.unsure]
    change = CHANGE.format(f" --from {shlex.quote(source)}" if source else "")
    hint = change if paths or outcome.unsettled else ""
    error = ConflictError if conflicts or unsure else DriftedError
    return error(
        f"`{outcome.folder}` does not follow {f'`{source}`' if source else 'its inventory'}",
        [*paths, *outcome.unsettled, *outcome.unread, *conflicts, *unsure],
        SETTLE if plan.conflicts else hint,
    )
