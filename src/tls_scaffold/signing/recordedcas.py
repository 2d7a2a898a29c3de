"""The CAs that a folder's record has: each that was ever at a path of `certs/`."""

from pathlib import Path

from tls_scaffold.disk.issued import PATHS_OF_CAS
from tls_scaffold.disk.plainfiles import names
from tls_scaffold.paths import CERTIFICATE_ENDING, ISSUED
from tls_scaffold.signing import certificates
from tls_scaffold.signing.certificates import Certificate


def recorded_ca_paths(folder: Path, ca: str) -> tuple[str, ...]:
    """Return where the record has the CAs of a path, ours or that of peers."""
    return tuple(filter(PATHS_OF_CAS[ca].fullmatch, names(folder, ISSUED, CERTIFICATE_ENDING)))


def recorded_cas(folder: Path, ca: str) -> dict[str, Certificate]:
    """Return the CAs of a path by where the record has them; what can't be read is passed over."""
    found = {path: certificates.read_at(folder / path) for path in recorded_ca_paths(folder, ca)}
    return {path: each for path, each in found.items() if each}


def followed_ca(folder: Path, ca: Certificate, path: str) -> Certificate | None:
    """Return the CA that was at a path before `ca`, which is there; None if none is known.

    Who was left behind hangs on it still. One that began later was given up again, and is none of
    them.
    """
    found = [
        each
        for each in recorded_cas(folder, path).values()
        if each.public_key != ca.public_key and each.not_before <= ca.not_before
    ]
    return max(found, key=lambda each: each.not_before, default=None)
