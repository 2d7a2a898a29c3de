"""The extensions of certificates and CSRs, as Go's crypto/x509 writes them for cfssl."""

from collections.abc import Callable, Iterable, Iterator
from ipaddress import ip_address
from typing import TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtensionOID

from tls_scaffold.cfssl.profiles import PRACTICE, Policy, Profile, ca_profile
from tls_scaffold.cfssl.requests import Request
from tls_scaffold.cfssl.sans import alternative_names, kept_names
from tls_scaffold.cfssl.usages import KEY_USAGES, meanings
from tls_scaffold.signing.certificates import Certificate

KEY_USAGE_FIELDS = tuple(dict.fromkeys(KEY_USAGES.values()))
DELEGATION = x509.ObjectIdentifier("1.3.6.1.4.1.44363.44")  # Cloudflare's delegated credentials
NULL = b"\x05\x00"
# What a certificate has by its profile's field of this name alone.
OF_PROFILE_ALONE = {
    ExtensionOID.CERTIFICATE_POLICIES: "policies",
    ExtensionOID.OCSP_NO_CHECK: "ocsp_no_check",
}
Extension: TypeAlias = tuple[x509.ExtensionType, bool]
"""An extension, and whether it is critical."""
Names: TypeAlias = tuple[tuple[str, str], ...]
"""Alternative names, each with its kind, one of `sans.KINDS`."""


def of_certificate(
    profile: Profile,
    public_key: CertificatePublicKeyTypes,
    names: Names,
    brought: tuple[Extension, ...] = (),
    issuer: Certificate | None = None,
    *,
    has_subject: bool = True,
) -> Iterator[Extension]:
    """Yield what a profile gives a certificate, in the order of Go's crypto/x509.

    `names` are those of its holder, and `brought` what it takes over from its CSR, which goes
    before what would be written else; `issuer` is whose key is named.
    """
    taken = {extension.oid for extension, _ in brought}
    usual = _usual(profile, public_key, names, issuer, has_subject=has_subject)
    yield from (each for each in usual if each[0].oid not in taken)
    yield from brought
    yield from of_profile_alone(profile)


def of_profile_alone(profile: Profile) -> Iterator[Extension]:
    """Yield what a profile gives to every certificate, and Go has no field of its own for."""
    if profile.policies:
        yield x509.CertificatePolicies(map(_policy_information, profile.policies)), False
    if profile.ocsp_no_check:
        yield x509.OCSPNoCheck(), False


def of_csr(request: Request) -> Iterator[Extension]:
    """Yield what a request's CSR asks for: all of a CA's hosts, which its certificate has not."""
    if request.hosts:
        yield _alternative_names(alternative_names(request.hosts)), False
    if request.delegation_enabled:
        # For which cfssl leaves out that a CA is asked for.
        yield x509.UnrecognizedExtension(DELEGATION, NULL), False
    elif request.ca:
        length = ca_profile(request).constraint.path_length
        yield x509.BasicConstraints(ca=True, path_length=length), True
    for each in request.extensions:
        oid = x509.ObjectIdentifier(each.oid)
        yield x509.UnrecognizedExtension(oid, each.value), each.critical


def brought_along(
    extensions: Iterable["x509.Extension[x509.ExtensionType]"], profile: Profile
) -> tuple[Extension, ...]:
    """Return what a certificate takes over of its CSR's extensions.

    That is delegation, and with `copy_extensions` everything but whether it is a CA.
    """
    return tuple(
        (as_it_stands(each.value), each.critical)
        for each in extensions
        if each.oid == DELEGATION
        or (profile.copy_extensions and each.oid != ExtensionOID.BASIC_CONSTRAINTS)
    )


def of_own_issuer(
    extensions: Iterable["x509.Extension[x509.ExtensionType]"],
) -> Iterator[Extension]:
    """Yield the extensions of a root as its next certificate has them.

    The serial number of the one that signed it, which some name beside its key, is another now.
    """
    for each in extensions:
        if not isinstance(each.value, x509.AuthorityKeyIdentifier):
            yield as_it_stands(each.value), each.critical
        elif each.value.key_identifier:
            key_id = each.value.key_identifier
            yield x509.AuthorityKeyIdentifier(key_id, None, None), each.critical


def as_it_stands(extension: x509.ExtensionType) -> x509.UnrecognizedExtension:
    """Return an extension by its OID and its bytes."""
    return x509.UnrecognizedExtension(extension.oid, extension.public_bytes())


def _usual(
    profile: Profile,
    public_key: CertificatePublicKeyTypes,
    names: Names,
    issuer: Certificate | None,
    *,
    has_subject: bool,
) -> Iterator[Extension]:
    yield from _usage_extensions(profile.usages)
    constraint = profile.constraint
    yield x509.BasicConstraints(ca=constraint.is_ca, path_length=constraint.path_length), True
    yield x509.SubjectKeyIdentifier.from_public_key(public_key), False
    if issuer and issuer.key_id:
        yield x509.AuthorityKeyIdentifier(issuer.key_id, None, None), False
    if profile.ocsp_url or profile.issuer_urls:
        yield _authority_access(profile), False
    kept = kept_names(names, is_ca=constraint.is_ca)
    if kept:
        # They are critical where there is no subject (RFC 5280, 4.2.1.6).
        yield _alternative_names(kept), not has_subject
    if profile.crl_url:
        place = x509.UniformResourceIdentifier(profile.crl_url)
        point = x509.DistributionPoint([place], None, None, None)
        yield x509.CRLDistributionPoints([point]), False


def _usage_extensions(words: tuple[str, ...]) -> Iterator[Extension]:
    asked = meanings(words)
    fields = {each: each in asked for each in KEY_USAGE_FIELDS}
    if any(fields.values()):
        yield x509.KeyUsage(**fields), True
    extended = [x509.ObjectIdentifier(oid) for oid in asked if oid not in fields]
    if extended:
        yield x509.ExtendedKeyUsage(extended), False


def _authority_access(profile: Profile) -> x509.AuthorityInformationAccess:
    oids = AuthorityInformationAccessOID
    urls = [(oids.OCSP, profile.ocsp_url)] if profile.ocsp_url else []
    urls += [(oids.CA_ISSUERS, url) for url in profile.issuer_urls or ()]
    return x509.AuthorityInformationAccess(
        [x509.AccessDescription(oid, x509.UniformResourceIdentifier(url)) for oid, url in urls]
    )


def _alternative_names(names: Iterable[tuple[str, str]]) -> x509.SubjectAlternativeName:
    makers: dict[str, Callable[[str], x509.GeneralName]] = {
        "dns": x509.DNSName,
        "email": x509.RFC822Name,
        "ip": lambda text: x509.IPAddress(ip_address(text)),
        "uri": x509.UniformResourceIdentifier,
    }
    return x509.SubjectAlternativeName([makers[kind](text) for kind, text in names])


def _policy_information(policy: Policy) -> x509.PolicyInformation:
    qualifiers = [
        text if kind == PRACTICE else x509.UserNotice(None, text)
        for kind, text in policy.qualifiers
    ]
    return x509.PolicyInformation(x509.ObjectIdentifier(policy.oid), qualifiers or None)
