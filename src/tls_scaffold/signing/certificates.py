"""Certificates read back: PEM → subject, SANs, usages, dates."""

import re
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import (
    CertificatePublicKeyTypes,
    PublicKeyTypes,
)
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import AuthorityInformationAccessOID

from tls_scaffold.cfssl import usages
from tls_scaffold.cfssl.requests import WORDS
from tls_scaffold.cfssl.sans import kept_names
from tls_scaffold.disk.plainfiles import plain_or_empty
from tls_scaffold.errors import Place, Problem, ScaffoldError
from tls_scaffold.signing import gorefusals
from tls_scaffold.signing.contentkinds import CERTIFICATE, kind_of_der, kind_of_label, why_not
from tls_scaffold.signing.pemfiles import begun, blocks, certificate_ders, tidied
from tls_scaffold.spelling import Key

# cfssl signs such names, and `mistakes` tells of them: nobody who reads one back is told again.
warnings.filterwarnings("ignore", "Attribute's length must be", UserWarning)
# Of a serial number that is negative `unknown_to_go` tells; Go takes 0.
warnings.filterwarnings("ignore", "Parsed a serial number", CryptographyDeprecationWarning)

UNREADABLE = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
NAME_KINDS: dict[type, str] = {
    x509.DNSName: "dns",
    x509.RFC822Name: "email",
    x509.IPAddress: "ip",
    x509.UniformResourceIdentifier: "uri",
}
# A UTF8String, PrintableString or IA5String of less than 128 bytes (X.690, 8.1.3).
SHORT_TEXT = re.compile(rb"[\x0c\x13\x16][\x00-\x7f](.*)", re.DOTALL)
ExtensionT = TypeVar("ExtensionT", bound=x509.ExtensionType)


