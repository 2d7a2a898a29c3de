"""The files of a CA that options name, read and checked before anything is written."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from tls_scaffold.commands import remoteca
from tls_scaffold.commands.rotationrefusals import check_none_is_under_way
from tls_scaffold.disk.plainfiles import content, plain_or_empty, read_file
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory.custody import Custody, KeyPlace, custody_conflicts
from tls_scaffold.inventory.custodywords import CustodyWords
from tls_scaffold.inventory.intake import of_data
from tls_scaffold.inventory.values import LOOPBACK, SERVER_KINDS, Inventory
from tls_scaffold.keeping.plan import Note
from tls_scaffold.paths import AWAITING, CA, CA_KEY, CHAIN, PEER_CA_KEY, TRUST
from tls_scaffold.signing import broughtca, capassword, certificates, keyencryption, pins, signer
from tls_scaffold.signing.broughtca import BroughtCA
from tls_scaffold.signing.custodies import BRING_KEY
from tls_scaffold.signing.keys import encrypted_key, is_encrypted
from tls_scaffold.spelling import listed

ENCRYPTS = "whoever reads it can be any user of the cluster; `make encrypt-ca-key` encrypts it"


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
    _check_hosts(inventory, brought, held.certificate or ", ".join(inventory.ca.remotes))
    if brought.key and not inventory.ca.has_key_here:
        raise ScaffoldError("a key was brought, and the inventory says that it is elsewhere")
    if brought.key and inventory.ca.key is KeyPlace.ENCRYPTED and not is_encrypted(brought.key):
        brought = replace(brought, key=encrypted_key(brought.key))
    return replace(inventory, ca=_pinned(inventory.ca, brought)), brought


def changed(
    folder: Path, old: Inventory, held: CustodyWords, brought: BroughtCA | None
) -> Inventory:
    """Return the inventory of a folder whose CA is held otherwise from now on.

    A CA whose key leaves the folder is pinned: no other one's answers are taken for its. Every
    mistake of the options is told as one of the inventory; raises ScaffoldError with them.
    """
    if not held.are_said and not brought:
        return old
    check_none_is_under_way(folder)
    custody = held.changed(old.ca)
    if brought and brought.key and not custody.has_key_here:
        raise ScaffoldError(
            f"`{held.key}` is a key, and the CA's is elsewhere: nothing was changed",
            hint="`--ca-here` says that it is in the folder from now on",
        )
    if brought:
        _check_hosts(old, brought, held.certificate or ", ".join(custody.remotes))
        custody = _placed(custody, brought)
    if not custody.has_key_here and plain_or_empty(folder / CA_KEY):
        custody = pins.with_known_pin(folder, custody)
    new = replace(old, ca=custody, peer_ca=old.peer_ca or bool(held.peer_ca))
    return of_data(new.document(), users_are_enough=True)


def brought_to(folder: Path, inventory: Inventory, held: CustodyWords) -> BroughtCA | None:
    """Return what is brought to a folder that is there: a CA, or the key of the one that it has.

    A remote CA is asked for its certificate where that is not pinned yet, or not to be found any
    more. Raises ScaffoldError where that can be no CA of etcd's, or where the key is another's.
    """
    if held.key and not held.certificate:
        there = content(folder, CA)
        return broughtca.key_of(there, read_file(held.key), CA, held.key)
    custody = held.changed(inventory.ca)
    brought = read_brought(held)
    if brought or custody.key is not KeyPlace.REMOTE:
        return brought
    has_peer_ca = inventory.peer_ca or bool(held.peer_ca)
    if problems := list(custody_conflicts(custody, has_peer_ca=has_peer_ca)):
        raise ScaffoldError("the CA can't be held so, and no server was asked", problems)
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
    certificate = read_file(held.certificate)
    key = read_file(held.key) if held.key else b""
    return broughtca.take_apart(certificate, key, signer.utc_now(), held.certificate, held.key)


def of_key(before: Inventory, after: Inventory, held: CustodyWords) -> Iterator[str]:
    """Yield which key comes into a folder, from where, and what follows; nothing where none does.

    An encrypted one that is opened comes so too.
    """
    old, new = before.ca, after.ca
    if not new.has_key_here:
        return
    form = f"in the clear ({ENCRYPTS})" if new.key is KeyPlace.FOLDER else "encrypted"
    if held.key:
        yield f"`{CA_KEY}` is the key out of `{held.key}`, {form}; that file stays where it is"
    elif old.key is KeyPlace.ENCRYPTED and new.key is KeyPlace.FOLDER:
        keys = (CA_KEY, *((PEER_CA_KEY,) if after.peer_ca else ()))
        yield f"{listed(keys, 2)} opened with the password: {form}"
    if old.key is KeyPlace.REMOTE:
        servers = ", ".join(f"`{url}`" for url in old.remotes)
        yield (
            f"`make` signs here from now on, and asks {servers} no more: this folder's label and "
            "its keys can go there"
        )
    elif old.key is KeyPlace.OFFLINE:
        yield (
            "`make` signs here from now on what is missing, and `make renew` what ends: what waits "
            f"in `{AWAITING}/` goes to archive/, and packs that are on their way are of no use any "
            "more"
        )


def of_key_left(folder: Path, custody: Custody) -> Iterator[str]:
    """Yield that the CA's key is not as the inventory says, since nothing but that was changed."""
    key = plain_or_empty(folder / CA_KEY)
    if key and not custody.has_key_here:
        option = "--ca-offline" if custody.key is KeyPlace.OFFLINE else "--ca-remote URL"
        yield (
            f"`{CA_KEY}` is here still, and the inventory says that it is elsewhere: `tls-scaffold "
            f"sync {option}` moves it to archive/"
        )
    elif key and custody.key is KeyPlace.ENCRYPTED and not is_encrypted(key):
        yield f"`{CA_KEY}` is in the clear still: `make encrypt-ca-key` encrypts it"


