"""Whether a certificate can be used as it lies in a folder: it can be read, and so can its own key, and its CA's."""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import TypeVar

from tls_scaffold.errors import ScaffoldError
from tls_scaffold.paths import KEY_ENDING
from tls_scaffold.signing.certificates import Certificate, read, read_all
from tls_scaffold.signing.fitting import signed_by
from tls_scaffold.signing.keys import private_key

Value = TypeVar("Value")
IN_TIME = "is the clock right? `make renew` and `make req-NAME` sign again, `make regenerate` makes a new CA too"
TIME = "%Y-%m-%d %H:%M UTC"


def authorities(pem: bytes, path: str) -> tuple[tuple[Certificate, ...], list[str]]:
    """Return the CAs in a PEM, several while one follows another, and what is wrong with it."""
    problems: list[str] = []
    return _read(read_all, pem, path, problems) or (), problems


def faults(
    certificate_pem: bytes, key_pem: bytes, output: str, cas: Collection[Certificate], ca_path: str
) -> list[str]:
    """Say what keeps the certificate `output`.pem and its key from being used where `cas` are trusted, a line each."""
    path, key_path = f"{output}.pem", f"{output}{KEY_ENDING}"
    problems: list[str] = []
    certificate = _read(read, certificate_pem, path, problems)
    key = _read(private_key, key_pem, key_path, problems)
    if certificate and key and key.public_key() != certificate.parsed.public_key():
        problems.append(f"`{key_path}` is not the key of `{path}`")
    if certificate and cas and not any(signed_by(certificate, ca) for ca in cas):
        problems.append(f"`{path}` is not signed by `{ca_path}`")
    return problems


def untimely(pems: Mapping[str, bytes], now: datetime) -> list[str]:
    """Say which of these certificates, sound ones by their paths, are not valid `now`, a line each."""
    lives = {path: read(pem, path) for path, pem in pems.items()}
    return [
        *(
            f"`{path}` expired {each.not_after:{TIME}}"
            for path, each in lives.items()
            if each.has_ended(now)
        ),
        *(
            f"`{path}` is not valid before {each.not_before:{TIME}}"
            for path, each in lives.items()
            if now < each.not_before
        ),
    ]


def _read(
    reader: Callable[[bytes, str], Value], pem: bytes, path: str, problems: list[str]
) -> Value | None:
    try:
        return reader(pem, path)
    except ScaffoldError as error:
        problems.append(error.without(path))
        return None
