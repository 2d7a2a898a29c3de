"""The flags of etcd on a member: the one table of Procfile, bundles, proofs and COMPONENTS.md."""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address

from tls_scaffold.bundles.settings import LIST, OUR_TRUST, PEER_TRUST, Paths, paths_in
from tls_scaffold.inventory.clusterparts import Member
from tls_scaffold.inventory.membersettings import EVERY_ADDRESS, STATES, retention
from tls_scaffold.inventory.urls import https_url, own_host
from tls_scaffold.inventory.values import Component, Inventory
from tls_scaffold.paths import PEER_CA
from tls_scaffold.spelling import canonical_address

EVERYWHERE = "0.0.0.0"  # noqa: S104  (where a member listens of whom no address is known)
FOR_CLIENTS, FOR_PEERS = "", "peer-"
PEER_CNS = "peer-cert-allowed-cn"
CRLS = {FOR_CLIENTS: "client-crl-file", FOR_PEERS: "peer-crl-file"}
COMPACTION = ("auto-compaction-mode", "auto-compaction-retention")


@dataclass(frozen=True)
class Urls:
    """Where a member listens, and where others find it; several with commas between them."""

    listen_client: str
    advertise_client: str
    listen_peer: str
    advertise_peer: str


def member_flags(
    inventory: Inventory,
    member: Member,
    pairs: tuple[Paths, Paths],
    urls: Mapping[str, Urls],
    data_dir: str,
    state: str = STATES[0],
) -> dict[str, str]:
    """Return etcd's flags for a member, without dashes, with their values; switches have `true`.

    `pairs` are what its clients and what its peers see, `urls` those of every member by its name.
    Without a `data_dir` it is the one that etcd has where it runs. All of it means the same to etcd
    3.4 to 3.7, but for a list of CNs of peers, which 3.5.15 brought.
    """
    own = urls[member.name]
    for_clients, for_peers = pairs
    compaction = inventory.settings(member).auto_compaction
    mode, keep_for = COMPACTION
    return {
        "name": member.name,
        **({"data-dir": data_dir} if data_dir else {}),
        "listen-client-urls": own.listen_client,
        "advertise-client-urls": own.advertise_client,
        "listen-peer-urls": own.listen_peer,
        "initial-advertise-peer-urls": own.advertise_peer,
        "initial-cluster": ",".join(f"{name}={at.advertise_peer}" for name, at in urls.items()),
        "initial-cluster-state": state,
        **tls_flags(FOR_CLIENTS, for_clients),
        **tls_flags(FOR_PEERS, for_peers),
        # Without it every certificate of the CA, a user's too, opens the peer port. Where peers
        # have a CA of their own it is a second lock.
        **({PEER_CNS: ",".join(cns)} if (cns := inventory.asked_peer_cns) else {}),
        # Said where it is off too: what is left out, the unit's own settings may switch on.
        mode: "periodic",
        keep_for: retention(compaction) if compaction else "0",
    }


def tls_flags(side: str, paths: Paths) -> dict[str, str]:
    """Return the flags for one side's certificate, and for whom is let in there."""
    return {
        f"{side}cert-file": paths.certificate,
        f"{side}key-file": paths.key,
        # Without it etcd looks at no CN.
        f"{side}client-cert-auth": "true",
        f"{side}trusted-ca-file": paths.ca,
        # No form of etcd.conf.yml has a field for it: flags and variables alone.
        **({CRLS[side]: paths.crl} if paths.crl else {}),
    }


def flags_on_host(inventory: Inventory, member: Member, home: str = "") -> dict[str, str]:
    """Return the flags of a member on its host, with its bundle in the folder `home`.

    Without one its files are where etcd is started.
    """
    urls = {each.name: _urls_on_host(inventory, each) for each in inventory.members}
    settings = inventory.settings(member)
    pairs = bundled_pairs(inventory, member, home)
    state = settings.initial_cluster_state
    return member_flags(inventory, member, pairs, urls, settings.data_dir, state)


def bundled_pairs(inventory: Inventory, member: Member, home: str) -> tuple[Paths, Paths]:
    """Return where a member finds its pairs if its bundle is in the folder `home`."""
    own, peer = inventory.pair(member)
    crl = LIST if inventory.crl else ""
    return (
        paths_in(home, own.name, OUR_TRUST, crl),
        paths_in(home, peer.name, trust_of(peer), crl),
    )


def trust_of(component: Component) -> str:
    """Return what a bundle calls the file that those trust who are shown a certificate."""
    return PEER_TRUST if component.ca == PEER_CA else OUR_TRUST


def _urls_on_host(inventory: Inventory, member: Member) -> Urls:
    if not member.hosts:
        # Of adopted members nobody may know where they are; no bundle is made of them.
        return Urls("", "", "", "")
    settings, own = inventory.settings(member), own_host(member)
    addresses = _addresses(inventory, member)
    for_clients = settings.listen_client or (*addresses, *_loopback_beside(addresses))
    for_peers = settings.listen_peer or addresses
    return Urls(
        ",".join(https_url(host, settings.client_port) for host in for_clients),
        https_url(own, settings.client_port),
        ",".join(https_url(host, settings.peer_port) for host in for_peers),
        https_url(own, settings.peer_port),
    )


def _addresses(inventory: Inventory, member: Member) -> tuple[str, ...]:
    """Return the addresses among a member's hosts, for it to listen on.

    One that other members have too is a virtual one, or a load balancer's: a member that does not
    have it at the moment would not start.
    """
    addresses = [address for host in member.hosts if (address := canonical_address(host))]
    for address in addresses:
        if address in EVERY_ADDRESS:
            return (address,)  # etcd can bind no other beside it
    own = tuple(address for address in addresses if address not in inventory.shared_hosts)
    return own or (EVERYWHERE,)


def _loopback_beside(addresses: tuple[str, ...]) -> tuple[str, ...]:
    """Return loopback, for those on the machine itself, unless it is listened on already."""
    for address in addresses:
        if address in EVERY_ADDRESS or ip_address(address).is_loopback:
            return ()
    return ("127.0.0.1",)
