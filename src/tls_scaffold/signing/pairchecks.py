"""Whether pairs can be used: they can be read, fit each other and their CA, and are valid now."""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import TypeVar

from tls_scaffold.errors import ScaffoldError
from tls_scaffold.signing import certificates
from tls_scaffold.signing.certificates import Certificate
from tls_scaffold.signing.keys import read_private_key
from tls_scaffold.signing.matching import signed_by

Value = TypeVar("Value")
CLOCK_HINT = (
    "is the clock right? `make renew` and `make req-NAME` sign again,"
    " `make regenerate` makes a new CA too"
)
TIME = "%Y-%m-%d %H:%M UTC"


def read_cas(pem: bytes, path: str) -> tuple[tuple[Certificate, ...], list[str]]:
    """Return the CAs in a PEM, several while one follows another, and what is wrong with it."""
    problems: list[str] = []
    return _read_or_note(certificates.read_all, pem, path, problems) or (), problems


def pair_faults(
    certificate_pem: bytes, key_pem: bytes, output: str, cas: Collection[Certificate], ca_path: str
) -> list[str]:
    """Say what keeps the pair `output`.pem from being used where `cas` are trusted, a line each."""
    path, key_path = f"{output}.pem", f"{output}-key.pem"
    problems: list[str] = []
    certificate = _read_or_note(certificates.read, certificate_pem, path, problems)
    key = _read_or_note(read_private_key, key_pem, key_path, problems)
    if certificate and key and key.public_key() != certificate.parsed.public_key():
        problems.append(f"`{key_path}` is not the key of `{path}`")
    if certificate and cas and not any(signed_by(certificate, ca) for ca in cas):
        problems.append(f"`{path}` is not signed by `{ca_path}`")
    return problems


def outside_lifetime(pems: Mapping[str, bytes], now: datetime) -> list[str]:
    """Say which of these certificates, sound ones by their paths, are not valid `now`.

    A line each, those that have expired first.
    """
    expired, not_yet_valid = [], []
    for path, pem in pems.items():
        certificate = certificates.read(pem, path)
        if certificate.has_ended(now):
            expired.append(f"`{path}` expired {certificate.not_after:{TIME}}")
        if now < certificate.not_before:
            not_yet_valid.append(f"`{path}` is not valid before {certificate.not_before:{TIME}}")
    return expired + not_yet_valid


def _read_or_note(
    reader: Callable[[bytes, str], Value], pem: bytes, path: str, problems: list[str]
) -> Value | None:
    try:
        return reader(pem, path)
    except ScaffoldError as error:
        problems.append(error.without(path))
        return None
