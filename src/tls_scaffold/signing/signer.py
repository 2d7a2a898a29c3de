"""Request or CSR + profile + CA → key, CSR and certificate in PEM, as cfssl 1.6.5 makes them.

Nothing is written here.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding

from tls_scaffold.cfssl import durations
from tls_scaffold.cfssl.profiles import BACKDATE, Constraint, Profile, ca_profile
from tls_scaffold.cfssl.requests import Request, Subject
from tls_scaffold.cfssl.sans import alternative_names
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.paths import CERTIFICATE_ENDING, CSR_ENDING, KEY_ENDING
from tls_scaffold.signing import extensions
from tls_scaffold.signing.building import Life, certificate_builder
from tls_scaffold.signing.csrs import CSR
from tls_scaffold.signing.extensions import Extension, Names
from tls_scaffold.signing.issuer import CA, request_of_ca
from tls_scaffold.signing.keys import (
    PrivateKey,
    encrypted_pem,
    make_key,
    pem_of_key,
    read_private_key,
    signature_hash,
)
from tls_scaffold.signing.x509names import x509_name

SELF_SIGNED_LIFE = "2190h"  # cfssl's three months


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

    def encrypted(self, password: bytes) -> "Signed":
        """Return it with its key encrypted; ScaffoldError for a key that can't be."""
        return replace(self, key=encrypted_pem(read_private_key(self.key, ""), password))


@dataclass(frozen=True)
class _Holder:
    """Whom a certificate is for, by a request or a CSR; `brought` is taken over from the CSR."""

    subject: Subject
    public_key: CertificatePublicKeyTypes
    names: Names
    brought: tuple[Extension, ...]


def utc_now() -> datetime:
    """Return the time that certificates signed now count from."""
    return datetime.now(timezone.utc)


def new_ca(request: Request, now: datetime, key: PrivateKey | None = None) -> Signed:
    """Make a self-signed CA; with `key`, its certificate again under the same key.

    Raises ScaffoldError for what can't stand in a certificate.
    """
    with _as_scaffold_error(request.cn):
        return _sign_request(request, ca_profile(request), key or make_key(request.key), None, now)


def sign(request: Request, profile: Profile, ca: CA, now: datetime) -> Signed:
    """Make a key, its CSR, and a certificate signed by `ca`; ScaffoldError as `new_ca`.

    With a profile that makes CAs that is a CA below `ca`.
    """
    with _as_scaffold_error(request.cn):
        return _sign_request(request, profile, make_key(request.key), ca, now)


def sign_csr(
    csr: CSR,
    profile: Profile,
    ca: CA,
    now: datetime,
    *,
    hosts: tuple[str, ...] | None = None,
    subject: Request | None = None,
) -> Signed:
    """Sign what a CSR asks for with `ca`, as `cfssl sign` does; ScaffoldError as `new_ca`.

    `hosts` take the place of its names, and what a request says of the subject that of its own.
    `csrs.refusals` says what is not signed.
    """
    with _as_scaffold_error(csr.cn):
        holder = _Holder(
            csr.subject if subject is None else csr.subject_with(subject),
            csr.public_key,
            csr.names if hosts is None else alternative_names(hosts),
            extensions.brought_along(csr.parsed.extensions, profile),
        )
        certificate = _sign_holder(holder, profile, ca, ca.key, profile.validity(now))
    return Signed(certificate.public_bytes(Encoding.PEM) + ca.chain, csr.pem)


def self_sign(request: Request, profile: Profile, now: datetime) -> Signed:
    """Make a key, its CSR, and a certificate that it signs itself, as `cfssl selfsign` does.

    Of the profile only usages, expiry, `issuer_urls` and whether it is a CA count, and what the CSR
    asks for is taken over whole. ScaffoldError as `new_ca`.
    """
    key = make_key(request.key)
    with _as_scaffold_error(request.cn):
        csr = _sign_csr(request, key)
        brought = tuple((extensions.as_it_stands(e.value), e.critical) for e in csr.extensions)
        plain = Profile(
            usages=profile.usages,
            constraint=Constraint(is_ca=profile.constraint.is_ca),
            issuer_urls=profile.issuer_urls,
        )
        life = profile.lifetime or durations.parse(SELF_SIGNED_LIFE) or timedelta()
        holder = _Holder(request.plain_subject, key.public_key(), (), brought)
        serial_number = secrets.randbelow(2**63)
        certificate = _sign_holder(
            holder, plain, None, key, (now - BACKDATE, now + life), serial_number
        )
    return _in_pem(certificate, csr, key)


