"""Whether the CA of a folder is the one that its inventory pins, and that one out of the record."""

import os
from dataclasses import replace
from pathlib import Path, PurePosixPath

from tls_scaffold.disk.files import telling
from tls_scaffold.disk.healing import TRUSTED, put_cas
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory.custody import Custody, KeyPlace
from tls_scaffold.paths import CA, CERTS, TRUST
from tls_scaffold.signing import certificates, matching
from tls_scaffold.signing.certificates import Certificate
from tls_scaffold.signing.custodies import custody_of
from tls_scaffold.signing.foldercas import recorded_cas


def mismatched_pin(ca: Certificate, custody: Custody) -> str:
    """Say that a CA is another than the one that is pinned; empty if it is that, or none is."""
    if not custody.pins_another(ca.sum):
        return ""
    return (
        f"`{CA}` is not the CA that `tls-scaffold.json` pins: its SHA-256 is `{ca.sum}`, and"
        f" `{custody.sha256}` is pinned"
    )


def check_pin(ca: Certificate, custody: Custody) -> None:
    """Raise ScaffoldError if a CA is another than the one that is pinned."""
    if problem := mismatched_pin(ca, custody):
        raise ScaffoldError(problem, hint="put the one that is pinned back: nothing is signed")


def with_known_pin(folder: Path, custody: Custody) -> Custody:
    """Return a custody that pins the CA that a folder has, where it pins none yet."""
    if custody.sha256:
        return custody
    ca = certificates.read_at(folder / CA)
    return replace(custody, sha256=ca.sum) if ca else custody


def can_be_found(folder: Path, custody: Custody) -> bool:
    """Tell whether the CA's certificate is in its place, or can be put there from the record."""
    return (folder / CA).exists() or _pinned_in_record(folder, custody) is not None


def restore_pinned_ca(folder: Path) -> bool:
    """Put a remote CA's certificate back where the record has it, as after a clone.

    Returns whether it was. The folder's lock is held.
    """
    custody = custody_of(folder)
    if custody.key is not KeyPlace.REMOTE or (folder / CA).exists():
        return False
    pem = _pinned_in_record(folder, custody)
    if pem:
        files = {PurePosixPath(CA).name: pem}
        if not os.path.lexists(folder / TRUST):  # which may hold more than the CA
            files[TRUSTED] = pem
        with telling(folder / CERTS, "written"):
            put_cas(folder, files)
    return bool(pem)


def _pinned_in_record(folder: Path, custody: Custody) -> bytes | None:
    """Return the certificate of the CA that is pinned, out of the record.

    That of one below another CA is not enough: what everybody trusts is not known then.
    """
    for ca in recorded_cas(folder, CA).values():
        if ca.sum == custody.sha256 and matching.signs_itself(ca):
            # That one alone: what else stands in the file came with the clone, and is not pinned.
            return ca.pem
    return None
