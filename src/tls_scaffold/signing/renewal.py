"""A folder's CAs signed again with their own keys: all that they signed goes on being valid."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tls_scaffold.disk.files import create, telling, write
from tls_scaffold.disk.folder import make_shelf
from tls_scaffold.disk.healing import new_set
from tls_scaffold.disk.issued import ca_path
from tls_scaffold.disk.obstacles import check_replaceable
from tls_scaffold.disk.plainfiles import plain, plain_or_empty
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.makefiles.gencert import Signing
from tls_scaffold.paths import (
    CA,
    CA_KEY,
    CA_KEYS,
    CERTIFICATE_ENDING,
    CERTS,
    TRUSTS,
)
from tls_scaffold.signing import authority, certificates, matching, signer
from tls_scaffold.signing.capassword import CAPassword
from tls_scaffold.signing.certificates import Certificate
from tls_scaffold.signing.record import Record
from tls_scaffold.signing.recordcompletion import record_valid_pairs
from tls_scaffold.spelling import MINUTE

BROUGHT_ANEW = "`tls-scaffold sync --ca FILE` brings the new certificate"


@dataclass(frozen=True)
class Renewed:
    """A CA's certificate that was, the one that is, and where the former is kept.

    `path` is where it is. `ending_with_old` are the certificates, by their paths, that end with the
    old one. `has_new_trust` is false where the file that others trust did not hold that alone.
    """

    path: str
    old: Certificate
    new: Certificate
    archived: str
    ending_with_old: tuple[str, ...]
    has_new_trust: bool

    @property
    def trust(self) -> str:
        """What others have to trust, by its path."""
        return TRUSTS[self.path]


@dataclass(frozen=True)
class _Successor:
    """A CA of `certs/`, by its path, with its certificates before and after."""

    path: str
    old: Certificate
    old_pem: bytes
    new: Certificate
    has_new_trust: bool


@dataclass(frozen=True)
class _Pair:
    """What a line asks for, and what lies there; nothing of what is missing."""

    signing: Signing
    certificate: bytes
    key: bytes

    @property
    def path(self) -> str:
        return self.signing.certificate_path

    def read(self) -> Certificate | None:
        """Return the certificate, None where it can't be read."""
        return certificates.read_or_none(self.certificate)


def renew_cas(
    folder: Path,
    cas: Sequence[str],
    signings: Sequence[Signing],
    password: CAPassword,
    now: datetime,
) -> tuple[Renewed, ...]:
    """Sign CAs of `certs/`, by their paths, again; nothing is signed again because of that.

    `signings` are what the folder asks for. The folder's lock is held. The old certificates go to
    the archive, and the new ones take their places there and in `trust.pem`, all at once. Raises
    ScaffoldError, before anything is written, where a CA is not whole or no root, or some of what
    it signed would not be valid any more.
    """
    if not any(os.path.lexists(folder / half) for half in (CA, CA_KEY)):
        raise ScaffoldError("there is no CA to sign again", hint="`make` makes the first one")
    if not (folder / CA_KEY).is_file():  # what is put in place all at once is known by it
        raise ScaffoldError(f"`{CA_KEY}` is missing", hint="bring it back first")
    pairs = [
        _Pair(
            each,
            plain_or_empty(folder / each.certificate_path),
            plain_or_empty(folder / each.key_path),
        )
        for each in signings
    ]
    successors = [_successor(folder, path, pairs, password, now) for path in cas]
    record_valid_pairs(folder)  # what is valid and not recorded would be signed again
    shelf = _put_on_shelf(folder, {each.path: each.old_pem for each in successors})
    record = Record(folder, folder)
    with telling(folder), new_set(folder) as made:
        notes = {}
        for each in successors:
            pem = each.new.pem
            create(made / each.path, pem)
            if each.has_new_trust:
                create(made / TRUSTS[each.path], pem)
            notes[ca_path(pem, each.path)] = pem
        # Before a CA is in place its pairs are recorded as made by it: no run signs them again.
        of_new_cas = Record(folder, made)
        renewed = [pair for pair in pairs if pair.signing.ca in cas]
        of_new_cas.note({**notes, **dict(_recorded_again(renewed, record, of_new_cas))})
    return tuple(
        Renewed(
            each.path,
            each.old,
            each.new,
            f"{shelf}/{each.path}",
            tuple(_ending_with(each.old, each.path, pairs)),
            each.has_new_trust,
        )
        for each in successors
    )


def _successor(
    folder: Path, path: str, pairs: Sequence[_Pair], password: CAPassword, now: datetime
) -> _Successor:
    """Return a CA signed again; nothing is written. Raises ScaffoldError where it can't be."""
    for name in (path, TRUSTS[path]):
        check_replaceable(folder / CERTS, Path(name).stem, [CERTIFICATE_ENDING])
    ca = authority.load_ca(folder, path, CA_KEYS[path], password.old)
    if not matching.signs_itself(ca.certificate):
        raise ScaffoldError(
            f"`{path}` is no root: another CA signed it",
            hint=f"it is signed again where that other one is; {BROUGHT_ANEW}",
        )
    begin = ca.certificate.not_before
    if now < begin:  # what is signed by such a clock would end before what there is
        raise ScaffoldError(
            f"`{path}` begins {begin:{MINUTE}}, later than this machine's clock says: "
            f"{now:{MINUTE}}",
            hint="set the clock",
        )
    new = certificates.read(signer.sign_ca_again(ca, now), path)
    _check_stay_valid(path, pairs, ca.certificate, new)
    old_pem = plain(folder / path, path)
    # Where others are trusted too, whoever put them there puts the new one beside them.
    has_new_trust = plain_or_empty(folder / TRUSTS[path]) == old_pem
    return _Successor(path, ca.certificate, old_pem, new, has_new_trust)


def _ending_with(old: Certificate, ca: str, pairs: Sequence[_Pair]) -> Iterator[str]:
    """Yield what ends with an old certificate of a CA, of what that is asked to sign."""
    for each in pairs:
        leaf = each.read() if each.signing.ca == ca else None
        if leaf and leaf.not_after == old.not_after:
            yield each.path


def _check_stay_valid(
    path: str, pairs: Sequence[_Pair], old: Certificate, new: Certificate
) -> None:
    """Raise ScaffoldError if what the old certificate of a CA signed is not valid under the new."""
    wrong = [
        f"`{each.path}` names that certificate's serial number"
        for each in pairs
        if (leaf := each.read()) and matching.signed_by(leaf, old) and leaf.names_issuers_serial
    ]
    if wrong or old.parsed.subject.public_bytes() != new.parsed.subject.public_bytes():
        raise ScaffoldError(
            f"`{path}` can't be signed again so that what it signed stays valid",
            wrong or ["its name can't be written as it is"],
            "`make regenerate` makes another CA, which everybody has to trust first",
        )


def _put_on_shelf(folder: Path, pems: Mapping[str, bytes]) -> str:
    """Put copies of old certificates, by path, into the archive and return their place there."""
    shelf = make_shelf(folder)
    with telling(shelf, "written"):
        (shelf / CERTS).mkdir(mode=0o700)
        for path, pem in pems.items():
            write(shelf / path, pem)
    return shelf.relative_to(folder).as_posix()


def _recorded_again(
    pairs: Sequence[_Pair], record: Record, of_new_ca: Record
) -> Iterator[tuple[str, bytes]]:
    """Yield what the record has of pairs, by the paths that they have with the new CA."""
    for each in pairs:
        if record.has(record.path(each.signing, each.certificate, each.key)):
            yield of_new_ca.path(each.signing, each.certificate, each.key), each.certificate
