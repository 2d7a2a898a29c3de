"""What Go's crypto/x509, and so etcd and its clients, refuses a certificate for by itself."""

import re
from collections.abc import Iterable, Iterator

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.x509.oid import SignatureAlgorithmOID

from tls_scaffold.cfssl import gourl
from tls_scaffold.spelling import escaped

VERIFIED_HASHES = ("sha256", "sha384", "sha512")
MOST_RSA_BITS, LARGEST_EXPONENT = 8192, 2**31 - 1
TLS_CURVES = ("secp256r1", "secp384r1", "secp521r1")
HANDLED_EXTENSIONS = (
    x509.BasicConstraints,
    x509.CertificatePolicies,
    x509.CRLDistributionPoints,
    x509.ExtendedKeyUsage,
    x509.KeyUsage,
)
"""What each Go handles where it is critical, whatever is in it."""
LATE_EXTENSIONS = (x509.InhibitAnyPolicy, x509.PolicyConstraints)
"""What Go handles from 1.24 on: etcd 3.5 is built with older ones."""
NEVER_CRITICAL = (
    x509.AuthorityInformationAccess,
    x509.AuthorityKeyIdentifier,
    x509.SubjectKeyIdentifier,
)
"""What newer ones refuse to read as critical (RFC 5280, 4.2.1.1, 4.2.1.2 and 4.2.2.1)."""
HANDLED_NAMES = (x509.DNSName, x509.RFC822Name, x509.IPAddress, x509.UniformResourceIdentifier)


def refusal_of(certificate: x509.Certificate, key: PublicKeyTypes) -> str:
    """Say what Go refuses a certificate with this key for, in words after `it`; empty if nothing.

    Raises what `cryptography` raises where it can't read the extensions itself.
    """
    if reason := parse_error(certificate) or _why_no_key(certificate, key):
        return reason
    for each in certificate.extensions:
        if each.critical and (reason := _why_not_handled(each.value)):
            return f"has the critical extension {each.oid.dotted_string}, which {reason}"
    return ""


def parse_error(certificate: x509.Certificate) -> str:
    """Say why Go reads nothing of a certificate, wherever it is shown; as `refusal_of`."""
    if certificate.serial_number < 0:
        return f"has the serial number {certificate.serial_number}, and Go takes no negative one"
    for each in certificate.extensions:
        if isinstance(each.value, x509.SubjectAlternativeName):
            for name in unreadable_names(each.value):
                return f"has the host `{escaped(name)}`, which Go can't read"
        if each.critical and isinstance(each.value, NEVER_CRITICAL):
            oid = each.oid.dotted_string
            return f"has the critical extension {oid}, which Go does not take as a critical one"
    return ""


def unverified_signature(certificate: x509.Certificate) -> str:
    """Say what a certificate is signed with where Go verifies no such signature; else empty.

    Go verifies SHA-256, SHA-384 and SHA-512, by RSA or on a curve, and Ed25519; SHA-1 up to 1.17.
    """
    oid = certificate.signature_algorithm_oid
    if oid == SignatureAlgorithmOID.ED25519:
        return ""
    try:
        digest = certificate.signature_hash_algorithm
        way = certificate.signature_algorithm_parameters
    except (ValueError, UnsupportedAlgorithm):
        digest = way = None
    if digest and digest.name not in VERIFIED_HASHES:
        return re.sub("^sha(?!3-)", "SHA-", digest.name).upper()
    if not (digest and way):
        return f"the algorithm {oid.dotted_string}"
    if isinstance(way, padding.PSS):
        usual = padding.PSS(padding.MGF1(digest), digest.digest_size)
        return "" if way == usual else "RSA-PSS whose salt or mask does not go with its hash"
    return ""


def _why_no_key(certificate: x509.Certificate, key: PublicKeyTypes) -> str:
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name not in TLS_CURVES:
        return f"has a key on the curve {key.curve.name}, which Go's TLS does not take"
    if not isinstance(key, rsa.RSAPublicKey):
        return ""
    exponent = key.public_numbers().e
    if exponent > LARGEST_EXPONENT:
        return f"has a key of RSA with the exponent {exponent}: Go takes {LARGEST_EXPONENT} at most"
    is_shown = certificate.issuer != certificate.subject  # which a root is not
    if is_shown and key.key_size > MOST_RSA_BITS:
        return f"has a key of {key.key_size} bits of RSA: Go's TLS takes {MOST_RSA_BITS} at most"
    return ""


def unreadable_names(names: Iterable[x509.GeneralName]) -> Iterator[str]:
    """Yield the names for which Go reads nothing of a certificate."""
    for name in names:
        text = str(name.value)
        if isinstance(name, x509.UniformResourceIdentifier):
            is_read = text.isascii() and gourl.is_read_in_certificates(text)
        else:
            is_read = text.isascii() or not isinstance(name, (x509.DNSName, x509.RFC822Name))
        if not is_read:
            yield text


def _why_not_handled(extension: x509.ExtensionType) -> str:
    """Say why Go does not handle an extension, as it has to if that is critical."""
    if isinstance(extension, LATE_EXTENSIONS):
        return "Go before 1.24 does not handle"
    if isinstance(extension, x509.SubjectAlternativeName):
        # Other kinds it passes over, and an extension in which it has read nothing is unhandled.
        is_handled = any(isinstance(name, HANDLED_NAMES) for name in extension)
    elif isinstance(extension, x509.NameConstraints):
        names = (*(extension.permitted_subtrees or ()), *(extension.excluded_subtrees or ()))
        is_handled = all(isinstance(name, HANDLED_NAMES) for name in names)
    else:
        is_handled = isinstance(extension, HANDLED_EXTENSIONS)
    return "" if is_handled else "Go does not handle"
