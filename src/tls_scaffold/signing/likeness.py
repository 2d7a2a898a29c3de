"""A thousand users whose certificates differ in little: compared, byte by byte, with one that was found right.

Reading a certificate and its request takes half a millisecond, this a tenth of it; `make` does it for every
component at every run. It only says yes to what is beyond doubt: all else is looked at in full.
"""

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tls_scaffold.cfssl.profiles import Profile
from tls_scaffold.cfssl.requests import PRINTABLE
from tls_scaffold.makefiles.gencert import Signing
from tls_scaffold.signing.certificates import UNREADABLE, Certificate
from tls_scaffold.signing.pemfiles import der_of
from tls_scaffold.words import CN_LENGTH

CN_OID = bytes.fromhex("0603550403")
SEQUENCE, SET, PRINTABLE_STRING, UTF8_STRING, UTC_TIME = 0x30, 0x31, 0x13, 0x0C, 0x17  # DER, X.690
SHORT = 0x7F  # the longest content whose length is one byte
BIT_STRING_HEADER = 3


@dataclass(frozen=True)
class Kind:
    """What one component must share with another to be like it but for its CN."""

    request: str
    config: str
    profile: str
    ca: str
    cn: str = field(compare=False)


def kind(signing: Signing, request: str) -> Kind | None:
    """Return the kind of a component whose request is this text; None for one of its own kind."""
    if signing.cn or signing.hostname or signing.unknown:
        return None
    parts = of_request(request)
    return (
        Kind(parts[1], signing.config, signing.profile, signing.ca, cn=parts[0]) if parts else None
    )


def of_request(text: str) -> tuple[str, str] | None:
    """Return a request's CN, and all the rest in a form that is equal for equal requests.

    None if it is unusual: then whether it can be signed may depend on the CN.
    """
    try:
        document = json.loads(text)
        cn = document.pop("CN")
        cn.encode()
    except (ValueError, LookupError, AttributeError, TypeError, RecursionError):
        return None
    if any(name.lower() == "cn" for name in document):  # Go takes the last spelling
        return None
    return (cn, repr(document)) if isinstance(cn, str) and 0 < len(cn) <= CN_LENGTH else None


@dataclass(frozen=True)
class Pattern:
    """A certificate that is right, cut at what differs from one user to the next: dates, CN, key and its digest."""

    issuer: bytes
    lifetime: timedelta
    before_cn: bytes
    after_cn: bytes
    before_point: bytes
    point_size: int
    before_key_id: bytes
    after_key_id: bytes

    def fits(self, cn: str, pem: bytes, key_pem: bytes) -> bool:
        """Tell whether a certificate is this one but for CN, dates and key, and whether it has that key."""
        try:
            der, key = der_of(pem, b"CERTIFICATE"), der_of(key_pem, b"EC PRIVATE KEY")
            x509.load_der_x509_certificate(der)
            lifetime, rest = _after_dates(der.partition(self.issuer)[2])
            subject = _tlv(SEQUENCE, self.before_cn + _rdn(cn) + self.after_cn)
        except (*UNREADABLE, IndexError):
            return False
        point = key[-self.point_size :]
        asked = (
            subject
            + self.before_point
            + point
            + self.before_key_id
            + _key_id(point)
            + self.after_key_id
        )
        return lifetime == self.lifetime and rest.startswith(asked)


def pattern(certificate: Certificate, profile: Profile) -> Pattern | None:
    """Return the pattern of a certificate that is right; None if it is not of the usual make, or has fixed dates."""
    parsed, public = certificate.parsed, certificate.parsed.public_key()
    if profile.not_before or profile.not_after:
        return None
    if not isinstance(public, ec.EllipticCurvePublicKey) or not certificate.issuer_key_id:
        return None
    point = public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    issuer = parsed.issuer.public_bytes()
    signed = certificate.der[: -len(parsed.signature) - BIT_STRING_HEADER]
    try:
        lifetime, rest = _after_dates(signed.partition(issuer)[2])
        before_cn, after_cn = _content(parsed.subject.public_bytes()).split(_rdn(certificate.cn))
        before_point, after_point = rest.removeprefix(parsed.subject.public_bytes()).split(point)
        before_key_id, after_key_id = after_point.split(_key_id(point))
    except (ValueError, IndexError):
        return None
    return Pattern(
        issuer, lifetime, before_cn, after_cn, before_point, len(point), before_key_id, after_key_id
    )


def _key_id(point: bytes) -> bytes:
    from hashlib import (
        sha1,
    )  # which takes 2 ms to load, and is not needed where nothing is signed yet

    return sha1(point, usedforsecurity=False).digest()


def _after_dates(der: bytes) -> tuple[timedelta, bytes]:
    """Take a certificate's validity off the front of `der`: its length in time, and what follows."""
    end = 2 + der[1]
    return _lifetime(der[:end]), der[end:]


@lru_cache(maxsize=256)  # many are signed at one moment
def _lifetime(validity: bytes) -> timedelta:
    middle = 4 + validity[3]
    return _moment(validity[middle:]) - _moment(validity[2:middle])


def _moment(der: bytes) -> datetime:
    text = der[2:-1].decode()
    if der[0] == UTC_TIME:
        text = ("19" if text >= "50" else "20") + text  # RFC 5280, 4.1.2.5.1
    month, day, hour, minute, second = (int(text[place : place + 2]) for place in range(4, 14, 2))
    return datetime(int(text[:4]), month, day, hour, minute, second)  # noqa: DTZ001 - both are UTC, only their difference counts


def _rdn(cn: str) -> bytes:
    kind = PRINTABLE_STRING if PRINTABLE.issuperset(cn) else UTF8_STRING
    return _tlv(SET, _tlv(SEQUENCE, CN_OID + _tlv(kind, cn.encode())))


def _tlv(tag: int, content: bytes) -> bytes:
    size = len(content)
    return (bytes((tag, size)) if size <= SHORT else bytes((tag, 0x81, size))) + content


def _content(der: bytes) -> bytes:
    return der[2:] if der[1] <= SHORT else der[3:]
