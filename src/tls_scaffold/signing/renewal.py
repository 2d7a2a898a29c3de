"""A folder's CA signed again with its own key, so that all that it signed goes on being valid."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tls_scaffold.disk.files import create, telling, write
from tls_scaffold.disk.folder import make_shelf
from tls_scaffold.disk.healing import set_with_same_key
from tls_scaffold.disk.issued import ca_path
from tls_scaffold.disk.obstacles import check_replaceable
from tls_scaffold.disk.plainfiles import plain, plain_or_empty
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.makefiles.gencert import Signing
from tls_scaffold.paths import CA, CA_KEY, CERTIFICATE_ENDING, CERTS, KEY_ENDING, TRUST
from tls_scaffold.signing import authority, certificates, matching, signer
from tls_scaffold.signing.capassword import CAPassword
from tls_scaffold.signing.certificates import Certificate
from tls_scaffold.signing.record import Record
from tls_scaffold.signing.recordcompletion import record_valid_pairs

HALVES = (CERTIFICATE_ENDING, KEY_ENDING)
BROUGHT_ANEW = "`tls-scaffold sync --ca FILE` brings the new certificate"


@dataclass(frozen=True)
class Renewed:
    """A CA's certificate that was, the one that is, and where the former is kept.

    `ending_with_old` are the certificates, by their paths, that end with the old one.
    `has_new_trust` is false where the file that others trust did not hold that alone.
    """

    old: Certificate
    new: Certificate
    archived: str
    ending_with_old: tuple[str, ...] = ()
    has_new_trust: bool = True


@dataclass(frozen=True)
class _Pair:
    """What a line asks for, and what lies there; nothing of what is missing."""

    signing: Signing
    certificate: bytes
    key: bytes

    @property
    def path(self) -> str:
        return f"{self.signing.output}{CERTIFICATE_ENDING}"

    def read(self) -> Certificate | None:
        """Return the certificate, None where it can't be read."""
        with suppress(ScaffoldError):
            return certificates.read(self.certificate, self.path)
        return None


def renew_ca(
    folder: Path, signings: Sequence[Signing], password: CAPassword, now: datetime
) -> Renewed:
    """Sign the CA of `certs/` again; nothing that `signings` ask for is signed again because of it.

    The folder's lock is held. The old certificate goes to the archive, and the new one takes its
    place there and in `trust.pem`. Raises ScaffoldError, before anything is written, where the CA
    is not whole or no root, or some of what it signed would not be valid any more.
    """
    if not any((folder / half).is_file() for half in (CA, CA_KEY)):
        raise ScaffoldError("there is no CA to sign again", hint="`make` makes the first one")
    for name in ("ca", "trust"):
        check_replaceable(folder / CERTS, name, [CERTIFICATE_ENDING])
    ca = authority.load_ca(folder, CA, CA_KEY, password.old)
    if not matching.signs_itself(ca.certificate):
        raise ScaffoldError(
            f"`{CA}` is no root: another CA signed it",
            hint=f"it is signed again where that other one is; {BROUGHT_ANEW}",
        )
    pem = signer.sign_ca_again(ca, now)
    new = certificates.read(pem, CA)
    pairs = [
        _Pair(each, *(plain_or_empty(folder / f"{each.output}{half}") for half in HALVES))
        for each in signings
    ]
    _check_stay_valid(pairs, ca.certificate, new)
    old_pem = plain(folder / CA, CA)
    # Where others are trusted too, whoever put them there puts the new one beside them.
    has_new_trust = plain_or_empty(folder / TRUST) == old_pem
    record_valid_pairs(folder)  # what is valid and not recorded would be signed again
    shelf = _put_on_shelf(folder, old_pem)
    record = Record(folder, folder)
    with telling(folder), set_with_same_key(folder) as made:
        create(made / CA, pem)
        if has_new_trust:
            create(made / TRUST, pem)
        # Before the CA is in place its pairs are recorded as made by it: no run signs them again.
        of_new_ca = Record(folder, made)
        of_new_ca.note({ca_path(pem): pem, **dict(_recorded_again(pairs, record, of_new_ca))})
    old_end = ca.certificate.not_after
    ending = (each.path for each in pairs if (leaf := each.read()) and leaf.not_after == old_end)
    return Renewed(ca.certificate, new, shelf, tuple(ending), has_new_trust)


def _check_stay_valid(pairs: Sequence[_Pair], old: Certificate, new: Certificate) -> None:
    """Raise ScaffoldError if what the old certificate of a CA signed is not valid under the new."""
    wrong = [
        f"`{each.path}` names that certificate's serial number"
        for each in pairs
        if (leaf := each.read()) and matching.signed_by(leaf, old) and leaf.names_issuers_serial
    ]
    if wrong or old.parsed.subject.public_bytes() != new.parsed.subject.public_bytes():
        raise ScaffoldError(
            f"`{CA}` can't be signed again so that what it signed stays valid",
            wrong or ["its name can't be written as it is"],
            "`make regenerate` makes another CA, which everybody has to trust first",
        )


def _put_on_shelf(folder: Path, pem: bytes) -> str:
    """Put a copy of the old certificate into the archive and return its path there."""
    shelf = make_shelf(folder)
    with telling(shelf, "written"):
        (shelf / CERTS).mkdir(mode=0o700)
        write(shelf / CA, pem)
    return (shelf / CA).relative_to(folder).as_posix()


def _recorded_again(
    pairs: Sequence[_Pair], record: Record, of_new_ca: Record
) -> Iterator[tuple[str, bytes]]:
    """Yield what the record has of pairs, by the paths that they have with the new CA."""
    for each in pairs:
        if record.has(record.path(each.signing, each.certificate, each.key)):
            yield of_new_ca.path(each.signing, each.certificate, each.key), each.certificate
