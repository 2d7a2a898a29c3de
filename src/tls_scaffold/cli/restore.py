"""`tls-scaffold restore` on the command line."""

from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tls_scaffold.cli.completion import below_the_folder
from tls_scaffold.cli.options import file_option, json_option, option
from tls_scaffold.cli.passphrases import ask_for_passphrase, read_passphrase
from tls_scaffold.cli.terminal import can_ask, give_json, talk, talk_line, warn
from tls_scaffold.cli.verbs import Verb
from tls_scaffold.errors import ScaffoldError, UsageError
from tls_scaffold.reading import read_given
from tls_scaffold.spelling import escaped

if TYPE_CHECKING:
    from tls_scaffold.commands.restore import Restored
    from tls_scaffold.commands.restoreplan import RestorePlan
    from tls_scaffold.signing.agefiles import Key

TYPED = "`--passphrase-file FILE` names a file that holds it"
BY_KEY = "`--identity FILE` names the file of a private key, as `age-keygen` writes it"
SHOWN = 20


@click.command(cls=Verb)
@click.argument("source", metavar="FILE", type=click.Path())
@click.argument(
    "directory",
    required=False,
    type=click.Path(path_type=Path, file_okay=False),
    shell_complete=below_the_folder,
)
@option(
    "--identity",
    multiple=True,
    type=click.Path(),
    metavar="FILE",
    help="Open it with the private key in FILE; may be repeated",
)
@file_option(
    "--passphrase-file",
    text="Open it with the passphrase in FILE (left out: it is asked for)",
)
@option("--yes", is_flag=True, help="Replace what is there without asking; it goes to archive/")
@option("--dry-run", is_flag=True, help="Show what would be done, write nothing")
@json_option
@click.pass_obj
def restore(  # noqa: PLR0913 - its options
    folder: Path,
    /,
    source: str,
    directory: Path | None,
    identity: tuple[str, ...],
    passphrase_file: str,
    *,
    yes: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Bring a folder's state back from a backup.

    Into a new DIRECTORY all of it. A folder of ours that is there (left out: the current one) gets
    what git does not have: certs/ and its keys, archive/, and what its record lacks. What differs
    there goes to archive/ first. A CA that is another than the folder's is refused.
    """
    from tls_scaffold.commands import restore as command

    place = folder / directory if directory else folder
    raw = command.read_backup(source)
    files = command.files_in(raw, _key(raw, source, identity, passphrase_file), source)
    done = command.restore(place, files, lambda plan: _agreed(plan, is_sure=yes), dry_run=dry_run)
    if as_json:
        _give(done, dry_run=dry_run)
    else:
        _tell(done, dry_run=dry_run)


def _key(raw: bytes, source: str, identity: tuple[str, ...], passphrase_file: str) -> "Key":
    from tls_scaffold.disk.files import telling
    from tls_scaffold.signing.agefiles import Key, asks_for_passphrase, identities_in

    if not asks_for_passphrase(raw):
        if not identity:
            raise UsageError(f"`{source}` is opened by a private key", hint=BY_KEY)
        found = []
        for path in identity:
            with telling(path, "read"):
                found.append(identities_in(read_given(path), path))
        return Key(identities=tuple(chain.from_iterable(found)))
    if identity and not passphrase_file:
        raise UsageError(f"`{source}` is opened by a passphrase, not by a key", hint=TYPED)
    if passphrase_file:
        return Key(passphrase=read_passphrase(passphrase_file, is_new=False))
    asked = ask_for_passphrase(twice=False, otherwise=TYPED)
    return Key(passphrase=asked)


def _agreed(plan: "RestorePlan", *, is_sure: bool) -> bool:
    """Ask whether what is there may be replaced, if anything is and nobody has said so."""
    if not plan.replaced or is_sure:
        return True
    talk("it replaces, and `archive/` gets what is there:")
    for path in _few(plan.replaced):
        talk_line(f"  {path}")
    if not can_ask():
        raise ScaffoldError(
            f"it replaces {len(plan.replaced)} files, and there is no terminal to ask on: "
            "nothing was written",
            hint="`--yes` replaces them, `--dry-run` shows it all",
        )
    click.confirm("Replace them?", abort=True, err=True)
    return True


def _tell(done: "Restored", *, dry_run: bool) -> None:
    plan = done.plan
    for remark in plan.remarks:
        warn(escaped(remark))
    for path in _few(plan.stays):
        talk_line(f"stays: {path} differs from the backup's")
    for path in _few(plan.absent):
        talk_line(f"left out: {path} is for git to bring")
    would = "would restore" if dry_run else "restored"
    if not plan.files:
        talk_line(f"nothing to restore: `{done.folder}` has it all")
        return
    if dry_run:
        for file in plan.files:
            verb = "replace" if file.path in plan.replaced else "bring"
            talk_line(f"  {verb} {file.path}")
    talk_line(f"{would} {len(plan.files)} files into `{done.folder}`")
    if plan.replaced:
        where = f"in `{done.shelf}`" if done.shelf else "to go to `archive`"
        talk(f"{len(plan.replaced)} that were there are {where}")


def _give(done: "Restored", *, dry_run: bool) -> None:
    from tls_scaffold.commands.results import Result

    plan = done.plan
    result = Result(
        "restore",
        str(done.folder),
        dry_run=dry_run,
        changed=bool(plan.files) and not dry_run,
        written=tuple(sorted(each.path for each in plan.files)),
        kept=tuple(sorted(plan.stays)),
        archived=tuple(sorted(plan.replaced)),
        archive=done.shelf or None,
        warnings=plan.remarks,
    )
    give_json(result.to_json())


def _few(paths: tuple[str, ...]) -> list[str]:
    more = [f"… and {len(paths) - SHOWN} more"] if len(paths) > SHOWN else []
    return [*paths[:SHOWN], *more]
