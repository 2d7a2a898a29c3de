"""Request + profile + CA → key, CSR and certificate in PEM, as cfssl 1.6.5 makes them.

Nothing is written here.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import lru_cache
from ipaddress import ip_address
from typing import TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import AuthorityInformationAccessOID

from tls_scaffold.cfssl.profiles import Profile, ca_profile
from tls_scaffold.cfssl.requests import PRINTABLE, Request
from tls_scaffold.cfssl.sans import alternative_names
from tls_scaffold.cfssl.usages import KEY_USAGES, meanings
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.paths import CERTIFICATE_ENDING, CSR_ENDING, KEY_ENDING
from tls_scaffold.signing.issuer import CA
from tls_scaffold.signing.keys import PrivateKey, make_key, pem_of_key, signature_hash

KEY_USAGE_FIELDS = tuple(dict.fromkeys(KEY_USAGES.values()))
Extension: TypeAlias = tuple[x509.ExtensionType, bool]
"""An extension, and whether it is critical."""


@dataclass(frozen=True)
class Signed:
    """What cfssl answers, in PEM; no `key` where the caller's own was used."""

    certificate: bytes
    csr: bytes
    key: bytes = b""

    @property
    def contents(self) -> dict[str, bytes]:
        """The contents of its files by their endings."""
        return {KEY_ENDING: self.key, CSR_ENDING: self.csr, CERTIFICATE_ENDING: self.certificate}


def utc_now() -> datetime:
    """Return the time that certificates signed now count from."""
    return datetime.now(timezone.utc)


def new_ca(request: Request, now: datetime, key: PrivateKey | None = None) -> Signed:
    """Make a self-signed CA; with `key`, its certificate again under the same key.

    Raises ScaffoldError for what can't stand in a certificate.
    """
    with _as_scaffold_error(request):
        return _sign_certificate(
            request, ca_profile(request), key or make_key(request.key), None, now
        )


def sign(request: Request, profile: Profile, ca: CA, now: datetime) -> Signed:
    """Make a key, its CSR, and a certificate signed by `ca`; ScaffoldError as `new_ca`."""
    with _as_scaffold_error(request):
        return _sign_certificate(request, profile, make_key(request.key), ca, now)


@contextmanager
def _as_scaffold_error(request: Request) -> Iterator[None]:
    try:
        yield
    except (ValueError, OverflowError, TypeError) as error:
        raise ScaffoldError(f"`{request.cn}` can't be signed", [str(error)]) from error


def _sign_certificate(
    request: Request, profile: Profile, key: PrivateKey, ca: CA | None, now: datetime
) -> Signed:
    subject = _x509_name(request.subject)
    begin, end = _validity(profile, now)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(ca.name if ca else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
    )
    # Go's crypto/x509 writes no authority key identifier where subject and issuer have one name.
    issuer = ca if ca and ca.name != subject else None
    for extension, critical in _extensions(request, profile, key, issuer):
        builder = builder.add_extension(extension, critical=critical)
    signing_key = ca.key if ca else key
    certificate = builder.sign(signing_key, signature_hash(signing_key))
    return Signed(
        certificate=certificate.public_bytes(Encoding.PEM),
        csr=_sign_csr(request, key).public_bytes(Encoding.PEM),
        key=pem_of_key(key),
    )


@lru_cache(maxsize=16)
def _validity(profile: Profile, now: datetime) -> tuple[datetime, datetime]:
    return profile.validity(now)


def _sign_csr(request: Request, key: PrivateKey) -> x509.CertificateSigningRequest:
    """Return the CSR; unlike the certificate it has all of a CA's hosts, and its own order."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(_x509_name(request.csr_subject))
    if request.hosts:
        names = _alternative_names(alternative_names(request.hosts))
        builder = builder.add_extension(names, critical=False)
    if request.ca:
        length = ca_profile(request).constraint.path_length
        builder = builder.add_extension(
            x509.BasicConstraints(ca=True, path_length=length), critical=True
        )
    return builder.sign(key, signature_hash(key))


@lru_cache(maxsize=16)  # certificate and CSR nearly always have the same
def _x509_name(subject: tuple[tuple[str, tuple[str, ...]], ...]) -> x509.Name:
    return x509.Name(
        x509.RelativeDistinguishedName([_name_attribute(oid, text) for text in texts])
        for oid, texts in subject
    )


@lru_cache(maxsize=1024)
def _name_attribute(oid: str, text: str) -> "x509.NameAttribute[str]":
    # cfssl chooses a string type by the text; the library's public API, by the attribute.
    kind = _ASN1Type.PrintableString if PRINTABLE.issuperset(text) else _ASN1Type.UTF8String
    return x509.NameAttribute(x509.ObjectIdentifier(oid), text, kind, _validate=False)


def _extensions(
    request: Request, profile: Profile, key: PrivateKey, issuer: CA | None
) -> Iterator[Extension]:
    """Yield the extensions in the order of Go's crypto/x509; `issuer` is whose key is named."""
    yield from _usage_extensions(profile.usages)
    constraint = profile.constraint
    yield x509.BasicConstraints(ca=constraint.is_ca, path_length=constraint.path_length), True
    yield x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False
    if issuer and issuer.certificate.key_id:
        yield x509.AuthorityKeyIdentifier(issuer.certificate.key_id, None, None), False
    if profile.ocsp_url or profile.issuer_urls:
        yield _authority_access(profile), False
    names = alternative_names(request.hosts or (), is_ca=constraint.is_ca)
    if names:
        # They are critical where there is no subject (RFC 5280, 4.2.1.6).
        yield _alternative_names(names), not request.subject
    if profile.crl_url:
        place = x509.UniformResourceIdentifier(profile.crl_url)
        point = x509.DistributionPoint([place], None, None, None)
        yield x509.CRLDistributionPoints([point]), False


@lru_cache(maxsize=16)
def _usage_extensions(words: tuple[str, ...]) -> tuple[Extension, ...]:
    asked = meanings(words)
    fields = {each: each in asked for each in KEY_USAGE_FIELDS}
    extended = [x509.ObjectIdentifier(oid) for oid in asked if oid not in fields]
    return (
        *([(x509.KeyUsage(**fields), True)] if any(fields.values()) else []),
        *([(x509.ExtendedKeyUsage(extended), False)] if extended else []),
    )


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
