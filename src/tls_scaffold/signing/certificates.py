"""Certificates read back: PEM → subject, SANs, usages, dates, and whether a key or a CA fits."""

import re
import warnings
from binascii import a2b_base64
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from tls_scaffold.cfssl import usages
from tls_scaffold.cfssl.documents import SUBJECT
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.signing.keys import private_key
from tls_scaffold.words import Key

# cfssl signs such names, and `silences` tells of them: nobody who reads one back is to be told again
warnings.filterwarnings("ignore", "Attribute's length must be", UserWarning)

WORDS = {oid: word for word, oid in SUBJECT.items()}
UNREADABLE = (
    *(ValueError, TypeError, UnsupportedAlgorithm),
    *(x509.DuplicateExtension, x509.InvalidVersion, x509.UnsupportedGeneralNameType),
)
LABEL = re.compile(rb"-----BEGIN ([A-Za-z0-9 ]+)-----")
PARTS = ("subject", "key", "usages")
EC_POINTS = (65, 97, 133)  # bytes of an uncompressed point on P-256, P-384 and P-521


@dataclass(frozen=True)
class Certificate:
    """What stands in a certificate, in cfssl's words; times in UTC.

    `subject` and `issuer` are pairs of a word (an OID where there is none) and a text, in their order.
    """

    der: bytes = field(repr=False)

    @cached_property
    def parsed(self) -> x509.Certificate:
        """The certificate as `cryptography` sees it."""
        return x509.load_der_x509_certificate(self.der)

    @cached_property
    def subject(self) -> tuple[tuple[str, str], ...]:
        """Whom it is for."""
        return _pairs(self.parsed.subject)

    @cached_property
    def issuer(self) -> tuple[tuple[str, str], ...]:
        """The CA that it names."""
        return _pairs(self.parsed.issuer)

    @property
    def cn(self) -> str:
        """The common name; empty if there is none."""
        return dict(self.subject).get("CN", "")

    @property
    def hosts(self) -> tuple[str, ...]:
        """The subject alternative names, whatever their kind."""
        return tuple(str(name.value) for name in self._extensions.get("2.5.29.17", ()))

    @property
    def usages(self) -> tuple[str, ...]:
        """Key usages and extended usages, as a profile lists them."""
        return (
            *_key_usages(self._extensions.get("2.5.29.15")),
            *(usages.word(oid.dotted_string) for oid in self._extensions.get("2.5.29.37", ())),
        )

    @property
    def not_before(self) -> datetime:
        """The first moment of its life."""
        return self.parsed.not_valid_before_utc

    @property
    def not_after(self) -> datetime:
        """The last moment of its life."""
        return self.parsed.not_valid_after_utc

    @property
    def lifetime(self) -> timedelta:
        """How long it lives in all."""
        return self.not_after - self.not_before

    @cached_property
    def key(self) -> Key:
        """The type of its key."""
        public = self.parsed.public_key()
        kind = type(public).__name__.removesuffix("PublicKey").lower()
        return Key({"ec": "ecdsa"}.get(kind, kind), getattr(public, "key_size", 0))

    @property
    def is_ca(self) -> bool:
        """Whether it may sign others."""
        constraints = self._extensions.get("2.5.29.19")
        return bool(constraints and constraints.ca)

    @property
    def path_length(self) -> int | None:
        """How many CAs may follow it; None for any number."""
        constraints = self._extensions.get("2.5.29.19")
        return constraints.path_length if constraints else None

    @property
    def key_id(self) -> bytes:
        """The subject key identifier; empty if there is none."""
        identifier = self._extensions.get("2.5.29.14")
        return identifier.digest if identifier else b""

    @property
    def issuer_key_id(self) -> bytes:
        """The authority key identifier; empty if there is none."""
        identifier = self._extensions.get("2.5.29.35")
        return (identifier and identifier.key_identifier) or b""

    @property
    def crl_urls(self) -> tuple[str, ...]:
        """Where its CRL is to be found."""
        points = self._extensions.get("2.5.29.31", ())
        return tuple(str(name.value) for point in points for name in point.full_name or ())

    @property
    def ocsp_urls(self) -> tuple[str, ...]:
        """Who tells whether it is revoked."""
        return self._access("1.3.6.1.5.5.7.48.1")

    @property
    def issuer_urls(self) -> tuple[str, ...]:
        """Where its CA's certificate is to be found."""
        return self._access("1.3.6.1.5.5.7.48.2")

    @cached_property
    def _extensions(self) -> dict[str, Any]:
        return {extension.oid.dotted_string: extension.value for extension in self.parsed.extensions}

    def _access(self, method: str) -> tuple[str, ...]:
        found = self._extensions.get("1.3.6.1.5.5.7.1.1", ())
        return tuple(str(each.access_location.value) for each in found if each.access_method.dotted_string == method)


