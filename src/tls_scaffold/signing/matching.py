"""Whether a key or a CA fits a certificate."""

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

from tls_scaffold.errors import ScaffoldError
from tls_scaffold.signing.certificates import Certificate, key_type
from tls_scaffold.signing.keys import key_block, read_private_key, usable_key

EC_POINT_SIZES = (65, 97, 133)  # bytes of an uncompressed point on P-256, P-384 and P-521
UNCOMPRESSED = 4  # the first byte of such a point (SEC 1, 2.3.3)


def signed_by(certificate: Certificate, ca: Certificate) -> bool:
    """Tell whether `ca` signed a certificate: it names it, and its key verifies the signature.

    The hash may be one that Go refuses, of which `Certificate.weak_hash` tells.
    """
    try:
        if certificate.weak_hash:
            return _signed_with_weak_hash(certificate, ca)
        certificate.parsed.verify_directly_issued_by(ca.parsed)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _signed_with_weak_hash(certificate: Certificate, ca: Certificate) -> bool:
    """Verify what `verify_directly_issued_by` refuses to look at; it raises what that raises."""
    parsed, key = certificate.parsed, ca.public_key
    signature, content = parsed.signature, parsed.tbs_certificate_bytes
    algorithm = parsed.signature_hash_algorithm
    if algorithm is None or parsed.issuer != ca.parsed.subject:
        return False
    if isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(signature, content, ec.ECDSA(algorithm))
        return True
    if isinstance(key, rsa.RSAPublicKey):
        key.verify(signature, content, padding.PKCS1v15(), algorithm)
        return True
    return False


def signs_itself(certificate: Certificate) -> bool:
    """Tell whether a certificate is signed with its own key."""
    return signed_by(certificate, certificate)


def key_trouble(
    certificate: Certificate, pem: bytes, whose: str = "its key", *, of_ca: bool = False
) -> str:
    """Say why the private key in a PEM file can't be used beside a certificate.

    The words follow `it`, and are empty where it can: by etcd and its clients, or, of a CA, by
    cfssl, which opens an encrypted one with CFSSL_CA_PK_PASSWORD. `whose` says of what it should be
    the key.
    """
    try:
        key = read_private_key(pem, "") if of_ca else usable_key(pem)
    except ScaffoldError as error:
        return error.problems[0].message.removeprefix("it ")
    except ValueError as error:
        return str(error)
    return _difference(certificate, key.public_key(), whose)


def _difference(certificate: Certificate, key: PublicKeyTypes, whose: str) -> str:
    if key == certificate.public_key:
        return ""
    found, asked = key_type(key), certificate.key
    kinds = "" if found == asked else f": it is of the type {found}, and that has {asked}"
    return f"is not {whose}{kinds}"


def key_fits(certificate: Certificate, pem: bytes) -> bool:
    """Tell whether a private key in PEM is the one of a certificate; False too if it can't be read.

    An encrypted key is opened with CFSSL_CA_PK_PASSWORD, as cfssl does.
    """
    return not key_trouble(certificate, pem, of_ca=True)


def key_seems_to_fit(certificate: Certificate, pem: bytes) -> bool:
    """Tell whether an EC key's PEM names the certificate's public key; of others as `key_fits`.

    Where it fits it takes a tenth of the time of `key_fits`, and it finds every key that was
    swapped, cut or lost. A PEM may hold no public key, or a compressed one.
    """
    return holds_point(certificate, pem) or key_fits(certificate, pem)


def holds_point(certificate: Certificate, pem: bytes) -> bool:
    """Tell whether the PEM of an EC key, in the form of SEC 1, holds a certificate's public key."""
    block = key_block(pem)
    if not block or block.label != b"EC PRIVATE KEY":
        return False
    # The point stands last in the structure (RFC 5915, 3). What is encrypted holds none.
    for size in EC_POINT_SIZES:
        point = block.der[-size:]
        if len(block.der) > size and point[0] == UNCOMPRESSED and point in certificate.der:
            return True
    return False
