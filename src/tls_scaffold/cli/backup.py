"""`tls-scaffold backup` on the command line."""

from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tls_scaffold.cli.options import file_option, json_option, option
from tls_scaffold.cli.passphrases import ask_for_passphrase, read_passphrase
from tls_scaffold.cli.terminal import give_json, talk_line, warn
from tls_scaffold.cli.verbs import Verb
from tls_scaffold.errors import UsageError
from tls_scaffold.spelling import escaped

if TYPE_CHECKING:
    from tls_scaffold.signing.agefiles import Lock

KEYS = ("age1", "age-secret-key-", "ssh-ed25519 ", "ssh-rsa ")
OTHERWISE = "say who may open it: `--to age1…`, or `--passphrase-file FILE`"


@click.command(cls=Verb)
@click.argument("target", metavar="FILE", type=click.Path(path_type=Path))
@option(
    "--to",
    multiple=True,
    metavar="KEY",
    help="Let this public key open it: `age1…`, `ssh-ed25519 …`, or a file of such; may be "
    "repeated",
)
@file_option(
    "--passphrase-file",
    text="Let the passphrase in FILE open it (without this and --to one is asked for)",
)
@json_option
@click.pass_obj
def backup(
    folder: Path, /, target: Path, to: tuple[str, ...], passphrase_file: str, *, as_json: bool
) -> None:
    """Put the folder's state, its keys too, into one encrypted file.

    age opens it as well: `age -d FILE | tar t`. An older backup of this folder is replaced, any
    other file is not.
    """
    from tls_scaffold.commands import backup as command
    from tls_scaffold.commands.results import Result
    from tls_scaffold.signing.agefiles import require_library

    require_library()  # before anything is asked
    made = command.backup(folder, target, _lock(to, passphrase_file), datetime.now(timezone.utc))
    if as_json:
        done = Result("backup", str(folder), changed=True, warnings=made.warnings)
        give_json(done.to_json({"file": str(target), "files": made.count}))
        return
    for warning in made.warnings:
        warn(escaped(warning))
    talk_line(f"wrote {target}: {made.count} files of `{folder}`, encrypted")


def _lock(to: tuple[str, ...], passphrase_file: str) -> "Lock":
    from tls_scaffold.inventory.formats import read
    from tls_scaffold.signing.agefiles import Lock, locked_for

    if to and passphrase_file:
        raise UsageError("`--to` and `--passphrase-file` exclude each other: age takes one of them")
    if to:
        return locked_for([("--to", word) if _is_key(word) else (word, read(word)) for word in to])
    if passphrase_file:
        return Lock(passphrase=read_passphrase(passphrase_file, is_new=True))
    return Lock(passphrase=ask_for_passphrase(twice=True, otherwise=OTHERWISE))


def _is_key(word: str) -> bool:
    """Tell a public key, or a private one that is typed by mistake, from the path of a file."""
    return word.lower().startswith(KEYS)
