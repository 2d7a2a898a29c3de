"""Certificate revocation lists: whether a file is one, and whose."""

from collections.abc import Iterable

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from tls_scaffold.signing.certificates import Certificate


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


def _signed_crl(ca: Certificate, crl: x509.CertificateRevocationList) -> bool:
    try:
        return crl.is_signature_valid(ca.public_key)  # type: ignore[arg-type]
    except (TypeError, ValueError, UnsupportedAlgorithm):  # a key of another kind signed it
        return False
