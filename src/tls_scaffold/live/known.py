"""What the folder knows of certificates: its pairs, older ones, and whom it trusts."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tls_scaffold.disk.plainfiles import plain_or_empty
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory.values import Inventory
from tls_scaffold.live.endpoints import CLIENT, PEER
from tls_scaffold.paths import CERTIFICATE_ENDING, CRL, PEER_TRUST
from tls_scaffold.signing import certificates, matching
from tls_scaffold.signing.certificates import Certificate
from tls_scaffold.signing.pemfiles import blocks
from tls_scaffold.signing.revocationlists import read_list
from tls_scaffold.signing.revocations import Revocation, known_revocations
from tls_scaffold.signing.trust import read_trust
from tls_scaffold.state.removed import archived_paths, recorded_paths

LABEL = b"CERTIFICATE"


@dataclass(frozen=True)
class Recorded:
    """A certificate of the record: whose it was, and where it is."""

    name: str
    path: str


@dataclass(frozen=True)
class Known:
    """What a folder holds that a running member is compared with.

    `shown` has, by the path of each component's certificate, what its owner shows, the leaf first;
    `outputs` the path of what a member shows on a side; `trusted` the CAs of the file that a side
    trusts, and `trust_paths` where that is.
    """

    folder: Path
    shown: Mapping[str, tuple[bytes, ...]]
    outputs: Mapping[tuple[str, str], str]
    trusted: Mapping[str, tuple[Certificate, ...]]
    trust_paths: Mapping[str, str]

    @cached_property
    def recorded(self) -> Mapping[bytes, Recorded]:
        """What was signed here, by the leaf; `issued/` tells, and behind it the archive.

        Read only where somebody shows what `certs/` does not have: there may be thousands.
        """
        found: dict[bytes, Recorded] = {}
        for name, path in (*recorded_paths(self.folder), *archived_paths(self.folder)):
            if ders := _ders(self.folder / path):
                found.setdefault(ders[0], Recorded(name, path))
        return found

    @cached_property
    def revocations(self) -> Mapping[int, Revocation]:
        """What members are to refuse, by serial number."""
        return known_revocations(self.folder)

    def path_of(self, name: str) -> str:
        """Return the path of a component's certificate by what that is called; empty for none."""
        ending = f"/{name}{CERTIFICATE_ENDING}"
        return next((path for path in self.shown if f"/{path}".endswith(ending)), "")

    def has_revoked(self, leaf: Certificate) -> bool:
        """Tell whether the folder has revoked a certificate: in `revoked.tsv`, or in its list."""
        serial, found = leaf.parsed.serial_number, read_list(plain_or_empty(self.folder / CRL))
        return serial in self.revocations or (found is not None and serial in found.by_serial)

    def owner_of(self, leaf: Certificate) -> str:
        """Return the path of the folder's certificate that this is; empty if it is none."""
        return next((path for path, ders in self.shown.items() if ders[:1] == (leaf.der,)), "")

    def signer_of(self, leaf: Certificate, behind: tuple[Certificate, ...], side: str) -> bool:
        """Tell whether a CA that a side trusts signed a leaf, or what stands behind it."""
        return is_trusted(leaf, behind, self.trusted[side])


def is_trusted(
    leaf: Certificate, behind: tuple[Certificate, ...], cas: tuple[Certificate, ...]
) -> bool:
    """Tell whether a chain leads from a leaf, by the CAs behind it, to one of these."""
    tried: set[bytes] = set()
    reached = [leaf]
    while reached:
        below = reached.pop()
        if any(matching.signed_by(below, ca) for ca in cas):
            return True
        tried.add(below.der)
        reached += [
            each
            for each in behind
            if each.der not in tried and each.may_sign and matching.signed_by(below, each)
        ]
    return False


def read_known(folder: Path, inventory: Inventory | None) -> Known:
    """Read what a folder knows; files that can't be read are known as empty."""
    components = inventory.components if inventory else ()
    shown = {
        path: ders
        for path in dict.fromkeys(f"{each.output}{CERTIFICATE_ENDING}" for each in components)
        if (ders := _ders(folder / path))
    }
    outputs = {}
    for member in inventory.members if inventory else ():
        own, peer = inventory.pair(member) if inventory else (None, None)
        for side, each in ((CLIENT, own), (PEER, peer)):
            if each:
                outputs[member.name, side] = f"{each.output}{CERTIFICATE_ENDING}"
    trust = read_trust(folder)
    trusted, paths = {CLIENT: trust.cas, PEER: trust.cas}, {CLIENT: trust.path, PEER: trust.path}
    if os.path.lexists(folder / PEER_TRUST):
        trusted[PEER], paths[PEER] = _cas(folder, PEER_TRUST), PEER_TRUST
    return Known(folder, shown, outputs, trusted, paths)


def _ders(path: Path) -> tuple[bytes, ...]:
    return tuple(each.der for each in blocks(plain_or_empty(path)) if each.label == LABEL)


def _cas(folder: Path, path: str) -> tuple[Certificate, ...]:
    try:
        return certificates.read_all(plain_or_empty(folder / path), path)
    except ScaffoldError:
        return ()
