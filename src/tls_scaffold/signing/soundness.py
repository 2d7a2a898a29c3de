"""Whether a certificate can be used as it lies in a folder: it can be read, and so can its own key, and its CA's."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TypeVar

from tls_scaffold.errors import ScaffoldError
from tls_scaffold.signing.certificates import Certificate, read, signed_by, stands_alone
from tls_scaffold.signing.keys import private_key

Value = TypeVar("Value")
IN_TIME = "`make renew` signs again what has expired, `make regenerate` makes a new CA too"
TIME = "%Y-%m-%d %H:%M UTC"


def authority(pem: bytes, path: str) -> tuple[Certificate | None, list[str]]:
    """Return the CA in a PEM, and what is wrong with it.

    None too where several CAs stand in it, as while one follows another: then it does not say who has to have signed.
    """
    problems: list[str] = []
    certificate = _read(read, pem, path, problems)
    return certificate if stands_alone(pem) else None, problems


def faults(certificate_pem: bytes, key_pem: bytes, output: str, ca: Certificate | None, ca_path: str) -> list[str]:
    """Say what keeps the certificate `output`.pem and its key from being used where `ca` is trusted, a line each."""
    path, key_path = f"{output}.pem", f"{output}-key.pem"
    problems: list[str] = []
    certificate = _read(read, certificate_pem, path, problems)
    key = _read(private_key, key_pem, key_path, problems)
    if certificate and key and key.public_key() != certificate.parsed.public_key():
        problems.append(f"`{key_path}` is not the key of `{path}`")
    if certificate and ca and not signed_by(certificate, ca):
        problems.append(f"`{path}` is not signed by `{ca_path}`")
    return problems


def untimely(pems: Mapping[str, bytes], now: datetime) -> list[str]:
    """Say which of these certificates, sound ones by their paths, are not valid `now`, a line each."""
    lives = {path: read(pem, path) for path, pem in pems.items()}
    return [
        *(f"`{path}` expired {each.not_after:{TIME}}" for path, each in lives.items() if each.not_after < now),
        *(
            f"`{path}` is not valid before {each.not_before:{TIME}}"
            for path, each in lives.items()
            if now < each.not_before
        ),
    ]


def _read(reader: Callable[[bytes, str], Value], pem: bytes, path: str, problems: list[str]) -> Value | None:
    try:
        return reader(pem, path)
    except ScaffoldError as error:
        reasons = (problem.removeprefix(f"{path}: ") for problem in error.problems)
        problems.append(": ".join((error.summary, *reasons)))
        return None
