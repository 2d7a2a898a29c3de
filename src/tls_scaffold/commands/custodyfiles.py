"""The files of a CA that options name, read and checked before anything is written."""

from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from tls_scaffold.commands import remoteca
from tls_scaffold.disk.files import telling
from tls_scaffold.disk.plainfiles import content, plain
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory.custody import Custody, KeyPlace
from tls_scaffold.inventory.custodywords import CustodyWords
from tls_scaffold.inventory.intake import of_data
from tls_scaffold.inventory.values import Inventory
from tls_scaffold.paths import CA
from tls_scaffold.signing import broughtca, pins, signer
from tls_scaffold.signing.broughtca import BroughtCA


def settled(
    inventory: Inventory, held: CustodyWords, folder: Path
) -> tuple[Inventory, BroughtCA | None]:
    """Return the inventory of a new folder with its CA's pin, and the CA that is brought to it.

    Raises ScaffoldError where that can be no CA of etcd's, or is another than the inventory's pin.
    """
    if held.key and not held.certificate:
        raise ScaffoldError(
            "`--ca-key` names the key of a CA, and no certificate of it is named",
            hint="`--ca FILE` brings the certificate",
        )
    brought = read_brought(held)
    if not brought and inventory.ca.key is KeyPlace.REMOTE:
        brought = remoteca.fetch_certificate(inventory.ca, folder)
    if not brought:
        return inventory, None
    return replace(inventory, ca=_pinned(inventory.ca, brought)), brought


def changed(old: Inventory, held: CustodyWords, brought: BroughtCA | None) -> Inventory:
    """Return the inventory of a folder whose CA is held otherwise from now on.

    Every mistake of the options is told as one of the inventory; raises ScaffoldError with them.
    """
    if not held.are_said and not brought:
        return old
    custody = held.changed(old.ca)
    if brought:
        custody = _placed(custody, brought)
    new = replace(old, ca=custody, peer_ca=old.peer_ca or bool(held.peer_ca))
    return of_data(new.document(), users_are_enough=True)


def brought_to(folder: Path, inventory: Inventory, held: CustodyWords) -> BroughtCA | None:
    """Return what is brought to a folder that is there: a CA, or the key of the one that it has.

    A remote CA is asked for its certificate where that is not pinned yet, or not to be found any
    more. Raises ScaffoldError where that can be no CA of etcd's, or where the key is another's.
    """
    if held.key and not held.certificate:
        there = content(folder, CA)
        return broughtca.key_of(there, _content(held.key), CA, held.key)
    custody = held.changed(inventory.ca)
    brought = read_brought(held)
    if brought or custody.key is not KeyPlace.REMOTE:
        return brought
    is_known = inventory.ca.key is KeyPlace.REMOTE and bool(inventory.ca.sha256)
    if is_known and pins.can_be_found(folder, custody):
        return None
    return remoteca.fetch_certificate(pins.with_known_pin(folder, custody), folder)


def read_brought(held: CustodyWords) -> BroughtCA | None:
    """Return the CA in the files that options name; None where they name no certificate.

    Raises ScaffoldError where one can't be read, or can be no CA of etcd's.
    """
    if not held.certificate:
        return None
    certificate = _content(held.certificate)
    key = _content(held.key) if held.key else b""
    return broughtca.take_apart(certificate, key, signer.utc_now(), held.certificate, held.key)


def digest(held: CustodyWords) -> str:
    """Return a sum by which two runs with the same options are known to be the same."""
    return sha256(repr(held).encode("utf-8", "surrogatepass")).hexdigest()


def _content(path: str) -> bytes:
    with telling(path, "read"):
        return plain(Path(path), path)


def _pinned(custody: Custody, brought: BroughtCA) -> Custody:
    """Return the custody of a new folder with the pin of the CA that is brought to it."""
    if custody.sha256 and custody.sha256 != brought.sha256:
        raise ScaffoldError(
            "the CA that is brought is another than the inventory has",
            [f"its SHA-256 is {brought.sha256}, and `ca.sha256` says {custody.sha256}"],
        )
    return _placed(custody, brought)


def _placed(custody: Custody, brought: BroughtCA) -> Custody:
    """Return the custody with the pin of what is brought, and whether its key is encrypted."""
    if brought.certificate:
        custody = replace(custody, sha256=brought.sha256)
    if brought.is_encrypted and custody.key is KeyPlace.FOLDER:
        custody = replace(custody, key=KeyPlace.ENCRYPTED)
    return custody
