"""`tls-scaffold adopt` on the command line."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tls_scaffold.cli.keeping import dry_run_option, end_on_conflicts, tell_plan
from tls_scaffold.cli.options import option
from tls_scaffold.cli.terminal import talk, warn
from tls_scaffold.errors import ExitCode, UsageError
from tls_scaffold.spelling import escaped

if TYPE_CHECKING:
    from tls_scaffold.commands.adoptscript import ScriptAdopted
    from tls_scaffold.errors import Problem
    from tls_scaffold.keeping.plan import Plan


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
@option(
    "--pki",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Take certificates that are in DIR, such as kubeadm's or easy-rsa's pki/",
)
@option("--ca", default="", metavar="FILE", help="Which CA of DIR is meant, where it has several")
@dry_run_option
@click.pass_obj
def adopt(folder: Path, /, directory: Path, *, dry_run: bool, **given: Any) -> None:
    """Take over a folder that was made by hand.

    DIRECTORY is the current one if left out. Reads its requests, asks make what its Makefile signs,
    and writes a tls-scaffold.json that describes it; `tls-scaffold sync --dry-run` then shows what
    `sync` would change. Exits with 4 when lines of the script could not be followed.
    """
    _check_options(**given)
    target = folder / directory
    if given["script"]:
        _adopt_script(target, given["script"], given["arguments"], dry_run=dry_run)
        return
    if given["pki"]:
        _adopt_pki(target, given["pki"], given["ca"], dry_run=dry_run)
        return
    from tls_scaffold.commands import adopt as command

    plan = command.adopt(target, dry_run=dry_run)
    tell_plan(plan, dry_run=dry_run)
    _end(plan, dry_run=dry_run)


def _check_options(
    script: Path | None, arguments: tuple[str, ...], pki: Path | None, ca: str
) -> None:
    if script and pki:
        raise UsageError("`--from-script` and `--pki` exclude each other")
    if arguments and not script:
        raise UsageError("`--argument` goes with `--from-script`")
    if ca and not pki:
        raise UsageError("`--ca` goes with `--pki`")


def _end(plan: "Plan", *, dry_run: bool) -> None:
    if not dry_run:
        end_on_conflicts(plan)
        talk("next: `tls-scaffold sync --dry-run` shows what `tls-scaffold sync` would change")


def _adopt_script(folder: Path, script: Path, arguments: tuple[str, ...], *, dry_run: bool) -> None:
    from tls_scaffold.commands import adoptscript as command

    adopted = command.adopt_script(folder, script, arguments, dry_run=dry_run)
    tell_plan(adopted.plan, dry_run=dry_run)
    _tell_script(adopted)
    _end(adopted.plan, dry_run=dry_run)
    if adopted.unread:
        click.get_current_context().exit(ExitCode.DRIFTED)


def _adopt_pki(folder: Path, pki: Path, ca: str, *, dry_run: bool) -> None:
    from datetime import datetime, timezone

    from tls_scaffold.commands import adoptpki as command

    adopted = command.adopt_pki(folder, pki, ca, datetime.now(timezone.utc), dry_run=dry_run)
    tell_plan(adopted.plan, dry_run=dry_run)
    for path, source in adopted.copied.items():
        talk(escaped(f"{'would copy' if dry_run else 'copied'} {source} to {path}"))
    if adopted.left:
        talk("note: not taken")
        _tell_lines(adopted.left)
    _end(adopted.plan, dry_run=dry_run)


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
