"""Certificates read back: PEM → subject, SANs, usages, dates, and whether a key or a CA fits."""

import warnings
from base64 import b64decode
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from tls_scaffold import usages
from tls_scaffold.cfssl import SUBJECT
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.words import Key

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

WORDS = {oid: word for word, oid in SUBJECT.items()}
EC_POINTS = (65, 97, 133)  # bytes of an uncompressed point on P-256, P-384 and P-521


@dataclass(frozen=True)
class Certificate:
    """What stands in a certificate, in cfssl's words; times in UTC.

    `subject` and `issuer` are pairs of a word (an OID where there is none) and a text, in their order.
    """

    subject: tuple[tuple[str, str], ...]
    issuer: tuple[tuple[str, str], ...]
    hosts: tuple[str, ...]
    usages: tuple[str, ...]
    not_before: datetime
    not_after: datetime
    key: Key
    is_ca: bool
    path_length: int | None
    serial: int
    key_id: bytes = field(repr=False)
    issuer_key_id: bytes = field(repr=False)
    crl_urls: tuple[str, ...]
    ocsp_urls: tuple[str, ...]
    issuer_urls: tuple[str, ...]
    der: bytes = field(repr=False)

    @property
    def cn(self) -> str:
        """The common name; empty if there is none."""
        return dict(self.subject).get("CN", "")

    @property
    def lifetime(self) -> timedelta:
        """How long it is valid in all."""
        return self.not_after - self.not_before

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate, written as `openssl x509 -fingerprint` does."""
        import hashlib

        return hashlib.sha256(self.der).digest().hex(":").upper()


def read(pem: bytes, place: str) -> Certificate:
    """Read a certificate in PEM (the first, if there are several); `place` is its path, for messages.

    Raises ScaffoldError if it is none.
    """
    from cryptography import x509

    try:
        der = _der(pem, b"CERTIFICATE")
        with warnings.catch_warnings():  # a CN above 64 characters is cfssl's doing, not our caller's
            warnings.simplefilter("ignore")
            return _record(x509.load_der_x509_certificate(der), der)
    except (ValueError, TypeError) as error:
        raise ScaffoldError(f"`{place}` is not a certificate", [f"{place}: {str(error) or 'no PEM'}"]) from None


def _der(pem: bytes, label: bytes) -> bytes:
    _, begin, rest = pem.partition(b"-----BEGIN " + label + b"-----")
    body, end, _ = rest.partition(b"-----END " + label + b"-----")
    if not (begin and end):
        raise ValueError("it is empty" if not pem.strip() else f"no `-----BEGIN {label.decode()}-----` and its end")
    return b64decode(body)


def _record(parsed: "x509.Certificate", der: bytes) -> Certificate:
    extensions = {extension.oid.dotted_string: extension.value for extension in parsed.extensions}
    constraints: Any = extensions.get("2.5.29.19")
    key_id: Any = extensions.get("2.5.29.14")
    issuer_key_id: Any = extensions.get("2.5.29.35")
    return Certificate(
        subject=_pairs(parsed.subject),
        issuer=_pairs(parsed.issuer),
        hosts=_hosts(extensions.get("2.5.29.17")),
        usages=(*_key_usages(extensions.get("2.5.29.15")), *_extended_usages(extensions.get("2.5.29.37"))),
        not_before=parsed.not_valid_before_utc,
        not_after=parsed.not_valid_after_utc,
        key=_key(parsed.public_key()),
        is_ca=bool(constraints and constraints.ca),
        path_length=constraints.path_length if constraints else None,
        serial=parsed.serial_number,
        key_id=key_id.digest if key_id else b"",
        issuer_key_id=issuer_key_id.key_identifier or b"" if issuer_key_id else b"",
        crl_urls=_crl_urls(extensions.get("2.5.29.31")),
        ocsp_urls=_access(extensions.get("1.3.6.1.5.5.7.1.1"), "1.3.6.1.5.5.7.48.1"),
        issuer_urls=_access(extensions.get("1.3.6.1.5.5.7.1.1"), "1.3.6.1.5.5.7.48.2"),
        der=der,
    )


def _pairs(name: "x509.Name") -> tuple[tuple[str, str], ...]:
    oids = ((attribute.oid.dotted_string, str(attribute.value)) for attribute in name)
    return tuple((WORDS.get(oid, oid), text) for oid, text in oids)


def _hosts(names: Any) -> tuple[str, ...]:
    return tuple(str(name.value) for name in names or ())


def _key_usages(bits: Any) -> tuple[str, ...]:
    if not bits:
        return ()
    only = ("encipher_only", "decipher_only") if bits.key_agreement else ()
    fields = (each for each in dict.fromkeys(usages.KEY_USAGES.values()) if not each.endswith("_only"))
    return tuple(usages.word(each) for each in (*fields, *only) if getattr(bits, each))


def _extended_usages(oids: Any) -> tuple[str, ...]:
    return tuple(usages.word(oid.dotted_string) for oid in oids or ())


def _crl_urls(points: Any) -> tuple[str, ...]:
    return tuple(str(name.value) for point in points or () for name in point.full_name or ())


def _access(descriptions: Any, method: str) -> tuple[str, ...]:
    found = (each for each in descriptions or () if each.access_method.dotted_string == method)
    return tuple(str(each.access_location.value) for each in found)


def _key(public: Any) -> Key:
    kind = type(public).__name__.removesuffix("PublicKey").lower()
    if kind == "ec":
        return Key("ecdsa", public.curve.key_size)
    return Key(kind, getattr(public, "key_size", 0))


def signed_by(certificate: Certificate, ca: Certificate) -> bool:
    """Tell whether `ca` signed a certificate: names, and the signature verified with its key."""
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature

    parsed = x509.load_der_x509_certificate(certificate.der)
    try:
        parsed.verify_directly_issued_by(x509.load_der_x509_certificate(ca.der))
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def names_as_issuer(certificate: Certificate, ca: Certificate) -> bool:
    """Tell whether a certificate names `ca` and its key as its issuer: a hundred times faster than `signed_by`."""
    same_key = not certificate.issuer_key_id or certificate.issuer_key_id == ca.key_id
    return certificate.issuer == ca.subject and same_key


def key_fits(certificate: Certificate, pem: bytes) -> bool:
    """Tell whether a private key in PEM is the one of a certificate; False too if it can't be read.

    An encrypted key is opened with CFSSL_CA_PK_PASSWORD, as cfssl does.
    """
    from cryptography import x509

    try:
        key = private_key(pem, "")
    except ScaffoldError:
        return False
    return bool(key.public_key() == x509.load_der_x509_certificate(certificate.der).public_key())


def key_seems_to_fit(certificate: Certificate, pem: bytes) -> bool:
    """Tell whether the public key that an EC key's PEM carries along is the certificate's; others as `key_fits`.

    It takes a hundredth of the time, and finds every key that was swapped, cut or lost.
    """
    try:
        der = _der(pem, b"EC PRIVATE KEY")
    except ValueError:
        return key_fits(certificate, pem)
    points = (der[-size:] for size in EC_POINTS if len(der) > size and der[-size] == 4)  # noqa: PLR2004 - SEC 1, 2.3.3
    return any(point in certificate.der for point in points)


def private_key(pem: bytes, place: str) -> "PrivateKeyTypes":
    """Read a private key in any form that cfssl or OpenSSL writes; `place` is its path, for messages.

    An encrypted one is opened with CFSSL_CA_PK_PASSWORD, as cfssl does. Raises ScaffoldError if it can't be read.
    """
    import os

    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    password = os.environ.get("CFSSL_CA_PK_PASSWORD", "").encode() or None
    usual = pem.replace(b" Ed25519 PRIVATE KEY", b" PRIVATE KEY")  # cfssl's own label for PKCS #8
    try:
        try:
            return load_pem_private_key(usual, password)
        except TypeError:
            if password is None:
                raise
            return load_pem_private_key(usual, None)
    except TypeError:
        reason = "it is encrypted: give its password in the environment variable CFSSL_CA_PK_PASSWORD"
    except (ValueError, UnsupportedAlgorithm):
        reason = "no private key in PEM, or the password is wrong" if password else "no private key in PEM"
    raise ScaffoldError(f"`{place}` can't be read as a private key", [f"{place}: {reason}"])
