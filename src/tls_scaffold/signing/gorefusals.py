"""What Go's crypto/x509, and so etcd and its clients, refuses a certificate for by itself."""

from collections.abc import Iterable, Iterator

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

from tls_scaffold.cfssl import gourl
from tls_scaffold.spelling import escaped

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
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name not in TLS_CURVES:
        return f"has a key on the curve {key.curve.name}, which Go's TLS does not take"
    for each in certificate.extensions:
        if isinstance(each.value, x509.SubjectAlternativeName):
            for name in unreadable_names(each.value):
                return f"has the host `{escaped(name)}`, which Go can't read"
        if each.critical and (reason := _why_not_handled(each.value)):
            return f"has the critical extension {each.oid.dotted_string}, which {reason}"
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
    if isinstance(extension, NEVER_CRITICAL):
        return "Go does not take as a critical one"
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
