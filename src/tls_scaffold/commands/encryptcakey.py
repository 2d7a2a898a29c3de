"""`tls-scaffold encrypt-ca-key`: the keys of the folder's CAs are encrypted from now on."""

from dataclasses import dataclass, replace
from pathlib import Path

from tls_scaffold.commands import sync
from tls_scaffold.commands.outcomes import Outcome
from tls_scaffold.commands.results import Result
from tls_scaffold.commands.rotationrefusals import check_none_is_under_way
from tls_scaffold.disk.folder import lock
from tls_scaffold.disk.locking import LOCK_SECONDS
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory import intake
from tls_scaffold.inventory.custody import KeyPlace
from tls_scaffold.inventory.custodywords import CustodyWords
from tls_scaffold.signing import keyencryption
from tls_scaffold.signing.canumbers import check_newest
from tls_scaffold.signing.capassword import CAPassword
from tls_scaffold.signing.custodies import check_followed


@dataclass(frozen=True)
class Encrypted:
    """The keys that were encrypted now, and in `warnings` which copies are in the clear.

    `outcome` is what having the inventory say so did, which tells of copies itself; None where it
    did already.
    """

    keys: tuple[str, ...]
    warnings: tuple[str, ...]
    outcome: Outcome | None = None


def encrypt_ca_key(folder: Path, password: CAPassword) -> Encrypted:
    """Encrypt the keys of a folder's CAs, and have the inventory say so.

    The password is asked for, or the environment gives it. Raises ScaffoldError, before anything is
    written, where a key is not here, is not the CA's or can't be encrypted, and without a password.
    """
    held = intake.load(folder).ca
    if not held.has_key_here:
        raise ScaffoldError(
            "the key of this folder's CA is not here: there is nothing to encrypt",
            hint="encrypt it where it is",
        )
    with lock(folder, wait=LOCK_SECONDS):
        check_followed(folder)
        check_newest(folder)
        check_none_is_under_way(folder)
        cas = keyencryption.clear_ca_keys(folder, password)
        for path, ca in cas.items():
            keyencryption.encrypt_ca_key(folder, path, ca, password.new())
    if held.key is KeyPlace.ENCRYPTED:
        return Encrypted(tuple(cas), tuple(keyencryption.warnings_of_copies(folder)))
    # Second: were it killed in between, the same again would go on here.
    return Encrypted(tuple(cas), (), sync.sync(folder, held=CustodyWords(encrypt=True)))


def result(folder: Path, encrypted: Encrypted) -> Result:
    """Return what was done in the shape that all commands share."""
    done = encrypted.outcome.result() if encrypted.outcome else Result("", str(folder))
    written = (*done.written, *encrypted.keys)
    return replace(
        done,
        command="encrypt-ca-key",
        changed=bool(written),
        written=written,
        warnings=(*done.warnings, *encrypted.warnings),
    )