@dataclass(frozen=True)
class Certificate:
    """What stands in a certificate, in cfssl's words; times in UTC.

    `subject` and `issuer` are pairs of a word (an OID where there is none) and a text, in their
    order.
    """

    der: bytes = field(repr=False)

    @cached_property
    def parsed(self) -> x509.Certificate:
        """The certificate as `cryptography` sees it."""
        return x509.load_der_x509_certificate(self.der)

    @cached_property
    def subject(self) -> tuple[tuple[str, str], ...]:
        """Whom it is for."""
        return _words_and_texts(self.parsed.subject)

    @cached_property
    def issuer(self) -> tuple[tuple[str, str], ...]:
        """The CA that it names."""
        return _words_and_texts(self.parsed.issuer)

    @property
    def names_itself(self) -> bool:
        """Whether its issuer is its subject, as a root's is; whether it signed itself is unsaid."""
        return self.parsed.issuer == self.parsed.subject

    @property
    def subject_text(self) -> str:
        """Whom it is for, as one text: `O=…, CN=…`."""
        return text_of_name(self.subject)

    @property
    def pem(self) -> bytes:
        """It alone, as a file holds it."""
        return self.parsed.public_bytes(Encoding.PEM)

    @property
    def cn(self) -> str:
        """The common name; empty if there is none."""
        return dict(self.subject).get("CN", "")

    @property
    def serial_number_of_subject(self) -> str:
        """The attribute `serialNumber`, which is not the certificate's own; mostly empty."""
        return dict(self.subject).get("serialNumber", "")

    @property
    def general_names(self) -> tuple[x509.GeneralName, ...]:
        """The subject alternative names as `cryptography` sees them."""
        return tuple(self._extension(x509.SubjectAlternativeName) or ())

    @property
    def hosts(self) -> tuple[str, ...]:
        """The subject alternative names, whatever their kind."""
        return tuple(map(text_of_general_name, self.general_names))

    @property
    def alternative_names(self) -> tuple[tuple[str, str], ...]:
        """Those that Go reads, each with its kind, one of `sans.KINDS`, in cfssl's order."""
        return names_in(self.general_names)

    @cached_property
    def usages(self) -> tuple[str, ...]:
        """Key usages and extended usages, as a profile lists them."""
        extended = self._extension(x509.ExtendedKeyUsage)
        return (*self.key_usages, *(usages.word(oid.dotted_string) for oid in extended or ()))

    @property
    def key_usages(self) -> tuple[str, ...]:
        """The key usages alone; none where it has no such extension, which allows them all."""
        bits = self._extension(x509.KeyUsage)
        return _key_usages(bits) if bits else ()

    @property
    def is_for_anything(self) -> bool:
        """Whether it names no extended usage, so that Go and OpenSSL take it for any of them."""
        return not self._extension(x509.ExtendedKeyUsage)

    @property
    def is_for_clients(self) -> bool:
        """Whether a server takes it from a client, as etcd's peer port does from a member."""
        return self.is_for_anything or "client auth" in self.usages or "any" in self.usages

    @property
    def not_before(self) -> datetime:
        """The first moment of its life."""
        return self.parsed.not_valid_before_utc

    @property
    def not_after(self) -> datetime:
        """The last moment of its life."""
        return self.parsed.not_valid_after_utc

    def has_ended(self, now: datetime) -> bool:
        """Tell whether its life, last moment included, is over `now` (UTC; RFC 5280, 4.1.2.5)."""
        return self.not_after < now

    @property
    def lifetime(self) -> timedelta:
        """How long it lives in all."""
        return self.not_after - self.not_before

    @cached_property
    def public_key(self) -> CertificatePublicKeyTypes:
        """Its key."""
        return self.parsed.public_key()

    @cached_property
    def key(self) -> Key:
        """The type of its key."""
        return key_type(self.public_key)

    @property
    def sum(self) -> str:
        """The SHA-256 of its DER, in hexadecimal digits: the pin of a CA."""
        return sha256(self.der).hexdigest()

    @property
    def key_sum(self) -> str:
        """The SHA-256 of its public key."""
        return sum_of_public_key(self.public_key)

    @property
    def unverified_by_go(self) -> str:
        """What it is signed with, such as `SHA-1`, where Go verifies no such signature."""
        return gorefusals.unverified_signature(self.parsed)

    @property
    def unknown_to_go(self) -> str:
        """What Go, and so etcd, refuses it for, in words after `it`; empty if for nothing."""
        return gorefusals.refusal_of(self.parsed, self.public_key)

    @property
    def is_ca(self) -> bool:
        """Whether its constraints say that it may sign others."""
        constraints = self._extension(x509.BasicConstraints)
        return bool(constraints and constraints.ca)

    @property
    def may_sign(self) -> bool:
        """Whether what it signs is taken: Go and OpenSSL trust a root of X.509 version 1 too."""
        return self.is_ca or self.parsed.version == x509.Version.v1

    @property
    def path_length(self) -> int | None:
        """How many CAs may follow it; None for any number."""
        constraints = self._extension(x509.BasicConstraints)
        return constraints.path_length if constraints else None

    @property
    def name_constraints(self) -> x509.NameConstraints | None:
        """What a CA may sign for, and what not; None for anything."""
        return self._extension(x509.NameConstraints)

    @property
    def key_id(self) -> bytes:
        """The subject key identifier; empty if there is none."""
        identifier = self._extension(x509.SubjectKeyIdentifier)
        return identifier.digest if identifier else b""

    @property
    def issuer_key_id(self) -> bytes:
        """The authority key identifier; empty if there is none."""
        identifier = self._extension(x509.AuthorityKeyIdentifier)
        return (identifier and identifier.key_identifier) or b""

    @property
    def names_issuers_serial(self) -> bool:
        """Whether it names its CA's certificate by its serial number, which another has not."""
        identifier = self._extension(x509.AuthorityKeyIdentifier)
        return bool(identifier and identifier.authority_cert_serial_number is not None)

    @property
    def crl_urls(self) -> tuple[str, ...]:
        """Where its CRL is to be found."""
        points = self._extension(x509.CRLDistributionPoints)
        names = (name for point in points or () for name in point.full_name or ())
        return tuple(map(text_of_general_name, names))

    @property
    def ocsp_urls(self) -> tuple[str, ...]:
        """Who tells whether it is revoked."""
        return self._access_urls(AuthorityInformationAccessOID.OCSP)

    @property
    def issuer_urls(self) -> tuple[str, ...]:
        """Where its CA's certificate is to be found."""
        return self._access_urls(AuthorityInformationAccessOID.CA_ISSUERS)

    @cached_property
    def _extensions(self) -> dict[type[x509.ExtensionType], x509.ExtensionType]:
        return {type(each.value): each.value for each in self.parsed.extensions}

    def _extension(self, kind: type[ExtensionT]) -> ExtensionT | None:
        value = self._extensions.get(kind)
        return value if isinstance(value, kind) else None

    def _access_urls(self, method: x509.ObjectIdentifier) -> tuple[str, ...]:
        ways = self._extension(x509.AuthorityInformationAccess) or ()
        names = (way.access_location for way in ways if way.access_method == method)
        return tuple(map(text_of_general_name, names))


