"""Certificates and the private keys that lie somewhere beside them, told by what they hold."""

from collections.abc import Mapping

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tls_scaffold.signing.certificates import Certificate
from tls_scaffold.signing.gorefusals import HANDLED_NAMES
from tls_scaffold.signing.keys import usable_key


def keys_of_certificates(
    certificates: Mapping[str, Certificate], keys: Mapping[str, bytes]
) -> tuple[dict[str, str], dict[str, str]]:
    """Return the path of each certificate's key, and why other keys can't be used, by path."""
    known: dict[bytes, str] = {}
    unusable: dict[str, str] = {}
    for path, pem in keys.items():
        public, reason = _public_half(pem)
        if reason:
            unusable[path] = reason
        else:
            known.setdefault(public, path)
    found = {
        path: known[public]
        for path, certificate in certificates.items()
        if (public := _public_bytes(certificate.public_key)) in known
    }
    return found, unusable


def has_odd_names(certificate: Certificate) -> bool:
    """Tell whether a certificate has alternative names of kinds that no request can ask for."""
    for extension in certificate.parsed.extensions:
        if isinstance(extension.value, x509.SubjectAlternativeName):
            return not all(isinstance(name, HANDLED_NAMES) for name in extension.value)
    return False


def _public_half(pem: bytes) -> tuple[bytes, str]:
    """Return the public half of a private key, or why that can't be used."""
    try:
        return _public_bytes(usable_key(pem).public_key()), ""
    except ValueError as error:
        return b"", str(error)


def _public_bytes(key: PublicKeyTypes) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
