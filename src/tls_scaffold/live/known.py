"""What the folder knows of certificates: its pairs, older ones, and whom it trusts."""

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path

from tls_scaffold.disk.plainfiles import plain_or_empty
from tls_scaffold.inventory.values import Inventory
from tls_scaffold.live.endpoints import CLIENT, PEER
from tls_scaffold.paths import (
    CA_KEYS,
    CERTIFICATE_ENDING,
    CHAIN,
    CRL,
    PEER_CHAIN,
    PEER_TRUST,
    TRUSTS,
)
from tls_scaffold.signing import certificates, matching
from tls_scaffold.signing.certificates import Certificate
from tls_scaffold.signing.copies import archived_paths, name_of, recorded_paths
from tls_scaffold.signing.foldercas import cas_of
from tls_scaffold.signing.pemfiles import certificate_ders
from tls_scaffold.signing.revocationlists import read_list
from tls_scaffold.signing.revocations import Revocation, known_revocations
from tls_scaffold.signing.rotation import Rotation, Stage, rotation_of
from tls_scaffold.signing.trust import read_trust


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
    trusts, and `trust_paths` where that is; `chains` the certificates that stand behind each leaf
    of a side. `rotation` is the CA that follows another, if one does.
    """

    folder: Path
    shown: Mapping[str, tuple[bytes, ...]]
    outputs: Mapping[tuple[str, str], str]
    trusted: Mapping[str, tuple[Certificate, ...]]
    trust_paths: Mapping[str, str]
    chains: Mapping[str, tuple[Certificate, ...]]
    rotation: Rotation | None = None

    @cached_property
    def recorded(self) -> Mapping[bytes, Recorded]:
        """What was signed here, by the leaf; `issued/` tells, and behind it the archive.

        Read only where somebody shows what `certs/` does not have: there may be thousands.
        """
        found: dict[bytes, Recorded] = {}
        for name, path in (*recorded_paths(self.folder), *archived_paths(self.folder)):
            if ders := certificate_ders(plain_or_empty(self.folder / path)):
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

    def sides_of(self, ca: str) -> tuple[str, ...]:
        """Return the sides that trust the CA of a path: both, where peers have no other."""
        own = (ca, TRUSTS[ca])
        return tuple(side for side, path in self.trust_paths.items() if path in own)

    def rotation_on(self, side: str) -> Rotation | None:
        """Return the rotation that a side is part of; None if it is in none."""
        is_part = self.rotation and side in self.sides_of(self.rotation.ca)
        return self.rotation if is_part else None

    def at_leisure(self, side: str) -> frozenset[bytes]:
        """Return the subjects of CAs that members are to trust, and may load at any restart.

        While the trust file has the old CA and the new one, either is taken by whoever has loaded
        the old one: a cross certificate stands behind each leaf.
        """
        rotation = self.rotation_on(side)
        if not (rotation and rotation.new and rotation.stage is Stage.REPLACING):
            return frozenset()
        return frozenset({rotation.new.parsed.subject.public_bytes()})

    def trusts_of_others(self, side: str) -> tuple[tuple[Certificate, ...], ...]:
        """Return what others may trust who are as far as they have to be: the trust file's CAs.

        While a cross certificate stands behind each leaf, the old CA alone too.
        """
        rotation = self.rotation_on(side)
        if rotation and rotation.old and rotation.cross:
            return self.trusted[side], (rotation.old,)
        return (self.trusted[side],)

    def loaded(self, side: str, names: Collection[bytes]) -> tuple[Certificate, ...]:
        """Return the CAs that a port has loaded, by the subjects that it asks for.

        In a rotation those of old and new; else the trust file's, whatever the port has.
        """
        rotation = self.rotation_on(side)
        if rotation:
            both = (each for each in (rotation.old, rotation.new) if each)
            found = tuple(ca for ca in both if ca.parsed.subject.public_bytes() in names)
            return found or self.trusted[side]
        return self.trusted[side]

    @cached_property
    def earlier(self) -> tuple[Certificate, ...]:
        """The CAs that signed here once and do not any more, or will not soon.

        An older certificate of a CA of today is none of them.
        """
        of_today = [certificates.read_all_at(self.folder / path)[:1] for path in CA_KEYS]
        keys = [ca.public_key for found in of_today for ca in found]
        return tuple(each for each in cas_of(self.folder) if each.public_key not in keys)

    @cached_property
    def ca_certificates(self) -> tuple[Certificate, ...]:
        """Each certificate of a CA that somebody may have loaded, or shows behind a leaf."""
        of_sides = (*self.trusted.values(), *self.chains.values())
        return (*cas_of(self.folder), *(ca for cas in of_sides for ca in cas))

    def has_ended_ca(self, now: datetime) -> bool:
        """Tell whether one of the CAs' certificates has ended."""
        return any(ca.has_ended(now) for ca in self.ca_certificates)

    def is_end_of_ca(self, moment: datetime) -> bool:
        """Tell whether a certificate of a CA ends just then."""
        return any(ca.not_after == moment for ca in self.ca_certificates)

    def is_end_of_leaf(self, moment: datetime) -> bool:
        """Tell whether a certificate that was signed here ends just then, as many do with a CA."""
        leaves = {*(ders[0] for ders in self.shown.values()), *self.recorded}
        return any(Certificate(der).not_after == moment for der in leaves)

    def has_to_load(self, side: str, loaded: Collection[bytes]) -> bool:
        """Tell whether a port that has loaded these subjects has to load others, or fewer."""
        wanted = {ca.parsed.subject.public_bytes() for ca in self.trusted[side]}
        return bool(wanted) and wanted != {*loaded, *self.at_leisure(side)}

    def owner_of(self, leaf: Certificate) -> str:
        """Return the path of the folder's certificate that this is; empty if it is none."""
        return next((path for path, ders in self.shown.items() if ders[:1] == (leaf.der,)), "")

    def name_of(self, pem: bytes) -> str:
        """Return the component whose leaf a file holds, today's or an older one; empty if none's.

        None is named that the folder has no certificate of any more.
        """
        leaf = certificate_ders(pem)[:1]
        names = {path: name_of(path) for path in self.shown}
        for path, name in names.items():
            if self.shown[path][:1] == leaf:
                return name
        recorded = self.recorded.get(leaf[0]) if leaf else None
        return recorded.name if recorded and recorded.name in names.values() else ""


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
    members, pairs = (inventory.members, inventory.member_pairs) if inventory else ((), ())
    shown = {
        path: ders
        for path in dict.fromkeys(each.certificate_path for each in components)
        if (ders := certificate_ders(plain_or_empty(folder / path)))
    }
    outputs = {}
    for member, (own, peer) in zip(members, pairs, strict=True):
        outputs[member.name, CLIENT] = own.certificate_path
        outputs[member.name, PEER] = peer.certificate_path
    trust = read_trust(folder)
    trusted, paths = {CLIENT: trust.cas, PEER: trust.cas}, {CLIENT: trust.path, PEER: trust.path}
    chains = dict.fromkeys((CLIENT, PEER), certificates.read_all_at(folder / CHAIN))
    if os.path.lexists(folder / PEER_TRUST):
        paths[PEER] = PEER_TRUST
        trusted[PEER] = certificates.read_all_at(folder / PEER_TRUST)
        chains[PEER] = certificates.read_all_at(folder / PEER_CHAIN)
    return Known(folder, shown, outputs, trusted, paths, chains, rotation_of(folder))