def names_in(names: Iterable[x509.GeneralName]) -> tuple[tuple[str, str], ...]:
    """Return the alternative names that Go reads of these; others it passes over."""
    found = ((NAME_KINDS.get(type(each), ""), str(each.value)) for each in names)
    return kept_names((name for name in found if name[0]), is_ca=False)


def text_of_general_name(name: x509.GeneralName) -> str:
    """Return a host, and a name of a kind that Go passes over with that, as openssl shows it.

    What is called another name may have any value: it is told where it is a short text.
    """
    if isinstance(name, x509.DirectoryName):
        return f"DirName:{text_of_name(_words_and_texts(name.value))}"
    if isinstance(name, x509.RegisteredID):
        return f"Registered ID:{name.value.dotted_string}"
    if isinstance(name, x509.OtherName):
        found = SHORT_TEXT.fullmatch(name.value)
        text = f":{found[1].decode(errors='replace')}" if found else ""
        return f"othername:{name.type_id.dotted_string}{text}"
    return str(name.value)


def text_of_name(name: tuple[tuple[str, str], ...]) -> str:
    """Return the pairs of a subject or issuer as one text."""
    return ", ".join(f"{word}={text}" for word, text in name)


def sum_of_public_key(public: PublicKeyTypes) -> str:
    """Return the SHA-256 of a public key in DER, in hexadecimal digits."""
    der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return sha256(der).hexdigest()


def key_type(public: PublicKeyTypes) -> Key:
    """Return the type of a public key, in cfssl's words."""
    if isinstance(public, ec.EllipticCurvePublicKey):
        return Key("ecdsa", public.key_size)
    kind = type(public).__name__.removesuffix("PublicKey").lower()
    return Key(kind, getattr(public, "key_size", 0))


def read(pem: bytes, place: str) -> Certificate:
    """Read a certificate in PEM, the first of several; `place` is its path, for messages.

    Raises ScaffoldError if it is none.
    """
    ders = certificate_ders(pem)
    if not ders:
        raise _not_a_certificate(place, f"it {why_not(pem, CERTIFICATE)}")
    return read_der(ders[0], place)


def read_or_none(pem: bytes) -> Certificate | None:
    """Read a PEM file's certificate as `read`; None where there is none that can be read."""
    try:
        return read(pem, "")
    except ScaffoldError:
        return None


def read_at(path: Path) -> Certificate | None:
    """Read the certificate in a file; None where there is none that can be read."""
    return read_or_none(plain_or_empty(path))