def renew_ca(ca: CA, now: datetime) -> Signed:
    """Give a CA a certificate for as long a life from `now` on, under its key.

    As with `cfssl gencert -renewca` it is made anew of what a request may ask for; there is no CSR.
    ScaffoldError as `new_ca`.
    """
    signed = new_ca(request_of_ca(ca.certificate), now, ca.key)
    return replace(signed, csr=b"", key=b"")


def sign_ca_again(ca: CA, now: datetime) -> bytes:
    """Return a root's certificate, in PEM, again: its name, key and extensions, as long from `now`.

    `renew_ca` does the same as cfssl, which makes another name of one that it would not have
    written, and then nothing that the CA signed is valid under it. ScaffoldError as `new_ca`.
    """
    old = ca.certificate.parsed
    if not ca.certificate.is_ca:  # a root of X.509 version 1, which has no extensions at all
        return renew_ca(ca, now).certificate
    begin = now - BACKDATE
    life = begin, begin + ca.certificate.lifetime
    with _as_scaffold_error(ca.certificate.cn):
        kept = extensions.of_own_issuer(old.extensions)
        builder = certificate_builder(ca.name, ca.name, old.public_key(), life, kept)
        return builder.sign(ca.key, signature_hash(ca.key)).public_bytes(Encoding.PEM)


def new_csr(request: Request) -> Signed:
    """Make a key and its CSR, and no certificate; ScaffoldError as `new_ca`."""
    with _as_scaffold_error(request.cn):
        key = make_key(request.key)
        csr = _sign_csr(request, key)
    return Signed(b"", csr.public_bytes(Encoding.PEM), pem_of_key(key))


@contextmanager
def _as_scaffold_error(cn: str) -> Iterator[None]:
    try:
        yield
    except (ValueError, OverflowError, TypeError) as error:
        raise ScaffoldError(f"`{cn}` can't be signed", [str(error)]) from error


def _sign_request(
    request: Request, profile: Profile, key: PrivateKey, ca: CA | None, now: datetime
) -> Signed:
    csr = _sign_csr(request, key)
    brought: tuple[Extension, ...] = ()
    if profile.copy_extensions or request.delegation_enabled:  # else it is not worth a look
        brought = extensions.brought_along(csr.extensions, profile)
    names = alternative_names(request.hosts or ())
    holder = _Holder(request.subject, key.public_key(), names, brought)
    signing_key = ca.key if ca else key
    certificate = _sign_holder(holder, profile, ca, signing_key, profile.validity(now))
    return _in_pem(certificate, csr, key, ca.chain if ca else b"")


def _sign_holder(
    holder: _Holder,
    profile: Profile,
    ca: CA | None,
    key: PrivateKey,
    life: Life,
    serial_number: int | None = None,
) -> x509.Certificate:
    """Sign with `key`; without a CA it is the holder's own."""
    subject = x509_name(holder.subject)
    # Go's crypto/x509 writes no authority key identifier where subject and issuer have one name.
    issuer = ca.certificate if ca and ca.name != subject else None
    given = extensions.of_certificate(
        profile,
        holder.public_key,
        holder.names,
        holder.brought,
        issuer,
        has_subject=bool(holder.subject),
    )
    name = ca.name if ca else subject
    builder = certificate_builder(subject, name, holder.public_key, life, given, serial_number)
    return builder.sign(key, signature_hash(key))


def _sign_csr(request: Request, key: PrivateKey) -> x509.CertificateSigningRequest:
    """Return the CSR, whose subject has an order of its own."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509_name(request.csr_subject))
    for extension, critical in extensions.of_csr(request):
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(key, signature_hash(key))


def _in_pem(
    certificate: x509.Certificate,
    csr: x509.CertificateSigningRequest,
    key: PrivateKey,
    chain: bytes = b"",
) -> Signed:
    return Signed(
        certificate=certificate.public_bytes(Encoding.PEM) + chain,
        csr=csr.public_bytes(Encoding.PEM),
        key=pem_of_key(key),
    )
