"""`tls-scaffold adopt` on the command line."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tls_scaffold.cli.keeping import dry_run_option, end_on_conflicts, tell_plan
from tls_scaffold.cli.options import option
from tls_scaffold.cli.terminal import talk, warn
from tls_scaffold.errors import ExitCode, UsageError
from tls_scaffold.spelling import escaped

if TYPE_CHECKING:
    from tls_scaffold.commands.adoptscript import ScriptAdopted
    from tls_scaffold.errors import Problem

NEXT = "next: `tls-scaffold sync --dry-run` shows what `tls-scaffold sync` would change"


@click.command()
@click.argument("directory", default=".", type=click.Path(path_type=Path))
@option(
    "--from-script",
    "script",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Read what a shell script signs with cfssl, without running it",
)
@option(
    "--argument",
    "arguments",
    multiple=True,
    metavar="WORD",
    help="A word that the script would be called with; once for each",
)
@dry_run_option
@click.pass_obj
def adopt(
    folder: Path,
    /,
    directory: Path,
    script: Path | None,
    arguments: tuple[str, ...],
    *,
    dry_run: bool,
) -> None:
    """Take over a folder that was made by hand.

    DIRECTORY is the current one if left out. Reads its requests, asks make what its Makefile signs,
    and writes a tls-scaffold.json that describes it; `tls-scaffold sync --dry-run` then shows what
    `sync` would change. Exits with 4 when lines of the script could not be followed.
    """
    if script:
        _adopt_script(folder / directory, script, arguments, dry_run=dry_run)
        return
    if arguments:
        raise UsageError("`--argument` goes with `--from-script`")
    from tls_scaffold.commands import adopt as command

    plan = command.adopt(folder / directory, dry_run=dry_run)
    tell_plan(plan, dry_run=dry_run)
    if not dry_run:
        end_on_conflicts(plan)
        talk(NEXT)


def _adopt_script(folder: Path, script: Path, arguments: tuple[str, ...], *, dry_run: bool) -> None:
    from tls_scaffold.commands import adoptscript as command

    adopted = command.adopt_script(folder, script, arguments, dry_run=dry_run)
    tell_plan(adopted.plan, dry_run=dry_run)
    _tell_script(adopted)
    if not dry_run:
        end_on_conflicts(adopted.plan)
        talk(NEXT)
    if adopted.unread:
        click.get_current_context().exit(ExitCode.DRIFTED)


def _tell_script(adopted: "ScriptAdopted") -> None:
    listed = " ".join(map(escaped, adopted.certificates))
    talk(f"understood {len(adopted.certificates)} certificates: {listed}")
    if adopted.unread:
        warn("what these lines sign is not in the inventory")
        _tell_lines(adopted.unread)
    if adopted.left:
        talk("note: what make will not do")
        _tell_lines(adopted.left)


def _tell_lines(problems: "Iterable[Problem]") -> None:
    for problem in problems:
        talk(f"  {escaped(str(problem))}")
