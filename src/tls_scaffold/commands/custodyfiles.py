"""The files of a CA that options name, read and checked before anything is written."""

from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from tls_scaffold.commands import remoteca
from tls_scaffold.disk.files import telling
from tls_scaffold.disk.plainfiles import plain
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory.custody import Custody, KeyPlace
from tls_scaffold.inventory.custodywords import CustodyWords
from tls_scaffold.inventory.intake import of_data
from tls_scaffold.inventory.values import Inventory
from tls_scaffold.signing import broughtca, signer
from tls_scaffold.signing.broughtca import BroughtCA


def settled(inventory: Inventory, held: CustodyWords) -> tuple[Inventory, BroughtCA | None]:
    """Return a new folder's inventory with the pin of its CA, and the CA that is brought to it.

    Raises ScaffoldError where that can be no CA of etcd's, or is another than the inventory's pin.
    """
    if held.key and not held.certificate:
        raise ScaffoldError(
            "`--ca-key` names the key of a CA, and no certificate of it is named",
            hint="`--ca FILE` brings the certificate",
        )
    brought = read_brought(held) or _fetched(inventory.ca)
    if not brought:
        return inventory, None
    return replace(inventory, ca=_pinned(inventory.ca, brought)), brought


def changed(
    old: Inventory, held: CustodyWords, brought: BroughtCA | None
) -> tuple[Inventory, BroughtCA | None]:
    """Return the inventory of a folder whose CA is held otherwise from now on.

    Every mistake of the options is told as one of the inventory; raises ScaffoldError with them.
    """
    if not held.are_said and (old.ca.sha256 or old.ca.key is not KeyPlace.REMOTE):
        return old, brought
    custody = held.changed(old.ca)
    if not custody.sha256:
        brought = brought or _fetched(custody)
    if brought:
        custody = _pinned(custody, brought)
    new = replace(old, ca=custody, peer_ca=old.peer_ca or bool(held.peer_ca))
    return of_data(new.document(), users_are_enough=True), brought


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


def _fetched(custody: Custody) -> BroughtCA | None:
    if custody.key is not KeyPlace.REMOTE:
        return None
    pem = remoteca.fetch_certificate(custody)
    return broughtca.take_apart(pem, b"", signer.utc_now(), custody.remotes[0])


def _pinned(custody: Custody, brought: BroughtCA) -> Custody:
    """Return the custody with the pin of the CA that is brought, and where its key is."""
    if custody.sha256 and custody.sha256 != brought.sha256:
        raise ScaffoldError(
            "the CA that is brought is another than the inventory has",
            [f"its SHA-256 is {brought.sha256}, and `ca.sha256` says {custody.sha256}"],
        )
    key = custody.key
    if brought.is_encrypted and key is KeyPlace.FOLDER:
        key = KeyPlace.ENCRYPTED
    return replace(custody, sha256=brought.sha256, key=key)
