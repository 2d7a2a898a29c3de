"""Who of those that hold a certificate of a folder is let in, whoever asks for it today."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tls_scaffold.inventory.values import Inventory
from tls_scaffold.paths import PEER_CA
from tls_scaffold.signing import matching
from tls_scaffold.signing.certificates import Certificate
from tls_scaffold.signing.revocations import known_revocations
from tls_scaffold.signing.trust import read_trust


@dataclass(frozen=True)
class Acceptance:
    """What members take: certificates of these CAs, from peers of others, but those `revoked`."""

    cas: tuple[Certificate, ...]
    peer_cas: tuple[Certificate, ...]
    peer_cns: Collection[str]
    revoked: Collection[int]

    def takes(self, certificate: Certificate, now: datetime) -> bool:
        """Tell a component's certificate that lets its holder in `now`."""
        if certificate.is_ca or certificate.has_ended(now) or self.has_revoked(certificate):
            return False
        cas = dict.fromkeys((*self.cas, *self.peer_cas))
        return any(matching.signed_by(certificate, each) for each in cas)

    def has_revoked(self, certificate: Certificate) -> bool:
        """Tell what members are to refuse."""
        return certificate.parsed.serial_number in self.revoked

    def opens_peers(self, certificate: Certificate) -> bool:
        """Tell whether members take a certificate for one of them."""
        is_for_peers = certificate.is_for_clients and certificate.cn in self.peer_cns
        return is_for_peers and any(matching.signed_by(certificate, ca) for ca in self.peer_cas)


def acceptance_of(folder: Path, inventory: Inventory) -> Acceptance:
    """Return what the members of a folder take."""
    cas = read_trust(folder).signers
    peer_cas = read_trust(folder, PEER_CA).signers if inventory.peer_ca else cas
    return Acceptance(cas, peer_cas, inventory.peer_cns, known_revocations(folder))


def what_it_opens(cn: str, *, opens_peers: bool) -> str:
    """Return what a certificate of this CN that nobody asks for any more is good for."""
    if not cn:
        return "lets its holder try passwords at etcd's HTTP gateway"
    if opens_peers:
        return f"opens the peer port as CN `{cn}`"
    return f"is accepted as CN `{cn}`"
