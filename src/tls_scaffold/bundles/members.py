"""What etcd is started with on a member, by the names of its flags: one answer for bundles, Procfile and proofs."""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address

from tls_scaffold.bundles.settings import Paths, lines, variables
from tls_scaffold.inventory.listed import Member
from tls_scaffold.inventory.membersettings import EVERY_ADDRESS, STATES, retention
from tls_scaffold.inventory.urls import own_host, url
from tls_scaffold.inventory.values import FILE, Component, Inventory
from tls_scaffold.words import canonical_address, visible

ENVIRONMENT = "etcd.env"
DROP_IN = "etcd.service.d/tls-scaffold.conf"
UNIT_FOLDER = "/var/lib/etcd"
CN_HINT = f"give the requests the CNs of `{FILE}`, or it theirs (`members_cn`, `cn`), then `tls-scaffold sync` and `make`"
EVERYWHERE = "0.0.0.0"  # noqa: S104  (what a member of whom no address is known has to listen on)


@dataclass(frozen=True)
class Urls:
    """Where a member listens, and where others find it; several with commas between them."""

    listen_client: str
    advertise_client: str
    listen_peer: str
    advertise_peer: str


@dataclass(frozen=True)
class Pairs:
    """The files that a member shows to its clients and to its peers; mostly they are one pair."""

    client: Paths
    peer: Paths


@dataclass(frozen=True)
class Start:
    """What a member starts from: its data, and whether its cluster is `new` or `existing`.

    Without a `data_dir` it is the one that etcd has where it runs.
    """

    data_dir: str = ""
    state: str = STATES[0]


def flags(
    inventory: Inventory, member: Member, shown: Pairs, urls: Mapping[str, Urls], start: Start
) -> dict[str, str]:
    """Return etcd's flags for a member, without dashes, with what each is given; flags without a word have `true`.

    `urls` are those of every member by its name. All of it means the same to etcd 3.4 to 3.7, but for a list of
    CNs of peers, which 3.5.15 brought.
    """
    settings, own = inventory.settings(member), urls[member.name]
    everybody = (f"{name}={each.advertise_peer}" for name, each in urls.items())
    return {
        "name": member.name,
        **({"data-dir": start.data_dir} if start.data_dir else {}),
        "listen-client-urls": own.listen_client,
        "advertise-client-urls": own.advertise_client,
        "listen-peer-urls": own.listen_peer,
        "initial-advertise-peer-urls": own.advertise_peer,
        "initial-cluster": ",".join(everybody),
        "initial-cluster-state": start.state,
        **_security("", shown.client),
        **_security("peer-", shown.peer),
        "peer-cert-allowed-cn": ",".join(inventory.peer_cns),
        "auto-compaction-mode": "periodic",
        # Said where it is off too: what is left out, the unit's own settings may switch on.
        "auto-compaction-retention": retention(settings.auto_compaction)
        if settings.auto_compaction
        else "0",
    }


def cn_problem(inventory: Inventory, component: Component, cn: str) -> str:
    """Say what is wrong with a certificate of this CN where members ask their peers for those of the inventory.

    The CN of a request that was edited by hand is not the inventory's: members would refuse each other, or let a
    user in. Empty if nothing is wrong. Proxies may have the members' CN.
    """
    asked = ", ".join(f"`{each}`" for each in inventory.peer_cns)
    if (
        any(component == peer for _, peer in inventory.member_pairs)
        and cn not in inventory.peer_cns
    ):
        return f"`{component.output}.pem` has the CN `{visible(cn)}`, and members ask for {asked}, as `{FILE}` says"
    if component.kind == "user" and cn in inventory.peer_cns:
        return f"`{component.output}.pem` has the members' CN `{visible(cn)}`: it would open their peer ports"
    return ""


def _security(side: str, paths: Paths) -> dict[str, str]:
    return {
        f"{side}cert-file": paths.certificate,
        f"{side}key-file": paths.key,
        f"{side}client-cert-auth": "true",
        f"{side}trusted-ca-file": paths.ca,
    }


