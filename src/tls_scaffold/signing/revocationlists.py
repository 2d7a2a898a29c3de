"""Certificate revocation lists: made, or whether a file is one, and whose."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding

from tls_scaffold.signing.certificates import Certificate
from tls_scaffold.signing.issuer import CA
from tls_scaffold.signing.keys import signature_hash


def make_crl(serial_numbers: Iterable[int], ca: CA, now: datetime, life: timedelta) -> bytes:
    """Return a CRL in DER that names what a CA revokes `now`, as `cfssl gencrl` makes it.

    It has no number, and is to be made again before its life is over.
    """
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(ca.name)
        .last_update(now)
        .next_update(now + life)
    )
    if ca.certificate.key_id:
        named = x509.AuthorityKeyIdentifier(ca.certificate.key_id, None, None)
        builder = builder.add_extension(named, critical=False)
    for number in serial_numbers:
        revoked = x509.RevokedCertificateBuilder().serial_number(number).revocation_date(now)
        builder = builder.add_revoked_certificate(revoked.build())
    # Go's crypto/x509 chooses SHA-256 for any key of RSA, where cfssl says nothing.
    is_rsa = isinstance(ca.key, rsa.RSAPrivateKey)
    algorithm = hashes.SHA256() if is_rsa else signature_hash(ca.key)
    return builder.sign(ca.key, algorithm).public_bytes(Encoding.DER)


def is_crl(der: bytes) -> bool:
    """Tell whether `der` is a certificate revocation list in DER, the one form every etcd reads."""
    try:
        x509.load_der_x509_crl(der)
    except (ValueError, TypeError):
        return False
    return True


def is_crl_of(der: bytes, cas: Iterable[Certificate]) -> bool:
    """Tell whether one of these CAs signed a CRL in DER."""
    crl = x509.load_der_x509_crl(der)
    return any(_signed_crl(ca, crl) for ca in cas)


def names_serial(der: bytes, certificate: Certificate) -> bool:
    """Tell whether a CRL in DER names a certificate's number; False where it is none.

    etcd looks at numbers alone, whoever signed the list.
    """
    try:
        crl = x509.load_der_x509_crl(der)
    except (ValueError, TypeError):
        return False
    number = certificate.parsed.serial_number
    return crl.get_revoked_certificate_by_serial_number(number) is not None


def next_update(der: bytes) -> datetime | None:
    """Return when the list that follows a CRL in DER is to be there, in UTC.

    None where it does not say so, or is no such list.
    """
    try:
        return x509.load_der_x509_crl(der).next_update_utc
    except (ValueError, TypeError):
        return None


def _signed_crl(ca: Certificate, crl: x509.CertificateRevocationList) -> bool:
    try:
        return crl.is_signature_valid(ca.public_key)  # type: ignore[arg-type]
    except (TypeError, ValueError, UnsupportedAlgorithm):  # a key of another kind signed it
        return False