def of_copies(folder: Path, custody: Custody) -> Iterator[str]:
    """Yield which keys of CAs lie in the archive in the clear where the folder's is encrypted."""
    if custody.key is KeyPlace.ENCRYPTED:
        yield from keyencryption.warnings_of_copies(folder)


def of_root(folder: Path, brought: BroughtCA) -> Iterator[str]:
    """Yield how a root takes the place of another, with another key, that is trusted in a folder.

    Who trusts the one alone refuses what is shown with the chain to the other.
    """
    old, new = (
        [each.public_key for each in certificates.read_all_or_none(pem)]
        for pem in (plain_or_empty(folder / TRUST), brought.trust)
    )
    if old and new and not any(key in old for key in new):
        yield (
            "another root is trusted from now on, and a cluster that runs breaks if members change"
            f" one after another: put the one before, of which archive/ gets a copy, into `{TRUST}`"
            " too, hand that out alone, restart everybody, hand out the certificates with their"
            " chain, and take the old root out when all have them"
        )


def warnings(custody: Custody, key: bytes, notes: Iterable[Note] = ()) -> Iterator[str]:
    """Yield what is left to do for a person when who holds the CA was said or changed.

    `key` is what is in the place of the CA's key, `notes` what became of files.
    """
    written = {note.path for note in notes if note.verb == "wrote"}
    gone = {note.path for note in notes if note.verb == "archived"}
    if TRUST in written:
        yield f"`{TRUST}` is another one now: hand it out to everybody"
    if CHAIN in written | gone:
        yield (
            "the chain behind the certificates is another one now, and nothing was signed: copy "
            "them to where they are used"
        )
    if CA_KEY in gone:
        yield f"`{CA_KEY}` went to archive/: move it from there to where it is kept now"
    if custody.own and custody.has_key_here and not key:
        yield f"its key was not brought, and without it nothing is signed: {BRING_KEY}"
    if custody.own and is_encrypted(key) and not capassword.is_given():
        not_looked_at = "the CA's key is encrypted, and whose it is was not looked at"
        yield f"{not_looked_at}: set {capassword.VARIABLE}"


def _check_hosts(inventory: Inventory, brought: BroughtCA, place: str) -> None:
    """Raise ScaffoldError where a CA may not sign for a host that a component has."""
    hosts = dict.fromkeys(host for each in inventory.components for host in each.hosts)
    servers = [each for each in inventory.components if each.kind in SERVER_KINDS]
    asked = (*(LOOPBACK if servers else ()), *hosts)
    reasons = list(brought.refused_hosts(asked)) if brought.certificate else []
    if reasons:
        raise broughtca.unfit(place, reasons)


def _pinned(custody: Custody, brought: BroughtCA) -> Custody:
    """Return the custody of a new folder with the pin of the CA that is brought to it."""
    if custody.pins_another(brought.sha256):
        raise ScaffoldError(
            "the CA that is brought is another than the inventory has",
            [f"its SHA-256 is {brought.sha256}, and `ca.sha256` says {custody.sha256}"],
        )
    return _placed(custody, brought)


def _placed(custody: Custody, brought: BroughtCA) -> Custody:
    """Return the custody with the pin of what is brought, and whether its key is encrypted."""
    if brought.certificate:
        custody = replace(custody, sha256=brought.sha256)
    if is_encrypted(brought.key) and custody.key is KeyPlace.FOLDER:
        custody = replace(custody, key=KeyPlace.ENCRYPTED)
    return custody
