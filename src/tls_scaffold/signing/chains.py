"""What stands behind each leaf that a CA of a folder signs: `certs/chain.pem`, of peers another.

That is the CAs above it, or, while it follows another CA, its certificate signed by that one.
"""

import os
from collections.abc import Collection
from pathlib import Path

from tls_scaffold.disk.files import telling
from tls_scaffold.disk.plainfiles import plain
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.paths import CA, CHAINS
from tls_scaffold.signing import certificates, matching
from tls_scaffold.signing.certificates import Certificate
from tls_scaffold.signing.pemfiles import certificate_ders

HINT = "put it back; of a CA that was brought `tls-scaffold sync --ca FILE` writes it anew"


def not_behind(ca: str) -> str:
    """Say that the chain of a CA, by its path, does not stand behind a certificate."""
    return f"`{CHAINS[ca]}`, the CAs up to the root, does not stand behind it"


def read_chain(folder: Path, ca: str = CA) -> bytes:
    """Return what stands behind each certificate that a CA of `certs/` signs, in PEM.

    Nothing where there is no such file. Raises ScaffoldError if it holds anything but certificates
    of CAs.
    """
    path = CHAINS.get(ca, "")
    if not path or not os.path.lexists(folder / path):
        return b""
    with telling(folder / path):
        pem = plain(folder / path, path)
    if not all(each.may_sign for each in certificates.read_all(pem, path)):
        raise ScaffoldError(f"`{path}` holds a certificate that is no CA's", hint=HINT)
    return pem


def chain_of(folder: Path, ca: str) -> tuple[Certificate, ...]:
    """Return the certificates of the chain of a CA, by its path, as far as it can be read."""
    try:
        return certificates.read_all(read_chain(folder, ca), CHAINS.get(ca, ""))
    except ScaffoldError:
        return ()


def has_behind(pem: bytes, chain: Collection[Certificate]) -> bool:
    """Tell whether a chain stands behind the first certificate of a leaf's file, and nothing else.

    Where there is no chain anything may: who shows it does no harm.
    """
    return not chain or certificate_ders(pem)[1:] == tuple(each.der for each in chain)


def way_up(
    ca: Certificate, chain: Collection[Certificate], trusted: Collection[Certificate]
) -> tuple[Certificate, ...]:
    """Return the CAs from one up to one that is trusted, both included; none where none leads."""
    way = [ca]
    while True:
        root = next((each for each in trusted if matching.signed_by(way[-1], each)), None)
        if root:
            return (*way, root)
        above = (each for each in chain if each not in way and matching.signed_by(way[-1], each))
        link = next(above, None)
        if not link:
            return ()
        way.append(link)
