"""The CAs of a folder: those of `certs/`, and those that record and archive have."""

from collections.abc import Iterator
from pathlib import Path

from tls_scaffold.disk.plainfiles import names
from tls_scaffold.inventory.reach import SHELF
from tls_scaffold.paths import ARCHIVE, CA, CERTIFICATE_ENDING, CERTS, ISSUED, OLD_CAS, PEER_CA
from tls_scaffold.signing import certificates
from tls_scaffold.signing.caends import RECORDED_CA
from tls_scaffold.signing.certificates import Certificate

ENDING = "ca.pem"


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
