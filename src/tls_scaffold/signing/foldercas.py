"""The CAs of a folder: those of `certs/`, and those that record and archive have."""

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from tls_scaffold.disk.issued import DIGITS, PATHS_OF_CAS
from tls_scaffold.disk.plainfiles import names
from tls_scaffold.inventory.reach import SHELF
from tls_scaffold.paths import ARCHIVE, CA, CERTIFICATE_ENDING, CERTS, ISSUED, OLD_CAS, PEER_CA
from tls_scaffold.signing import certificates
from tls_scaffold.signing.certificates import Certificate
from tls_scaffold.signing.matching import signs_itself

ENDING = "ca.pem"
RECORDED_CA = re.compile(rf"{ISSUED}/(?:[a-z]+-)?ca-[0-9a-f]{{{DIGITS}}}\.pem")


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


def earlier_certificates(folder: Path, ca: Certificate) -> Iterator[tuple[str, Certificate]]:
    """Yield what the record has of a CA that ends before it, by path: its own name, and its key.

    It had them before it was signed again. What says that it signed itself, and did not, is
    somebody's who has not that key.
    """
    for path in filter(RECORDED_CA.fullmatch, names(folder, ISSUED, CERTIFICATE_ENDING)):
        found = certificates.read_at(folder / path)
        if found is None or found.not_after >= ca.not_after:
            continue
        has_its_name = found.parsed.subject == ca.parsed.subject
        is_forged = found.names_itself and not signs_itself(found)
        if has_its_name and found.public_key == ca.public_key and not is_forged:
            yield path, found


def ends_of_ca(folder: Path, ca: Certificate) -> tuple[datetime, ...]:
    """Return when a CA ends, and when its earlier certificates did.

    A life that was cut to one of these is the one that was asked for.
    """
    earlier = (each.not_after for _, each in earlier_certificates(folder, ca))
    return (ca.not_after, *earlier)


def cas_of(folder: Path) -> tuple[Certificate, ...]:
    """Return each certificate of a CA that signs or has signed here, those of `certs/` first.

    A CA that was signed again has several. What can't be read, or is no CA's, is passed over:
    record and archive may hold whatever came with a clone. Raises ScaffoldError where one of these
    folders can't be looked into.
    """
    found: dict[bytes, Certificate] = {}
    for path in _paths(folder):
        ca = certificates.read_at(folder / path)
        if ca and ca.may_sign:
            found.setdefault(ca.der, ca)
    return tuple(found.values())


def shelves(folder: Path) -> tuple[str, ...]:
    """Return the paths of what the archive has, the newest first: their names are times.

    Links are passed over.
    """
    found = reversed(names(folder, ARCHIVE, ""))
    return tuple(
        each for each in found if SHELF.fullmatch(each) and not (folder / each).is_symlink()
    )


def _paths(folder: Path) -> Iterator[str]:
    yield from (CA, PEER_CA, *OLD_CAS.values())
    yield from filter(RECORDED_CA.fullmatch, names(folder, ISSUED, ".pem"))
    for shelf in shelves(folder):
        yield from names(folder, f"{shelf}/{CERTS}", ENDING)
        for path in names(folder, f"{shelf}/{ISSUED}", CERTIFICATE_ENDING):
            if RECORDED_CA.fullmatch(path.removeprefix(f"{shelf}/")):
                yield path
