"""`tls-scaffold requests`: what waits for a signature is carried to the CA's machine and back."""

from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tls_scaffold.cli.keeping import end_of_outcome, tell_change_on_the_way, tell_next
from tls_scaffold.cli.options import file_option, filled, json_option, names_argument, option
from tls_scaffold.cli.terminal import can_ask, give_json, say_line, talk, talk_line, warn
from tls_scaffold.cli.verbs import VerbGroup
from tls_scaffold.cli.waitingtable import MOST_TOLD, count_waiting, tell_made
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.spelling import RENEW_DAYS, counted, escaped, listed

if TYPE_CHECKING:
    from tls_scaffold.commands.requestimport import Imported
    from tls_scaffold.commands.requestsigning import Looked

FILE = click.Path(path_type=Path, dir_okay=False)


@click.group(cls=VerbGroup)
def requests() -> None:
    """Carry requests to the machine that has the CA's key, and its answers back.

    For a folder whose CA's key is on another machine (`new --ca-offline`). Here `make csr` and
    `requests export FILE`, on that machine `requests sign FILE --ca ca.pem --ca-key ca-key.pem`,
    and here again `requests import FILE`. Keys never leave the folder.
    """


@requests.command("make")
@names_argument
@option("--force", is_flag=True, help="Make new ones for the named components, or all")
@option(
    "--renew-days",
    type=click.IntRange(0, 99999),
    default=RENEW_DAYS,
    metavar="DAYS",
    help=f"Also for what ends within DAYS ({RENEW_DAYS})",
)
@json_option
@click.pass_obj
def make(
    folder: Path, /, names: tuple[str, ...], renew_days: int, *, force: bool, as_json: bool
) -> None:
    """Make keys and CSRs for what is missing, changed or ends soon; `make csr` does it too.

    What waits already, from the request of today, stays: it may be in a pack that is on its way.
    """
    from tls_scaffold.commands.requestmaking import make_requests

    made = make_requests(folder, names, timedelta(days=renew_days), force=force)
    if as_json:
        give_json(made.result().to_json())
    else:
        tell_made(made)


@requests.command("export")
@click.argument("file", type=FILE)
@names_argument
@json_option
@click.pass_obj
def export(folder: Path, /, file: Path, names: tuple[str, ...], *, as_json: bool) -> None:
    """Pack the CSRs that wait, or those of NAME, into FILE, a tar; no key is in it.

    An older pack of this folder is replaced, and no other file.
    """
    from tls_scaffold.commands.requestexport import export as export_pack

    done = export_pack(folder, file, names, datetime.now(timezone.utc))
    if as_json:
        give_json(done.result().to_json())
        return
    what = counted(len(done.names), "request")
    say_line(f"packed {what} into {file}: {listed(done.names, MOST_TOLD)}")
    tell_next(done.next)


@requests.command("sign")
@click.argument("file", type=FILE)
@option("--ca", type=FILE, required=True, metavar="FILE", help="The CA's certificate")
@option("--ca-key", type=FILE, required=True, metavar="FILE", help="Its private key")
@file_option(
    "--config",
    text="Profiles of the CA's own, by their names, in place of those that are asked for",
)
@file_option("--out", text="Where the answers go (NAME-signed.tar beside NAME.tar)")
@file_option(
    "--record",
    metavar="DIR",
    text="Where each signed pack is kept, to show what differs next time (issued/ of the folder)",
)
@option("--yes", is_flag=True, help="Sign without asking")
@click.pass_obj
def sign(  # noqa: PLR0913 - its options
    folder: Path,
    /,
    file: Path,
    ca: Path,
    ca_key: Path,
    *,
    config: str,
    out: str,
    record: str,
    yes: bool,
) -> None:
    """Sign a pack on the machine that has the CA's key.

    Shows first what differs from what this CA last signed for the folder that asks. The hosts are
    the asker's wish: who signs has to know whether they are theirs. A key that is encrypted is
    opened with CFSSL_CA_PK_PASSWORD.
    """
    from tls_scaffold.commands import requestsigning as command

    now = datetime.now(timezone.utc)
    looked = command.look(folder, command.Wish(file, ca, ca_key, config, out, record), now)
    _tell_looked(looked)
    if not yes:
        _ask_to_sign(looked)
    noted = command.sign(looked, now)
    say_line(f"signed {len(looked.reviewed)} into {looked.target}")
    talk_line(f"recorded in {noted}")
    talk_line(
        f"next: carry {looked.target} back, and there"
        f" `tls-scaffold requests import {looked.target.name}`"
    )


def _tell_looked(looked: "Looked") -> None:
    from tls_scaffold.commands.requestsigning import lines_of

    manifest = looked.pack.manifest
    say_line(f"asked by `{manifest.folder_name}`, id {manifest.folder_id}, {manifest.time}")
    subject = looked.ca.certificate.subject_text
    say_line(f"signed by {subject}, which ends {looked.ca.certificate.not_after:%Y-%m-%d}")
    for line in lines_of(looked.reviewed):
        say_line(line)


def _ask_to_sign(looked: "Looked") -> None:
    if not can_ask():
        raise ScaffoldError("nobody is here to be asked: nothing is signed", hint="`--yes` signs")
    count = len(looked.reviewed)
    if not click.confirm(f"sign {'this' if count == 1 else f'these {count}'}?", err=True):
        raise ScaffoldError("nothing is signed")


@requests.command("import")
@click.argument("file", type=FILE)
@names_argument
@option(
    "--ca-sha256",
    default=None,
    callback=filled,
    metavar="DIGITS",
    help="Take the CA that comes with the first pack if this is the SHA-256 of its certificate",
)
@json_option
@click.pass_obj
def import_(
    folder: Path, /, file: Path, names: tuple[str, ...], ca_sha256: str, *, as_json: bool
) -> None:
    """Put the certificates of a signed pack, or those of NAME, in their places.

    Each is checked first: key, names, usages, life, and that the folder's CA signed it. Where one
    is wrong, nothing is put in place. What a killed run began, the same one ends.
    """
    from tls_scaffold.commands.requestimport import import_pack

    digits = ca_sha256.replace(":", "").lower()
    now = datetime.now(timezone.utc)
    done = import_pack(folder, file, names, now, ca_sha256=digits, confirm=_is_confirmed)
    if as_json:
        give_json(done.result().to_json())
    else:
        _tell_imported(done)
    if done.outcome:
        end_of_outcome(done.outcome, as_json=as_json)


def _tell_imported(done: "Imported") -> None:
    if done.brings_ca:
        talk("the CA's certificate is in certs/ca.pem, and its SHA-256 in tls-scaffold.json")
    if done.outcome:
        tell_change_on_the_way(done.outcome)
    for path in done.paths:
        say_line(f"signed {path}")
        if path in done.reloads:
            say_line(f"  {done.reloads[path]}")
    for warning in done.warnings:
        warn(warning)
    if done.in_place:
        talk(f"in place already: {listed(done.in_place, MOST_TOLD)}")
    if done.waiting:
        talk(f"{count_waiting(len(done.waiting))} still: {listed(done.waiting, MOST_TOLD)}")


def _is_confirmed(subject: str, sha256: str) -> bool:
    """Ask whether the CA that a pack brings is the right one; false where nobody is here."""
    if not can_ask():
        return False
    talk(f"the pack brings the CA {escaped(subject)}\nSHA-256 {sha256}")
    return click.confirm("is that the SHA-256 that its owner told you?", err=True)
