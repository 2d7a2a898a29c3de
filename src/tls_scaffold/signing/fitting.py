"""Whether a key or a CA fits a certificate."""

from cryptography.exceptions import InvalidSignature

from tls_scaffold.errors import ScaffoldError
from tls_scaffold.signing.certificates import Certificate
from tls_scaffold.signing.keys import private_key
from tls_scaffold.signing.pemfiles import der_of

EC_POINTS = (65, 97, 133)  # bytes of an uncompressed point on P-256, P-384 and P-521


def signed_by(certificate: Certificate, ca: Certificate) -> bool:
    """Tell whether `ca` signed a certificate: names, and the signature verified with its key."""
    try:
        certificate.parsed.verify_directly_issued_by(ca.parsed)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def names_as_issuer(certificate: Certificate, ca: Certificate) -> bool:
    """Tell whether a certificate names `ca` and its key as its issuer: a hundred times faster than `signed_by`."""
    same_key = not certificate.issuer_key_id or certificate.issuer_key_id == ca.key_id
    return same_key and certificate.parsed.issuer == ca.parsed.subject


def seems_signed_by(certificate: Certificate, ca: Certificate) -> bool:
    """Tell whether `ca` signed a certificate: by the key that it names where it names one, else by its signature.

    cfssl names the CA's key by its hash, so another CA of the same name is found without a slow look at
    each signature.
    """
    return (
        names_as_issuer(certificate, ca)
        if certificate.issuer_key_id
        else signed_by(certificate, ca)
    )


def key_fits(certificate: Certificate, pem: bytes) -> bool:
    """Tell whether a private key in PEM is the one of a certificate; False too if it can't be read.

    An encrypted key is opened with CFSSL_CA_PK_PASSWORD, as cfssl does.
    """
    try:
        key = private_key(pem, "")
    except ScaffoldError:
        return False
    return bool(key.public_key() == certificate.parsed.public_key())


def key_seems_to_fit(certificate: Certificate, pem: bytes) -> bool:
    """Tell whether the public key that an EC key's PEM carries along is the certificate's; others as `key_fits`.

    It takes a hundredth of the time where it fits, and finds every key that was swapped, cut or lost. A PEM may carry
    no public key along, or a compressed one.
    """
    try:
        der = der_of(pem, b"EC PRIVATE KEY")
    except ValueError:
        return key_fits(certificate, pem)
    if b"ENCRYPTED" in pem:
        return key_fits(certificate, pem)
    points = (der[-size:] for size in EC_POINTS if len(der) > size and der[-size] == 4)  # noqa: PLR2004 - SEC 1, 2.3.3
    return any(point in certificate.der for point in points) or key_fits(certificate, pem)