def read_der(der: bytes, place: str) -> Certificate:
    """Read a certificate in DER; ScaffoldError as `read`."""
    try:
        certificate = Certificate(der)
        # `cryptography` parses each part when it is first asked for.
        _ = certificate.subject, certificate.issuer, certificate.key, certificate.usages
    except UNREADABLE as error:
        kind = kind_of_der(der)
        known = kind not in ("", "a certificate")
        reason = f"it holds {kind} under the label of a certificate" if known else str(error)
        raise _not_a_certificate(place, reason) from None
    return certificate


def _not_a_certificate(place: str, reason: str) -> ScaffoldError:
    return ScaffoldError(f"`{place}` is not a certificate", [Problem(Place(place), reason)])


def read_all(pem: bytes, place: str) -> tuple[Certificate, ...]:
    """Read every certificate that a PEM file holds; ScaffoldError as `read`.

    Raises it too where the file holds something else: etcd takes each block of such a file for a
    certificate, and does not start where one is none.
    """
    read(pem, place)
    found = blocks(pem)
    for block in found:
        if block.label != CERTIFICATE:
            kind = kind_of_label(block.label)
            raise _not_a_certificate(place, f"it holds {kind} too, and etcd wants certificates")
    if begun(pem, CERTIFICATE) > len(found):
        reason = "one of its certificates is cut off or damaged: Go passes over it"
        raise _not_a_certificate(place, reason)
    return tuple(read_der(block.der, place) for block in found)


def read_all_or_none(pem: bytes) -> tuple[Certificate, ...]:
    """Read every certificate that a PEM file holds as `read_all`; none where it can't be read."""
    try:
        return read_all(pem, "")
    except ScaffoldError:
        return ()


def read_all_at(path: Path) -> tuple[Certificate, ...]:
    """Read every certificate in a file as `read_all`; none where it can't be read."""
    return read_all_or_none(plain_or_empty(path))


def check_others(pem: bytes, place: str) -> None:
    """Raise ScaffoldError if Go can't read a certificate behind the first of a file.

    Who shows the file shows them all, and Go's clients and servers read each.
    """
    for der in certificate_ders(pem)[1:]:
        try:
            reason = gorefusals.parse_error(read_der(der, place).parsed)
        except ScaffoldError as error:
            reason = f"can't be read: {error.problems[0].message}"
        if reason:
            raise _not_a_certificate(place, f"what stands behind its certificate {reason}")


def check_headers(pem: bytes, place: str) -> None:
    """Raise ScaffoldError if a CA of a file has lines such as `Name: value` before its body.

    etcd itself takes it, while other programs in Go, and Python, do not.
    """
    if any(block.headers for block in blocks(pem)):
        reason = (
            "it has `Name: value` lines below a `-----BEGIN`: Go's AppendCertsFromPEM passes over "
            "such a CA, and Python refuses the file"
        )
        raise ScaffoldError(f"`{place}` can't be trusted as it is", [Problem(Place(place), reason)])


def is_of_ca(pem: bytes) -> bool:
    """Tell whether a file's first certificate is a CA's, a root of version 1 included.

    Blanks and a byte order mark keep a CA from being used, and not from being one.
    """
    for text in (pem, tidied(pem)):
        try:
            found = read(text, "")
        except ScaffoldError:
            continue
        return found.is_ca or (found.may_sign and found.names_itself)
    return False


def _words_and_texts(name: x509.Name) -> tuple[tuple[str, str], ...]:
    oids = ((attribute.oid.dotted_string, str(attribute.value)) for attribute in name)
    return tuple((WORDS.get(oid, oid), text) for oid, text in oids)


def _key_usages(bits: x509.KeyUsage) -> tuple[str, ...]:
    # The library raises where the last two are asked for without `key_agreement`.
    only = ("encipher_only", "decipher_only") if bits.key_agreement else ()
    fields = dict.fromkeys(usages.KEY_USAGES.values())
    usual = [each for each in fields if not each.endswith("_only")]
    return tuple(usages.word(each) for each in (*usual, *only) if getattr(bits, each))
