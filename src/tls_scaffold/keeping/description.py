"""How what a folder made by hand signs is called in an inventory."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tls_scaffold import words
from tls_scaffold.cfssl import durations, readers
from tls_scaffold.cfssl.profiles import CA_EXPIRY
from tls_scaffold.cfssl.requests import Request
from tls_scaffold.inventory.values import CLIENT, LOOPBACK, PEER, SHARED_REQUEST, Inventory
from tls_scaffold.makefiles.gencert import Signing

NAMES = {
    "O": "organization",
    "OU": "organizational_unit",
    "L": "locality",
    "ST": "state",
    "C": "country",
}
DEFAULTS = Inventory(members=())
PROXY = "proxy"


@dataclass(frozen=True)
class Seed:
    """Where the content of a file of ours comes from: another file, and the fields that its signing overrode."""

    source: str
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Leaf:
    """One certificate: what it is called, how and from what it is signed; `path` is where its request will be."""

    name: str
    signing: Signing
    request: Request
    server: bool
    path: str

    @property
    def cn(self) -> str:
        """The CN that it is signed for; its name where there is none, as an inventory has no component without."""
        return self.request.overridden(self.signing.cn, None).cn or self.name


def overrides(signing: Signing) -> dict[str, Any]:
    """Return the fields of a request that the command line of its signing puts others over, as `Request.overridden`."""
    cn = {"CN": signing.cn} if signing.cn else {}
    return {**cn, "hosts": signing.hostname.split(",")} if signing.hostname else cn


def own_hosts(request: Request, signing: Signing) -> list[str]:
    """Return the hosts that a certificate is signed for, but for loopback and what is none."""
    hosts = overrides(signing).get("hosts", request.hosts or ())
    loopback = {words.canonical_host(host) for host in (*LOOPBACK, "::1")}
    return [
        host
        for host in hosts
        if not words.host_problem(host) and words.canonical_host(host) not in loopback
    ]


def components(leaves: list[Leaf]) -> dict[str, Any]:
    """Return the inventory's lists of members, proxies and users."""
    by_name = {leaf.name: leaf for leaf in leaves if leaf.server}
    peers = {
        name: leaf
        for name, leaf in by_name.items()
        if name.removeprefix(PEER) in by_name.keys() - {name}
    }
    servers = [leaf for name, leaf in by_name.items() if name not in peers]
    members = [leaf for leaf in servers if not leaf.name.startswith(PROXY)] or servers
    owned = _owned(servers)
    cns = {leaf.cn for leaf in servers}
    own_cn = len(cns) != 1
    return {
        "members": [
            {
                **_server(leaf, owned[leaf.name], member=True, own_cn=own_cn),
                **_peer(leaf, peers.get(f"{PEER}{leaf.name}")),
            }
            for leaf in members
        ],
        "proxies": [
            _server(leaf, owned[leaf.name], member=False, own_cn=own_cn)
            for leaf in servers
            if leaf not in members
        ],
        "users": [_user(leaf) for leaf in leaves if not leaf.server],
        **({} if own_cn else {"members_cn": min(cns)}),
    }


def _peer(leaf: Leaf, peer: Leaf | None) -> dict[str, Any]:
    """Return a member's second certificate as its field."""
    if not peer:
        return {}
    cn = {} if peer.cn == leaf.cn else {"cn": peer.cn}
    request = {} if peer.path == leaf.path else {"request": peer.path}
    profile = (
        {} if peer.signing.profile == leaf.signing.profile else {"profile": peer.signing.profile}
    )
    return {"peer": {**cn, **request, **_output(peer), **profile}}


def _owned(servers: list[Leaf]) -> dict[str, list[str]]:
    """Tell which hosts are whose: those of a request of one's own, or the one that is called like the component.

    The others stay in the shared request, as the team's own.
    """
    used = Counter(leaf.path for leaf in servers)
    given: set[str] = set()
    owned: dict[str, list[str]] = {}
    for leaf in servers:
        hosts = own_hosts(leaf.request, leaf.signing)
        mine = [host for host in hosts if used[leaf.path] == 1 or host == leaf.name]
        owned[leaf.name] = [host for host in mine if words.canonical_host(host) not in given]
        given |= {words.canonical_host(host) for host in mine}
    return owned


def _server(leaf: Leaf, hosts: list[str], *, member: bool, own_cn: bool) -> dict[str, Any]:
    usual = leaf.path == SHARED_REQUEST and (hosts or not member)
    profile = {"profile": leaf.signing.profile} if leaf.signing.profile else {}
    return {
        "name": leaf.name,
        "hosts": hosts,
        **({"cn": leaf.cn} if own_cn else {}),
        **({} if usual else {"request": leaf.path}),
        **_output(leaf),
        **profile,
    }


def _user(leaf: Leaf) -> dict[str, Any]:
    return {
        "name": leaf.name,
        "cn": leaf.cn,
        **({} if leaf.path == f"config/req-{leaf.name}.json" else {"request": leaf.path}),
        **_output(leaf),
        **({} if leaf.signing.profile == CLIENT else {"profile": leaf.signing.profile}),
    }


def _output(leaf: Leaf) -> dict[str, str]:
    return {} if leaf.signing.output == f"certs/{leaf.name}" else {"output": leaf.signing.output}


def settings(leaves: list[Leaf], authority: Request, config: str) -> dict[str, Any]:
    """Return the settings that the inventory can name; what it can't stays as it is in the files."""
    request = next((leaf.request for leaf in leaves if leaf.server), leaves[0].request)
    ca_expiry = _hours(authority.ca.expiry if authority.ca and authority.ca.expiry else CA_EXPIRY)
    names = {
        NAMES[word]: text
        for name in request.names[:1]
        for word, text in name.items()
        if word in NAMES
    }
    return {
        "key": str(request.key) if words.key(str(request.key)) else str(DEFAULTS.key),
        "expiry": f"{min(_expiry(config), ca_expiry - 1)}h",
        "ca_expiry": f"{ca_expiry}h",
        "ca_cn": authority.cn or DEFAULTS.ca_cn,
        **dict.fromkeys(("organization", "organizational_unit", "locality"), ""),
        **{
            name: text
            for name, text in names.items()
            if name != "country" or re.fullmatch("[A-Z]{2}", text)
        },
    }


def _expiry(config: str) -> int:
    if not config:
        return DEFAULTS.expiry
    found, _ = readers.readable_signing_config(config, "ca-config.json")
    return _hours(found.default.expiry)


def _hours(text: str) -> int:
    duration = durations.parse(text)
    return max(1, int(duration.total_seconds()) // 3600) if duration else DEFAULTS.expiry