def read(pem: bytes, place: str) -> Certificate:
    """Read a certificate in PEM (the first, if there are several); `place` is its path, for messages.

    Raises ScaffoldError if it is none.
    """
    try:
        certificate = Certificate(der_of(pem, b"CERTIFICATE"))
        for part in PARTS:  # each is parsed at its first use
            getattr(certificate, part)
    except UNREADABLE as error:
        raise ScaffoldError(f"`{place}` is not a certificate", [f"{place}: {error}"]) from None
    return certificate


def read_all(pem: bytes, place: str) -> tuple[Certificate, ...]:
    """Read every certificate in PEM that a file holds; ScaffoldError as `read`, and if there is none."""
    begin = b"-----BEGIN CERTIFICATE-----"
    _, *blocks = pem.split(begin)
    return tuple(read(begin + block, place) for block in blocks) or (read(pem, place),)


def der_of(pem: bytes, label: bytes) -> bytes:
    """Return what the first PEM block of this label holds; ValueError if there is none."""
    _, begin, rest = pem.partition(b"-----BEGIN " + label + b"-----")
    body, end, _ = rest.partition(b"-----END " + label + b"-----")
    if not (begin and end):
        raise ValueError("it is empty" if not pem.strip() else f"no `-----BEGIN {label.decode()}-----` and its end")
    return a2b_base64(body)


def labels(pem: bytes) -> frozenset[bytes]:
    """Return the labels of the PEM blocks that begin in a file, such as `CERTIFICATE`."""
    return frozenset(LABEL.findall(pem))


def stands_alone(pem: bytes) -> bool:
    """Tell whether nothing but the certificate that `read` takes is in a PEM file; text may stand before it.

    cfssl takes no other file for a CA's: "the PEM file should contain only one object".
    """
    before, _, rest = pem.partition(b"-----BEGIN CERTIFICATE-----")
    behind = rest.partition(b"-----END CERTIFICATE-----")[2]
    return b"-----BEGIN " not in before and not behind.strip()


def _pairs(name: x509.Name) -> tuple[tuple[str, str], ...]:
    oids = ((attribute.oid.dotted_string, str(attribute.value)) for attribute in name)
    return tuple((WORDS.get(oid, oid), text) for oid, text in oids)


def _key_usages(bits: Any) -> tuple[str, ...]:
    if not bits:
        return ()
    only = ("encipher_only", "decipher_only") if bits.key_agreement else ()
    fields = (each for each in dict.fromkeys(usages.KEY_USAGES.values()) if not each.endswith("_only"))
    return tuple(usages.word(each) for each in (*fields, *only) if getattr(bits, each))


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
    return names_as_issuer(certificate, ca) if certificate.issuer_key_id else signed_by(certificate, ca)


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

    It takes a hundredth of the time, and finds every key that was swapped, cut or lost.
    """
    try:
        der = der_of(pem, b"EC PRIVATE KEY")
    except ValueError:
        return key_fits(certificate, pem)
    if b"ENCRYPTED" in pem:
        return key_fits(certificate, pem)
    points = (der[-size:] for size in EC_POINTS if len(der) > size and der[-size] == 4)  # noqa: PLR2004 - SEC 1, 2.3.3
    return any(point in certificate.der for point in points)


def is_crl(der: bytes) -> bool:
    """Tell whether `der` is a certificate revocation list in DER, the one form that every etcd reads."""
    try:
        x509.load_der_x509_crl(der)
    except (ValueError, TypeError):
        return False
    return True
