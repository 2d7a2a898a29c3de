"""Whether a key, a CA or a host fits a certificate."""

from dataclasses import dataclass
from enum import Enum

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

from tls_scaffold.errors import ScaffoldError
from tls_scaffold.signing.certificates import Certificate, key_type
from tls_scaffold.signing.keys import LockedKeyError, usable_ca_key, usable_key
from tls_scaffold.spelling import canonical_address, is_wildcard

OLD_HASHES = ("md5", "sha1")


def signed_by(certificate: Certificate, ca: Certificate) -> bool:
    """Tell whether `ca` signed a certificate: it names it, and its key verifies the signature.

    The hash may be one that Go refuses, of which `Certificate.unverified_by_go` tells.
    """
    try:
        digest = certificate.parsed.signature_hash_algorithm
        if digest and digest.name in OLD_HASHES:
            return _signed_with_old_hash(certificate, ca)
        certificate.parsed.verify_directly_issued_by(ca.parsed)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _signed_with_old_hash(certificate: Certificate, ca: Certificate) -> bool:
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


class KeyFault(Enum):
    """What keeps a private key from being used beside a certificate."""

    UNREADABLE = "it can't be read"
    LOCKED = "it is encrypted, and whose it is can't be seen"
    ANOTHER = "it is another's"


@dataclass(frozen=True)
class KeyTrouble:
    """Why a private key can't be used beside a certificate; the words follow `it`."""

    fault: KeyFault
    words: str


def find_key_trouble(
    certificate: Certificate, pem: bytes, whose: str = "its key", *, of_ca: bool
) -> KeyTrouble | None:
    """Return why the private key in a PEM file can't be used beside a certificate.

    None where it can: by etcd and its clients, or, of a CA, by cfssl, which opens an encrypted one
    with CFSSL_CA_PK_PASSWORD. `whose` says of what it should be the key.
    """
    try:
        key = usable_ca_key(pem) if of_ca else usable_key(pem)
    except LockedKeyError as error:
        return KeyTrouble(KeyFault.LOCKED, str(error))
    except ValueError as error:
        return KeyTrouble(KeyFault.UNREADABLE, str(error))
    except ScaffoldError as error:  # of the file that is to hold the password
        return KeyTrouble(KeyFault.LOCKED, f"is encrypted: {error.without('')}")
    if key.public_key() == certificate.public_key:
        return None
    return KeyTrouble(KeyFault.ANOTHER, _difference(certificate, key.public_key(), whose))


def key_trouble(
    certificate: Certificate, pem: bytes, whose: str = "its key", *, of_ca: bool = False
) -> str:
    """Return the words of `find_key_trouble`, empty where there is no trouble."""
    trouble = find_key_trouble(certificate, pem, whose, of_ca=of_ca)
    return trouble.words if trouble else ""


def _difference(certificate: Certificate, key: PublicKeyTypes, whose: str) -> str:
    found, asked = key_type(key), certificate.key
    kinds = "" if found == asked else f": it is of the type {found}, and that has {asked}"
    return f"is not {whose}{kinds}"


def key_fits(certificate: Certificate, pem: bytes) -> bool:
    """Tell whether a private key in PEM is the one of a certificate; False too if it can't be read.

    An encrypted key is opened with CFSSL_CA_PK_PASSWORD, as cfssl does.
    """
    return find_key_trouble(certificate, pem, of_ca=True) is None


def is_for_host(certificate: Certificate, host: str) -> bool:
    """Tell whether a certificate holds a host, as Go compares: a `*` is one whole first label."""
    address = canonical_address(host)
    if address:
        return any(canonical_address(each) == address for each in certificate.hosts)
    wanted = host.lower().rstrip(".")
    for each in certificate.hosts:
        name = each.lower()
        if name == wanted:
            return True
        if is_wildcard(name) and wanted.partition(".")[2] == name.partition(".")[2]:
            return True
    return False
