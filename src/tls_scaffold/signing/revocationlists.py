"""Certificate revocation lists: made, and read back: whose one is, and what it names."""

from binascii import a2b_base64
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from tls_scaffold.signing.certificates import UNREADABLE, Certificate
from tls_scaffold.signing.issuer import CA
from tls_scaffold.signing.keys import signature_hash
from tls_scaffold.signing.pemfiles import BASE64, blocks
from tls_scaffold.signing.revocations import REASONS, Revocation

LABEL = b"X509 CRL"
VERSION_2 = b"\x02\x01\x01"  # an INTEGER that is 1 (RFC 5280, 5.1)
LONG_FORM = 0x80


def make_crl(
    revoked: Iterable[Revocation], ca: CA, now: datetime, end: datetime, number: int | None = None
) -> bytes:
    """Return a CRL in DER that names what a CA revokes, as `cfssl gencrl` makes it.

    It is to be made again before its `end`. With a `number`, which grows from one to the next, it
    is as RFC 5280 asks for it.
    """
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(ca.name)
        .last_update(now)
        .next_update(end)
    )
    if ca.certificate.key_id:
        named = x509.AuthorityKeyIdentifier(ca.certificate.key_id, None, None)
        builder = builder.add_extension(named, critical=False)
    if number is not None:
        builder = builder.add_extension(x509.CRLNumber(number), critical=False)
    for each in revoked:
        builder = builder.add_revoked_certificate(_entry(each))
    # Go's crypto/x509 chooses SHA-256 for any key of RSA, where cfssl says nothing.
    is_rsa = isinstance(ca.key, rsa.RSAPrivateKey)
    algorithm = hashes.SHA256() if is_rsa else signature_hash(ca.key)
    return builder.sign(ca.key, algorithm).public_bytes(Encoding.DER)


def _entry(revoked: Revocation) -> x509.RevokedCertificate:
    builder = x509.RevokedCertificateBuilder().serial_number(revoked.serial)
    builder = builder.revocation_date(revoked.at)
    reason = x509.ReasonFlags(revoked.reason)
    if reason != x509.ReasonFlags.unspecified:  # which is not to be written (RFC 5280, 5.3.1)
        builder = builder.add_extension(x509.CRLReason(reason), critical=False)
    return builder.build()


@dataclass(frozen=True)
class RevocationList:
    """A list in DER, and what it names by serial number; times in UTC, None for what it lacks."""

    der: bytes = field(repr=False)
    by_serial: dict[int, Revocation] = field(repr=False)

    @cached_property
    def _parsed(self) -> x509.CertificateRevocationList:
        return x509.load_der_x509_crl(self.der)

    @property
    def number(self) -> int | None:
        """Which in the row of its CA's lists it is."""
        numbers = [each.value for each in self._parsed.extensions]
        return next((each.crl_number for each in numbers if isinstance(each, x509.CRLNumber)), None)

    @property
    def next_update(self) -> datetime | None:
        """Until when it counts, and another one is to come; etcd does not look at that."""
        return self._parsed.next_update_utc

    @property
    def has_version_2(self) -> bool:
        """Whether it is of the second version: etcd from 3.6 on refuses everybody beside a first.

        `openssl ca -gencrl` makes such a one where its configuration has no `crl_extensions`.
        """
        inner = self._parsed.tbs_certlist_bytes
        at = 2 + (inner[1] - LONG_FORM if inner[1] > LONG_FORM else 0)
        return inner[at:].startswith(VERSION_2)

    def is_of(self, cas: Iterable[Certificate]) -> bool:
        """Tell whether one of these CAs signed it."""
        return any(_signed(ca, self._parsed) for ca in cas)


def next_update(der: bytes) -> datetime | None:
    """Return when the list that follows a CRL in DER is to be there, in UTC.

    None where it does not say so, or is no such list.
    """
    found = read_list(der)
    return found.next_update if found else None


def _signed(ca: Certificate, crl: x509.CertificateRevocationList) -> bool:
    try:
        return crl.is_signature_valid(ca.public_key)  # type: ignore[arg-type]
    except (TypeError, ValueError, UnsupportedAlgorithm):  # a key of another kind signed it
        return False


def read_list(der: bytes) -> RevocationList | None:
    """Return the list that DER holds, the one form every etcd reads; None where it holds none."""
    try:
        parsed = x509.load_der_x509_crl(der)
        cns = parsed.issuer.get_attributes_for_oid(NameOID.COMMON_NAME)
        named = [_revocation(each, str(cns[-1].value) if cns else "") for each in parsed]
        _ = parsed.extensions, parsed.next_update_utc
    except UNREADABLE:
        return None
    return RevocationList(der, {each.serial: each for each in named})


def _revocation(entry: x509.RevokedCertificate, ca: str) -> Revocation:
    values = [each.value for each in entry.extensions]
    told = next((each.reason for each in values if isinstance(each, x509.CRLReason)), None)
    reason = told.value if told and told.value in REASONS else REASONS[0]
    return Revocation(entry.serial_number, "", ca, reason, entry.revocation_date_utc)


def der_of(raw: bytes) -> bytes:
    """Return the DER of a list in whatever form a file has it: DER, PEM, or cfssl's base64.

    What is none of them is returned as it is.
    """
    found = next((block.der for block in blocks(raw) if block.label == LABEL), b"")
    text = raw.translate(None, b" \t\r\n")
    if not found and text and BASE64.fullmatch(text):
        found = a2b_base64(text)
    return found or raw