def in_place(inventory: Inventory, member: Member, home: str = "") -> dict[str, str]:
    """Return the flags of a member on its host, with its files in `home`, or beside each other where that is empty."""
    urls = {each.name: _urls(inventory, each) for each in inventory.members}
    settings = inventory.settings(member)
    start = Start(settings.data_dir, settings.initial_cluster_state)
    return flags(inventory, member, pairs(inventory, member, home), urls, start)


def pairs(inventory: Inventory, member: Member, home: str) -> Pairs:
    """Return where a member's bundle has its files, in `home`, or beside each other where that is empty."""
    own, peer = inventory.pair(member)
    return Pairs(Paths(own.name, home), Paths(peer.name, home))


def files(inventory: Inventory, member: Member, home: str) -> dict[str, str]:
    """Return a member's settings as texts: etcd's variables, and what makes systemd read them."""
    where = home or UNIT_FOLDER
    relative = [] if home else [f"WorkingDirectory={where}"]
    return {
        ENVIRONMENT: lines(
            f"# What etcd runs with on {member.name}: each variable is the flag of its name.",
            f"# By hand, in this folder: (set -a; . ./{ENVIRONMENT}; exec etcd)",
            *_told(inventory, member),
        )
        + variables(
            {
                f"ETCD_{name.upper().replace('-', '_')}": word
                for name, word in in_place(inventory, member, home).items()
            }
        ),
        DROP_IN: lines(
            "# For /etc/systemd/system/etcd.service.d; the rest of the bundle is for",
            f"# {where}, and belongs to the unit's user, who is often called etcd.",
            "# Of the unit's variables it replaces those that etcd.env names. Take their flags out of its",
            "# ExecStart, etcd refuses both, and --config-file, beside which it reads no variable.",
            "[Service]",
            *relative,
            f"EnvironmentFile={where}/{ENVIRONMENT}",
            "UnsetEnvironment=ETCD_CONFIG_FILE",  # with it etcd passes over every other variable, those of TLS too
        ),
    }


def _told(inventory: Inventory, member: Member) -> list[str]:
    told = []
    if not inventory.settings(member).data_dir:
        # A member that begins anew where its data was thought to be looks like one that has lost everything.
        told += [
            "# No ETCD_DATA_DIR: the unit's own counts. Where that names none, etcd begins with an empty",
            f"# {member.name}.etcd in its working directory; `tls-scaffold bundle --data-dir` names one.",
        ]
    if len(inventory.peer_cns) > 1:
        told += [
            "# ETCD_PEER_CERT_ALLOWED_CN is a list, which etcd takes from 3.5.15 on. Before, members with it refuse",
            "# each other; without it every certificate of the CA, a user's too, opens the peer port.",
        ]
    return told


def _urls(inventory: Inventory, member: Member) -> Urls:
    if not member.hosts:
        return Urls(
            "", "", "", ""
        )  # of adopted members nobody may know where they are; no bundle is made of them
    settings, own = inventory.settings(member), own_host(member)
    addresses = _listening(member)
    clients = settings.listen_client or (*addresses, *_loopback(addresses))
    return Urls(
        ",".join(url(host, settings.client_port) for host in clients),
        url(own, settings.client_port),
        ",".join(url(host, settings.peer_port) for host in settings.listen_peer or addresses),
        url(own, settings.peer_port),
    )


def _listening(member: Member) -> tuple[str, ...]:
    """Return the addresses among a member's hosts; if one is every address, that alone: etcd binds no other beside."""
    addresses = tuple(filter(None, map(canonical_address, member.hosts))) or (EVERYWHERE,)
    return next(((each,) for each in addresses if each in EVERY_ADDRESS), addresses)


def _loopback(listening: tuple[str, ...]) -> list[str]:
    """Return loopback for those on the machine itself, unless what is listened on has it already."""
    has_it = any(host in EVERY_ADDRESS or ip_address(host).is_loopback for host in listening)
    return [] if has_it else ["127.0.0.1"]
