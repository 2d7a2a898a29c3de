"""A CA that can sign, or that is yet to be made."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from cryptography import x509

from tls_scaffold.cfssl import durations
from tls_scaffold.cfssl.profiles import ca_profile
from tls_scaffold.cfssl.requests import NAME_WORDS, Authority, Request, names_of
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.signing import certificates
from tls_scaffold.signing.capassword import Password, given_password
from tls_scaffold.signing.certificates import Certificate
from tls_scaffold.signing.keys import PrivateKey, read_private_key, signature_hash
from tls_scaffold.signing.pemfiles import stands_alone


@dataclass(frozen=True)
class CA:
    """A CA that can sign: its certificate and the key that fits it.

    `chain` is what stands behind each certificate that it signs, in PEM: nothing where it is below
    no other.
    """

    certificate: Certificate
    key: PrivateKey
    chain: bytes = b""

    @cached_property
    def name(self) -> x509.Name:
        """Its subject, byte by byte: what it signs names it as issuer."""
        return self.certificate.parsed.subject


@dataclass(frozen=True)
class NewCA:
    """A CA that is yet to be made: the path of its request, the request, and its life."""

    request_path: str
    request: Request
    not_before: datetime
    not_after: datetime

    @property
    def lifetime(self) -> timedelta:
        """How long it will live in all."""
        return ca_profile(self.request).lifetime

    @property
    def path_length(self) -> int | None:
        """How many CAs may follow one below the other; None is without a limit."""
        return ca_profile(self.request).constraint.path_length


def load_ca(
    certificate: bytes,
    key: bytes,
    place: str,
    key_place: str,
    password: Callable[[], Password] = given_password,
) -> CA:
    """Return the CA whose certificate and key these PEMs are; the places are their paths.

    `password` opens a key that is encrypted, as in `keys.read_private_key`. Raises ScaffoldError if
    one can't be read, if the certificate does not stand alone in its file, or if the key does not
    fit it.
    """
    read_certificate = certificates.read(certificate, place)
    ca = CA(read_certificate, read_private_key(key, key_place, password))
    if not stands_alone(certificate):
        raise ScaffoldError(
            f"`{place}` holds more than the CA's certificate",
            hint="leave the certificate that signs in it,"
            " and put others that are trusted into a file of their own",
        )
    if ca.key.public_key() != ca.certificate.public_key:
        raise mismatch_error(place, key_place)
    signature_hash(ca.key)  # refuses a curve that can't sign
    return ca


def mismatch_error(place: str, key_place: str) -> ScaffoldError:
    """Return the error for a CA whose two halves, by their paths, are of two CAs."""
    return ScaffoldError(
        f"`{key_place}` is not the key of `{place}`", hint="put back the two that belong together"
    )


def request_of_ca(certificate: Certificate) -> Request:
    """Return the request that gives a CA its certificate again, as `cfssl gencert -renewca` does.

    A URL of its CRL is not among it, nor a name of a kind that no request has a word for.
    """
    length = certificate.path_length
    return Request(
        cn=certificate.cn,
        hosts=certificate.hosts or None,
        names=names_of(each for each in certificate.subject if each[0] in NAME_WORDS),
        serial_number=certificate.serial_number_of_subject,
        ca=Authority(
            expiry=durations.text(certificate.lifetime),
            path_length=length or 0,
            path_length_zero=length == 0,
        ),
    )
