"""`tls-scaffold adopt` on the command line."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tls_scaffold.cli.adoptiontable import adoption_table
from tls_scaffold.cli.columns import terminal_width
from tls_scaffold.cli.completion import below_the_folder
from tls_scaffold.cli.keeping import dry_run_option, end_on_conflicts, tell_plan, tell_summary
from tls_scaffold.cli.options import json_option, option
from tls_scaffold.cli.plansummary import few_paths
from tls_scaffold.cli.terminal import give_json, talk, talk_line, warn
from tls_scaffold.cli.verbs import Verb, work_on
from tls_scaffold.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from tls_scaffold.commands.adopted import Adoption, Taken, Understood
    from tls_scaffold.commands.adoptscript import ScriptAdopted
    from tls_scaffold.errors import Problem
    from tls_scaffold.keeping.plan import Plan


@click.command(cls=Verb)
@click.argument(
    "directory",
    default=".",
    type=click.Path(path_type=Path),
    shell_complete=below_the_folder,
)
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
@json_option
@click.pass_obj
def adopt(  # noqa: PLR0913 - its options
    folder: Path,
    /,
    directory: Path,
    script: Path | None,
    arguments: tuple[str, ...],
    pki: Path | None,
    ca: str,
    *,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Take over a folder that was made by hand.

    DIRECTORY is the current one if left out. Reads its requests, asks make what its Makefile signs,
    and writes a tls-scaffold.json that describes it; beside that only a lock, a note of what it
    read, and what keeps archive/ and certs/ out of git. Tells what it took each certificate for,
    and what `tls-scaffold sync` would write. No certificate changes, then or later, unless the
    inventory is edited. With --from-script or --pki it also writes requests, and copies
    certificates. Exits with 4 when lines of the script could not be followed.
    """
    _check_options(script, arguments, pki, ca)
    work_on(folder / directory)
    if script:
        _adopt_script(folder / directory, script, arguments, dry_run=dry_run, as_json=as_json)
    elif pki:
        _adopt_pki(folder / directory, pki, ca, dry_run=dry_run, as_json=as_json)
    else:
        _adopt_makefile(folder / directory, dry_run=dry_run, as_json=as_json)


def _adopt_makefile(folder: Path, *, dry_run: bool, as_json: bool) -> None:
    from tls_scaffold.commands import adopt as command

    done = command.adopt(folder, dry_run=dry_run)
    if as_json:
        give_json(done.to_json())
    else:
        _tell(done)
    if not dry_run:
        end_on_conflicts(done.plan)


def _check_options(
    script: Path | None, arguments: tuple[str, ...], pki: Path | None, ca: str
) -> None:
    if script and pki:
        raise UsageError("`--from-script` and `--pki` exclude each other")
    if arguments and not script:
        raise UsageError("`--argument` goes with `--from-script`")
    if ca and not pki:
        raise UsageError("`--ca` goes with `--pki`")


def _adopt_script(
    folder: Path, script: Path, arguments: tuple[str, ...], *, dry_run: bool, as_json: bool
) -> None:
    from tls_scaffold.commands import adoptscript as command

    adopted = command.adopt_script(folder, script, arguments, dry_run=dry_run)
    if as_json:
        give_json(adopted.to_json())
    else:
        _tell_taken(adopted.taken)
        tell_plan(adopted.plan, dry_run=dry_run)
        _tell_script(adopted)
        _warn(adopted.warnings)
    _end(folder, adopted.plan, dry_run=dry_run, as_json=as_json)
    if adopted.unread:
        click.get_current_context().exit(ExitCode.DRIFTED)


def _adopt_pki(folder: Path, pki: Path, ca: str, *, dry_run: bool, as_json: bool) -> None:
    from tls_scaffold.commands import adoptpki as command

    adopted = command.adopt_pki(folder, pki, ca, datetime.now(timezone.utc), dry_run=dry_run)
    if as_json:
        give_json(adopted.to_json())
    else:
        _tell_taken(adopted.taken)
        tell_plan(adopted.plan, dry_run=dry_run)
        for path, source in adopted.copied.items():
            talk_line(f"{'would copy' if dry_run else 'copied'} {source} to {path}")
        if adopted.left:
            talk("note: not taken")
            _tell_lines(adopted.left)
        _warn(adopted.warnings)
    _end(folder, adopted.plan, dry_run=dry_run, as_json=as_json)


def _end(folder: Path, plan: "Plan", *, dry_run: bool, as_json: bool) -> None:
    if not dry_run:
        end_on_conflicts(plan)
        if not as_json:
            _tell_next(folder)


def _warn(warnings: "Iterable[str]") -> None:
    for each in warnings:
        warn(each)


def _tell_next(folder: Path) -> None:
    from tls_scaffold.commands.adopted import next_command

    talk_line(f"next: `{next_command(folder)}` shows what `tls-scaffold sync` would change")


def _tell(done: "Adoption") -> None:
    _tell_understood(done.understood)
    tell_plan(done.plan, dry_run=done.dry_run)
    _warn(done.warnings)
    if not done.dry_run:
        _tell_next(done.folder)


def _tell_taken(taken: "Sequence[Taken]") -> None:
    for line in adoption_table(taken, terminal_width()):
        talk(line.rstrip())
    if not any(each.kind == "member" for each in taken):
        talk("members: none, all are users: none has hosts and a profile with `server auth`")
    missing = [each.certificate for each in taken if not each.is_there]
    if missing:
        talk(f"missing: {few_paths(missing)}: `make` signs them after `sync`")


def _tell_understood(understood: "Understood") -> None:
    _tell_taken(understood.taken)
    for line in understood.stays:
        talk_line(f"stays: {line}")
    talk("`tls-scaffold sync` would then:")
    tell_summary(understood.first_sync)


def _tell_script(adopted: "ScriptAdopted") -> None:
    if adopted.unread:
        warn("what these lines sign is not in the inventory")
        _tell_lines(adopted.unread)
    if adopted.left:
        talk("note: what make will not do")
        _tell_lines(adopted.left)


def _tell_lines(problems: "Iterable[Problem]") -> None:
    for problem in problems:
        talk_line(f"  {problem}")
